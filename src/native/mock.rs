//! Sockets for the mock gateway: HTTP discovery, the WebSocket, and endpoints to inject faults. Decides nothing about the
//! protocol; that is [`Gateway`]'s work.
//!
//! One task owns the [`Gateway`]; every connection has a task of its own. They talk over bounded channels. A client that
//! does not read first stops getting steady events and is cut in the end.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::{AbortHandle, JoinHandle, JoinSet},
    time,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WebSocketError, Message,
        handshake::derive_accept_key,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame as WireFrame,
                coding::{Data, OpCode},
            },
        },
    },
};

use crate::{
    proto::{Close, Frame, Instant},
    testing::{
        Fault, Fragments, Gateway, GatewayOptions, Host, Notice, Peer, Refusal, ServerInput,
        ServerOutput, State,
    },
};

/// The settings of a [`MockServer`].
#[derive(Clone, Debug)]
pub struct MockOptions {
    /// What the gateway is like. The server fills in both addresses.
    pub gateway: GatewayOptions,
    /// Where to listen; port 0 takes any. The resume address is another port of the same interface.
    pub listen: SocketAddr,
}

impl Default for MockOptions {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { gateway: GatewayOptions::default(), listen }
    }
}

/// A mock gateway on real sockets. Stops when it is dropped.
///
/// Besides the WebSocket it serves `GET /api/v10/gateway` and `/api/v10/gateway/bot`, `GET /mock/state` (a [`State`] as
/// JSON) and `POST /mock/fault` (a [`Fault`] as JSON; 204, or 400 with a sentence). Any origin may call these: it is a tool
/// for the loopback interface.
#[derive(Debug)]
pub struct MockServer {
    address: SocketAddr,
    asks: mpsc::Sender<Ask>,
    notices: Option<mpsc::Receiver<Notice>>,
    owner: JoinHandle<()>,
}

impl MockServer {
    /// Opens both listeners on the current tokio runtime.
    pub async fn bind(options: MockOptions) -> io::Result<Self> {
        let MockOptions { mut gateway, listen } = options;
        let base = TcpListener::bind(listen).await?;
        let resume = TcpListener::bind((listen.ip(), 0)).await?;
        let (address, resume_address) = (base.local_addr()?, resume.local_addr()?);
        gateway.url = format!("ws://{}", reachable(address));
        gateway.resume_gateway_url = format!("ws://{}", reachable(resume_address));
        let (asks, inbox) = mpsc::channel(1024);
        let (notify, notices) = mpsc::channel(1024);
        let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut listeners = JoinSet::new();
        listeners.spawn(accept(base, Host::Base, asks.clone(), slots.clone()));
        let started = time::Instant::now();
        let owner = Owner {
            gateway: Gateway::new(gateway, Instant::ZERO),
            started,
            inbox,
            notify,
            lines: HashMap::new(),
            next_peer: 1,
            resume: ResumeHost {
                address: resume_address,
                asks: asks.clone(),
                slots,
                listening: None,
            },
            listeners,
        };
        let owner = tokio::spawn(owner.run(resume));
        Ok(Self { address: reachable(address), asks, notices: Some(notices), owner })
    }

    /// The base address: `ws://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The address for HTTP requests: `http://127.0.0.1:PORT`.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens, line by line. Lines that nobody takes in time are lost. Gives the receiver once.
    pub fn take_notices(&mut self) -> Option<mpsc::Receiver<Notice>> {
        self.notices.take()
    }

    /// Lets a fault happen now; it has happened when this returns.
    pub async fn inject(&self, fault: Fault) {
        ask(&self.asks, move |gateway, now| gateway.handle(ServerInput::Inject(fault), now)).await;
    }

    /// Sends an event to every session; see [`Gateway::emit`].
    pub async fn emit(&self, name: &str, data: &str) {
        let (name, data) = (name.to_owned(), data.to_owned());
        ask(&self.asks, move |gateway, _| gateway.emit(&name, &data)).await;
    }

    /// Where everything stands.
    pub async fn state(&self) -> State {
        self.with(|gateway| gateway.state()).await.unwrap_or_default()
    }

    /// Looks into the gateway. `None` if it has stopped.
    pub async fn with<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Gateway) -> T + Send + 'static,
    ) -> Option<T> {
        ask(&self.asks, move |gateway, _| look(gateway)).await
    }

    /// Closes everything with 1001 and says where it stood.
    pub async fn shutdown(self) -> State {
        let (reply, answer) = oneshot::channel();
        // If the owner is gone there is nothing to shut down.
        let _ = self.asks.send(Ask::Shutdown(reply)).await;
        answer.await.unwrap_or_default()
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.owner.abort();
    }
}

