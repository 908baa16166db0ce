//! An identify queue that is asked over HTTP. Keeps no order of its own.

use std::{fmt, sync::Arc, time::Duration};

use futures::future::{BoxFuture, FutureExt as _};
use http::Uri;

use super::{ConnectOptions, OptionError, fetch::fetch};
use crate::{
    driver::{Grant, HttpRequest, IdentifyQueue},
    proto::{Instant, QueueError, ShardId},
};

/// How long an answer may take; after that the shard asks again. A place in the line is lost by that, so it is long.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two questions to a server that does not answer, unless it says how long.
const RETRY_IN: Duration = Duration::from_secs(5);
/// However long it says.
const LONGEST_RETRY: Duration = Duration::from_secs(600);

/// Asks a service for each turn to identify, so that all processes of a bot keep one order: a [`QueueServer`](super::QueueServer),
/// or twilight's HTTP queue, whose protocol this is.
///
/// `GET ADDRESS?shard=NUMBER` is answered with a status of success once the shard may identify, whatever the body. Hanging up
/// gives the place up. A server that cannot be reached, or answers with another status, is asked again, after `retry-after`
/// seconds if it says so.
#[derive(Clone)]
pub struct HttpQueue {
    url: Arc<str>,
    options: ConnectOptions,
}

impl HttpQueue {
    /// The queue at `url`, such as `http://127.0.0.1:8585/`.
    ///
    /// # Errors
    ///
    /// [`OptionError::BadQueueUrl`].
    pub fn new(url: &str, options: ConnectOptions) -> Result<Self, OptionError> {
        let is_good = url.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none()
        });
        if !is_good {
            return Err(OptionError::BadQueueUrl);
        }
        Ok(Self { url: url.into(), options })
    }
}

impl IdentifyQueue for HttpQueue {
    fn turn(&self, shard: ShardId, _: Instant) -> BoxFuture<'static, Result<Grant, QueueError>> {
        let Self { url, options } = self.clone();
        async move {
            let url = format!("{url}?shard={}", shard.number());
            let answer = fetch(HttpRequest { url, headers: Vec::new() }, &options, PATIENCE).await;
            let retry_in = match answer {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(Grant::Now),
                Ok(answer) => answer.retry_after.and_then(|text| text.parse().ok()),
                Err(_) => None,
            };
            let retry_in = retry_in.map_or(RETRY_IN, Duration::from_secs).min(LONGEST_RETRY);
            Err(QueueError::Unavailable { retry_in })
        }
        .boxed()
    }
}

impl fmt::Debug for HttpQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpQueue").field("url", &self.url).finish_non_exhaustive()
    }
}
