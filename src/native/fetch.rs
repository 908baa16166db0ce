//! One HTTP GET on a connection of its own: the same way out as the WebSocket, no pool, no redirects. Never knows what is
//! asked for.

use std::time::Duration;

use http::{
    HeaderValue, Method, Request, Uri,
    header::{CONNECTION, HOST, RETRY_AFTER, USER_AGENT},
};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{task::JoinSet, time::timeout};

use super::{
    dial::{Target, failed},
    options::ConnectOptions,
};
use crate::{
    driver::{HttpRequest, HttpResponse, LARGEST_ANSWER},
    proto::TransportError,
};

/// From the first name to the last byte, where an answer comes at once: as long as a shard waits for a socket to open.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// The line and headers of an answer, in bytes. Discord's have some two thousand.
const LARGEST_HEAD: usize = 64 << 10;

/// Makes `request`, and waits no longer than `patience`.
pub(super) async fn fetch(
    request: HttpRequest,
    options: &ConnectOptions,
    patience: Duration,
) -> Result<HttpResponse, TransportError> {
    match timeout(patience, exchange(request, options)).await {
        Ok(answer) => answer,
        Err(_) => Err(failed(format_args!("no answer within {} seconds", patience.as_secs()))),
    }
}

async fn exchange(
    request: HttpRequest,
    options: &ConnectOptions,
) -> Result<HttpResponse, TransportError> {
    let uri: Uri = request
        .url
        .parse()
        .map_err(|error| failed(format_args!("the address is no good: {error}")))?;
    let stream = Target::of(&uri).dial(options).await?;
    let request = http_request(request, &uri, options)?;

    let broken = |error| failed(format_args!("the HTTP connection broke: {error}"));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(LARGEST_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Ends with this exchange, however that ends.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    // One that is too large is refused by whoever reads it; the rest need not come.
    while body.len() <= LARGEST_ANSWER
        && let Some(frame) = incoming.frame().await
    {
        body.extend(frame.map_err(broken)?.into_data().unwrap_or_default());
    }
    Ok(HttpResponse { status, retry_after, body })
}

fn http_request(
    request: HttpRequest,
    uri: &Uri,
    options: &ConnectOptions,
) -> Result<Request<Empty<Bytes>>, TransportError> {
    let bad =
        |error: &dyn std::error::Error| failed(format_args!("the request cannot be sent: {error}"));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let place = uri.authority().map_or("", |authority| authority.as_str());
    let mut http = Request::builder()
        .method(Method::GET)
        .uri(path)
        .header(HOST, place)
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| bad(&error))?;
    for (name, value) in request.headers {
        let mut value = HeaderValue::from_str(&value).map_err(|error| bad(&error))?;
        value.set_sensitive(true);
        http.headers_mut().insert(name, value);
    }
    http.headers_mut().insert(USER_AGENT, options.user_agent.clone());
    Ok(http)
}