/// Connections at the same time.
const MOST_CONNECTIONS: usize = 4096;
/// Messages waiting for one client, at most.
const LINE: usize = 16_384;
/// Bytes waiting for one client above which it gets no steady events, below which it does again, and above which it is cut.
const HIGH: usize = 1 << 20;
const LOW: usize = HIGH / 2;
const FULL: usize = 256 << 20;
/// What a message weighs besides its payload.
const MESSAGE: usize = 128;
/// How long a closed connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// Messages that are read, in bytes. Far above what the gateway allows, so that it can say so.
const LARGEST_MESSAGE: usize = 4 << 20;
/// Bodies that are read, in bytes.
const LARGEST_BODY: usize = 1 << 20;

/// What the owner of the gateway is asked to do.
enum Ask {
    /// Do this with the gateway, carry out what comes of it, then give the answer.
    Run(Box<dyn Errand>),
    Connected {
        host: Host,
        query: String,
        line: Line,
        reply: oneshot::Sender<Peer>,
    },
    Received(Peer, Frame),
    Relieved(Peer),
    Gone(Peer, Option<Close>),
    Shutdown(oneshot::Sender<State>),
}

/// Something to do with the gateway.
trait Errand: Send {
    fn run(self: Box<Self>, gateway: &mut Gateway, now: Instant) -> Answer;
}

impl<F: FnOnce(&mut Gateway, Instant) -> Answer + Send> Errand for F {
    fn run(self: Box<Self>, gateway: &mut Gateway, now: Instant) -> Answer {
        self(gateway, now)
    }
}

/// Gives the result of an [`Ask::Run`] to whoever asked.
struct Answer(Box<dyn FnOnce() + Send>);

async fn ask<T: Send + 'static>(
    asks: &mpsc::Sender<Ask>,
    what: impl FnOnce(&mut Gateway, Instant) -> T + Send + 'static,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    let run = move |gateway: &mut Gateway, now| {
        let result = what(gateway, now);
        Answer(Box::new(move || drop(reply.send(result))))
    };
    asks.send(Ask::Run(Box::new(run))).await.ok()?;
    answer.await.ok()
}

/// The way to one connection's task.
#[derive(Clone)]
struct Line {
    outputs: mpsc::Sender<ServerOutput>,
    load: Arc<Load>,
}

/// What is waiting to be written to one client.
#[derive(Default)]
struct Load {
    bytes: AtomicUsize,
    is_congested: AtomicBool,
    cut: Notify,
}

/// The task that owns the gateway.
struct Owner {
    gateway: Gateway,
    started: time::Instant,
    inbox: mpsc::Receiver<Ask>,
    notify: mpsc::Sender<Notice>,
    lines: HashMap<Peer, Line>,
    next_peer: u64,
    resume: ResumeHost,
    /// Stop with the owner.
    listeners: JoinSet<()>,
}

/// The second listener, which a fault can take away.
struct ResumeHost {
    address: SocketAddr,
    asks: mpsc::Sender<Ask>,
    slots: Arc<Semaphore>,
    listening: Option<AbortHandle>,
}

