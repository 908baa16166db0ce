//! The answer to one request: its parts as they come, or all of them. Asks nothing itself.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{Stream, StreamExt};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{handle::Line, news::News};
use crate::proto::{Part, Reply, RequestError};

/// A request whose answer is being collected: a stream of its [`Reply`]s, or by [`answer`](Self::answer) all of it.
///
/// The shard must be polled meanwhile, by another task or by `futures::join`: awaiting an answer in the loop that reads the
/// shard's events waits for ever. Dropping it gives the request up.
#[must_use = "dropping it gives the request up"]
pub struct Collecting {
    /// Bounded by [`Limits::answer_bytes`](crate::proto::Limits::answer_bytes).
    replies: News<Reply>,
    /// `None` once there is nothing to give up.
    line: Option<Arc<Line>>,
    number: u64,
}

impl Collecting {
    pub(super) fn new(replies: News<Reply>, line: Arc<Line>, number: u64) -> Self {
        Self { replies, line: Some(line), number }
    }

    /// Its number, for [`ShardHandle::take_back`](super::ShardHandle::take_back).
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The whole answer.
    pub async fn answer(mut self) -> Result<Answer, RequestError> {
        let mut parts = Vec::new();
        while let Some(reply) = self.next().await {
            match reply {
                Reply::Done => return Ok(Answer { parts }),
                Reply::Failed(error) => return Err(error),
                Reply::Part(part) => parts.push(part),
                Reply::Restarted => parts.clear(),
            }
        }
        Err(RequestError::Stopped)
    }
}

impl Stream for Collecting {
    type Item = Reply;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Reply>> {
        let reply = self.replies.poll(cx);
        if let Poll::Ready(None | Some(Reply::Done | Reply::Failed(_))) = &reply {
            self.line = None;
        }
        reply
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.take_back(self.number);
        }
    }
}

impl fmt::Debug for Collecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collecting").finish_non_exhaustive()
    }
}

/// All parts of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// One for each dispatch, in the order in which they came.
    pub parts: Vec<Part>,
}

impl Answer {
    /// All members, of the chunks of a [`Request::Members`](crate::proto::Request::Members).
    pub fn members<T: DeserializeOwned>(&self) -> serde_json::Result<Vec<T>> {
        self.all("members")
    }

    /// All presences, if they were asked for.
    pub fn presences<T: DeserializeOwned>(&self) -> serde_json::Result<Vec<T>> {
        self.all("presences")
    }

    /// The ids that were asked for and not found. Discord gives those that are no snowflakes back as numbers.
    pub fn not_found(&self) -> serde_json::Result<Vec<String>> {
        let ids = self.all::<Box<RawValue>>("not_found")?;
        Ok(ids.iter().map(|id| id.get().trim_matches('"').to_owned()).collect())
    }

    /// The data of the first part called `name`, such as `CHANNEL_INFO` or `VOICE_SERVER_UPDATE`.
    pub fn data<T: DeserializeOwned>(&self, name: &str) -> serde_json::Result<Option<T>> {
        let part = self.parts.iter().find(|part| *part.name == *name);
        part.map(|part| serde_json::from_str(&part.data)).transpose()
    }

    /// The lists called `field` of all parts, one after another.
    pub fn all<T: DeserializeOwned>(&self, field: &str) -> serde_json::Result<Vec<T>> {
        let mut all = Vec::new();
        for part in &self.parts {
            let mut fields: Fields<'_> = serde_json::from_str(&part.data)?;
            if let Some(list) = fields.0.remove(field) {
                all.append(&mut serde_json::from_str::<Vec<T>>(list.get())?);
            }
        }
        Ok(all)
    }
}

/// The fields of an object, not looked into.
#[derive(Deserialize)]
struct Fields<'a>(#[serde(borrow)] std::collections::HashMap<&'a str, &'a RawValue>);
