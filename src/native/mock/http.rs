//! HTTP on both listeners: discovery, the endpoints that inject faults, and the way over to the WebSocket.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    owner::{Ask, ask},
    socket::serve_websocket,
};
use crate::testing::{Host, Refusal, ServerInput};

/// Bodies that are read, in bytes.
const LARGEST_BODY: usize = 1 << 20;

/// Accepts connections until it is aborted.
pub(super) async fn accept(
    listener: TcpListener,
    host: Host,
    asks: mpsc::Sender<Ask>,
    slots: Arc<Semaphore>,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let Ok((tcp, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: they come back.
            time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Small messages should leave at once; without it they only leave later.
        let _ = tcp.set_nodelay(true);
        while connections.try_join_next().is_some() {}
        connections.spawn(serve_http(tcp, host, asks.clone(), Arc::new(slot)));
    }
}

async fn serve_http(
    tcp: TcpStream,
    host: Host,
    asks: mpsc::Sender<Ask>,
    slot: Arc<OwnedSemaphorePermit>,
) {
    let service = service_fn(|request| {
        let (asks, slot) = (asks.clone(), slot.clone());
        async move { Ok::<_, Infallible>(answer(request, host, asks, slot).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
    // A broken HTTP connection concerns nobody but its client.
    let _ = connection.with_upgrades().await;
}

async fn answer(
    request: Request<Incoming>,
    host: Host,
    asks: mpsc::Sender<Ask>,
    slot: Arc<OwnedSemaphorePermit>,
) -> Response<Full<Bytes>> {
    let is_upgrade = request
        .headers()
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if is_upgrade {
        return upgrade(request, host, asks, slot).await;
    }
    let mut response = match (request.method(), request.uri().path()) {
        (&Method::OPTIONS, _) => reply(StatusCode::NO_CONTENT, String::new()),
        (&Method::GET, "/api/v10/gateway" | "/api/v9/gateway") => {
            discovery(ask(&asks, |gateway, _| gateway.gateway_body()).await)
        }
        (&Method::GET, "/api/v10/gateway/bot" | "/api/v9/gateway/bot") => {
            discover_for_bot(request.headers(), &asks).await
        }
        (&Method::GET, "/mock/state") => {
            let state = ask(&asks, |gateway, _| gateway.state()).await;
            discovery(state.and_then(|state| serde_json::to_string(&state).ok()))
        }
        (&Method::GET, "/mock/received") => {
            let visits = ask(&asks, |gateway, _| gateway.visits()).await;
            discovery(visits.and_then(|visits| serde_json::to_string(&visits).ok()))
        }
        (&Method::POST, "/mock/fault") => inject(request, &asks).await,
        (&Method::POST, "/mock/events") => emit(request, &asks).await,
        _ => reply(StatusCode::NOT_FOUND, r#"{"message":"404: Not Found","code":0}"#.into()),
    };
    allow_any_origin(response.headers_mut());
    response
}

fn discovery(body: Option<String>) -> Response<Full<Bytes>> {
    match body {
        Some(body) => reply(StatusCode::OK, body),
        None => reply(StatusCode::SERVICE_UNAVAILABLE, String::new()),
    }
}

async fn discover_for_bot(headers: &HeaderMap, asks: &mpsc::Sender<Ask>) -> Response<Full<Bytes>> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.unwrap_or_default().to_owned();
    let body = ask(asks, move |gateway, now| {
        gateway.accepts(&token).then(|| gateway.gateway_bot_body(now))
    });
    match body.await {
        Some(None) => {
            reply(StatusCode::UNAUTHORIZED, r#"{"message":"401: Unauthorized","code":0}"#.into())
        }
        body => discovery(body.flatten()),
    }
}

async fn inject(request: Request<Incoming>, asks: &mpsc::Sender<Ask>) -> Response<Full<Bytes>> {
    match read(request, "a fault such as {\"fault\":\"reconnect\"}").await {
        Ok(fault) => {
            ask(asks, move |gateway, now| gateway.handle(ServerInput::Inject(fault), now)).await;
            reply(StatusCode::NO_CONTENT, String::new())
        }
        Err(refusal) => refusal,
    }
}

/// An event that happens in a guild, as whoever tests asks for it.
#[derive(Deserialize)]
struct GuildEvent {
    guild_id: u64,
    name: String,
    data: Box<RawValue>,
}

async fn emit(request: Request<Incoming>, asks: &mpsc::Sender<Ask>) -> Response<Full<Bytes>> {
    match read::<Vec<GuildEvent>>(request, "a list of {guild_id, name, data}").await {
        Ok(events) => {
            ask(asks, move |gateway, now| {
                for GuildEvent { guild_id, name, data } in events {
                    gateway.emit_in_guild(guild_id, &name, data.get());
                }
                gateway.handle(ServerInput::TimePassed, now);
            })
            .await;
            reply(StatusCode::NO_CONTENT, String::new())
        }
        Err(refusal) => refusal,
    }
}

/// The body, or what to answer if it is not `expected`.
async fn read<T: DeserializeOwned>(
    request: Request<Incoming>,
    expected: &str,
) -> Result<T, Response<Full<Bytes>>> {
    let refuse = |sentence| reply(StatusCode::BAD_REQUEST, sentence);
    let body = Limited::new(request.into_body(), LARGEST_BODY).collect().await;
    let body = body.map_err(|error| refuse(format!("body not read: {error}\n")))?;
    serde_json::from_slice(&body.to_bytes())
        .map_err(|error| refuse(format!("expected {expected}: {error}\n")))
}

fn reply(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let kind = if body.starts_with(['{', '[']) { "application/json" } else { "text/plain" };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn allow_any_origin(headers: &mut HeaderMap) {
    let all: [(HeaderName, &str); 4] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        // Chrome asks for this before a public page may reach the loopback interface.
        (HeaderName::from_static("access-control-allow-private-network"), "true"),
    ];
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Switches to the WebSocket protocol, unless a fault is against it.
async fn upgrade(
    mut request: Request<Incoming>,
    host: Host,
    asks: mpsc::Sender<Ask>,
    slot: Arc<OwnedSemaphorePermit>,
) -> Response<Full<Bytes>> {
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        return reply(StatusCode::BAD_REQUEST, "expected the header sec-websocket-key\n".into());
    };
    let accept_key = derive_accept_key(key.as_bytes());
    let refusal = match ask(&asks, move |gateway, now| gateway.admits(host, now)).await {
        Some(Ok(())) => None,
        Some(Err(Refusal::Status(status))) => Some(status),
        // The listener is about to go; this connection slipped in before.
        Some(Err(Refusal::Unreachable)) | None => Some(503),
    };
    if let Some(status) = refusal {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        return reply(status, "handshake refused by a fault\n".into());
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgraded.await {
            serve_websocket(upgraded, host, query, asks).await;
        }
        drop(slot);
    });
    let mut response = reply(StatusCode::SWITCHING_PROTOCOLS, String::new());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(value) = HeaderValue::from_str(&accept_key) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, value);
    }
    response
}