impl Owner {
    async fn run(mut self, resume: TcpListener) {
        self.resume.listen(resume, &mut self.listeners);
        loop {
            let wait = self.carry_out();
            self.keep_resume_host().await;
            tokio::select! {
                ask = self.inbox.recv() => match ask {
                    Some(Ask::Shutdown(reply)) => return self.shut_down(reply).await,
                    Some(Ask::Run(errand)) => self.run_and_answer(errand).await,
                    Some(ask) => self.on_ask(ask),
                    None => return,
                },
                () = until(self.started, wait) => {
                    let now = self.now();
                    self.gateway.handle(ServerInput::TimePassed, now);
                }
            }
        }
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.started.elapsed())
    }

    fn on_ask(&mut self, ask: Ask) {
        let input = match ask {
            Ask::Connected { host, query, line, reply } => {
                let peer = Peer(self.next_peer);
                self.next_peer += 1;
                self.lines.insert(peer, line);
                // A connection that has already gone says so itself.
                let _ = reply.send(peer);
                ServerInput::Connected { peer, host, query }
            }
            Ask::Received(peer, frame) => ServerInput::Received(peer, frame),
            Ask::Relieved(peer) => ServerInput::Relieved(peer),
            Ask::Gone(peer, close) => {
                self.lines.remove(&peer);
                ServerInput::Disconnected(peer, close)
            }
            Ask::Run(_) | Ask::Shutdown(_) => return,
        };
        let now = self.now();
        self.gateway.handle(input, now);
    }

    async fn run_and_answer(&mut self, errand: Box<dyn Errand>) {
        let now = self.now();
        let Answer(answer) = errand.run(&mut self.gateway, now);
        self.carry_out();
        self.keep_resume_host().await;
        answer();
    }

    /// Hands on what the gateway puts out, and says when it wants to be woken.
    fn carry_out(&mut self) -> Option<Instant> {
        let wait = loop {
            match self.gateway.poll_output() {
                ServerOutput::Wait(until) => break until,
                output => self.hand_on(output),
            }
        };
        while let Some(notice) = self.gateway.poll_notice() {
            // Whoever does not listen misses it.
            let _ = self.notify.try_send(notice);
        }
        wait
    }

    fn hand_on(&mut self, output: ServerOutput) {
        let (Some(peer), size) = (output.peer(), size(&output)) else { return };
        let Some(Line { outputs, load }) = self.lines.get(&peer) else { return };
        let waiting = load.bytes.fetch_add(size, Ordering::AcqRel) + size;
        if waiting > FULL || outputs.try_send(output).is_err() {
            load.cut.notify_one();
        } else if waiting > HIGH && !load.is_congested.swap(true, Ordering::AcqRel) {
            // The writer may have caught up before it could see the flag.
            let has_caught_up = load.bytes.load(Ordering::Acquire) < LOW;
            if !(has_caught_up && load.is_congested.swap(false, Ordering::AcqRel)) {
                let now = self.now();
                self.gateway.handle(ServerInput::Congested(peer), now);
            }
        }
    }

    /// Takes the resume listener away or brings it back, as faults want it.
    async fn keep_resume_host(&mut self) {
        let is_dead = self.gateway.is_resume_host_dead();
        match self.resume.listening.take() {
            Some(listening) if is_dead => {
                listening.abort();
                // The socket is closed when the task has ended.
                while !listening.is_finished() {
                    tokio::task::yield_now().await;
                }
                while self.listeners.try_join_next().is_some() {}
            }
            None if !is_dead => {
                if let Ok(listener) = TcpListener::bind(self.resume.address).await {
                    self.resume.listen(listener, &mut self.listeners);
                }
            }
            unchanged => self.resume.listening = unchanged,
        }
    }

    async fn shut_down(mut self, reply: oneshot::Sender<State>) {
        let state = self.gateway.state();
        self.listeners.abort_all();
        for (peer, line) in &self.lines {
            let close = Close::new(1001, "the mock gateway stops");
            if line.outputs.try_send(ServerOutput::Close(*peer, close)).is_err() {
                line.load.cut.notify_one();
            }
        }
        let goodbyes = async {
            while !self.lines.is_empty() {
                if let Some(Ask::Gone(peer, _)) = self.inbox.recv().await {
                    self.lines.remove(&peer);
                }
            }
        };
        // Whoever does not answer the close frame in time is left behind.
        let _ = time::timeout(GOODBYE, goodbyes).await;
        // Nobody may be waiting any more.
        let _ = reply.send(state);
    }
}

impl ResumeHost {
    fn listen(&mut self, listener: TcpListener, listeners: &mut JoinSet<()>) {
        let task = accept(listener, Host::Resume, self.asks.clone(), self.slots.clone());
        self.listening = Some(listeners.spawn(task));
    }
}

async fn until(started: time::Instant, wait: Option<Instant>) {
    match wait.and_then(|wait| started.checked_add(wait.since_epoch())) {
        Some(at) => time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Accepts connections until it is aborted.
async fn accept(listener: TcpListener, host: Host, asks: mpsc::Sender<Ask>, slots: Arc<Semaphore>) {
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
        (&Method::POST, "/mock/fault") => inject(request, &asks).await,
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
    let body = match Limited::new(request.into_body(), LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return reply(StatusCode::BAD_REQUEST, format!("body not read: {error}\n")),
    };
    match serde_json::from_slice::<Fault>(&body) {
        Ok(fault) => {
            ask(asks, move |gateway, now| gateway.handle(ServerInput::Inject(fault), now)).await;
            reply(StatusCode::NO_CONTENT, String::new())
        }
        Err(error) => {
            let sentence =
                format!("expected a fault such as {{\"fault\":\"reconnect\"}}: {error}\n");
            reply(StatusCode::BAD_REQUEST, sentence)
        }
    }
}

fn reply(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let kind = if body.starts_with('{') { "application/json" } else { "text/plain" };
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

/// How a connection came to its end.
enum End {
    /// The client's doing.
    Left(Option<Close>),
    /// Ours, with a close frame.
    Closed,
    /// Ours, without.
    Cut,
}

async fn serve_websocket(upgraded: Upgraded, host: Host, query: String, asks: mpsc::Sender<Ask>) {
    // The service runs on nothing but `TcpStream`s.
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST_MESSAGE));
    let (tcp, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
    let socket = WebSocketStream::from_partially_read(tcp, early, Role::Server, Some(config)).await;
    let (outputs, mut inbox) = mpsc::channel(LINE);
    let load = Arc::<Load>::default();
    let line = Line { outputs, load: load.clone() };
    let (reply, number) = oneshot::channel();
    if asks.send(Ask::Connected { host, query, line, reply }).await.is_err() {
        return;
    }
    let Ok(peer) = number.await else { return };
    let (mut sink, mut stream) = socket.split();
    let end = tokio::select! {
        end = read(&mut stream, peer, &asks) => end,
        end = write(&mut sink, &mut inbox, &load, peer, &asks) => end,
        () = load.cut.notified() => End::Cut,
    };
    if let (End::Cut, Ok(socket)) = (&end, stream.reunite(sink)) {
        // Makes the drop send a reset; without it the client sees an end of stream, which is much the same.
        let _ = socket.get_ref().set_zero_linger();
    }
    let close = match end {
        End::Left(close) => close,
        End::Closed | End::Cut => None,
    };
    // Without an owner nobody wants to know.
    let _ = asks.send(Ask::Gone(peer, close)).await;
}

async fn read(
    stream: &mut SplitStream<WebSocketStream<TcpStream>>,
    peer: Peer,
    asks: &mpsc::Sender<Ask>,
) -> End {
    loop {
        let frame = match stream.next().await {
            Some(Ok(Message::Text(text))) => Frame::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(bytes))) => Frame::Binary(bytes.to_vec()),
            Some(Ok(Message::Close(frame))) => {
                let close = frame.map_or(Close::new(1005, ""), |CloseFrame { code, reason }| {
                    Close { code: code.into(), reason: reason.as_str().to_owned().into() }
                });
                // Reading on answers the close frame and waits for the end of the stream.
                let _ = time::timeout(GOODBYE, stream.next()).await;
                return End::Left(Some(close));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Err(_)) | None => return End::Left(None),
        };
        if asks.send(Ask::Received(peer, frame)).await.is_err() {
            return End::Cut;
        }
    }
}

async fn write(
    sink: &mut SplitSink<WebSocketStream<TcpStream>, Message>,
    inbox: &mut mpsc::Receiver<ServerOutput>,
    load: &Load,
    peer: Peer,
    asks: &mpsc::Sender<Ask>,
) -> End {
    while let Some(output) = inbox.recv().await {
        let size = size(&output);
        let (messages, is_last) = match output {
            ServerOutput::Send(_, Frame::Text(text)) => (vec![Message::text(text)], false),
            ServerOutput::Send(_, Frame::Binary(bytes)) => (vec![Message::binary(bytes)], false),
            ServerOutput::SendFragments(_, fragments) => (in_fragments(fragments), false),
            ServerOutput::Close(_, Close { code, reason }) => {
                let frame = CloseFrame { code: code.into(), reason: reason.into_owned().into() };
                (vec![Message::Close(Some(frame))], true)
            }
            ServerOutput::CloseWithoutCode(_) => (vec![Message::Close(None)], true),
            ServerOutput::Cut(_) => return End::Cut,
            ServerOutput::Wait(_) => continue,
        };
        if feed(sink, messages, inbox.is_empty() || is_last).await.is_err() {
            // Reading tells how it ended.
            return std::future::pending().await;
        }
        if is_last {
            time::sleep(GOODBYE).await;
            return End::Closed;
        }
        let waiting = load.bytes.fetch_sub(size, Ordering::AcqRel).saturating_sub(size);
        if waiting < LOW && load.is_congested.swap(false, Ordering::AcqRel) {
            // Without an owner nobody wants to know.
            let _ = asks.send(Ask::Relieved(peer)).await;
        }
    }
    End::Cut
}

/// Writes messages, and flushes unless more are at hand.
async fn feed(
    sink: &mut SplitSink<WebSocketStream<TcpStream>, Message>,
    messages: Vec<Message>,
    flush: bool,
) -> Result<(), WebSocketError> {
    for message in messages {
        sink.feed(message).await?;
    }
    if flush { sink.flush().await } else { Ok(()) }
}

fn in_fragments(Fragments { text, parts }: Fragments) -> Vec<Message> {
    let last = parts.len().saturating_sub(1);
    let first = if text { Data::Text } else { Data::Binary };
    let frames = parts.into_iter().enumerate().map(|(index, part)| {
        let kind = if index == 0 { first } else { Data::Continue };
        Message::Frame(WireFrame::message(part, OpCode::Data(kind), index == last))
    });
    frames.collect()
}

/// Bytes of payload, and some for the message itself, so that tiny ones fill no line unnoticed.
fn size(output: &ServerOutput) -> usize {
    MESSAGE
        + match output {
            ServerOutput::Send(_, frame) => frame.len(),
            ServerOutput::SendFragments(_, fragments) => fragments.parts.iter().map(Vec::len).sum(),
            _ => 0,
        }
}

/// An address that a client on this machine can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            (std::net::Ipv6Addr::LOCALHOST, address.port()).into()
        }
        _ => address,
    }
}
