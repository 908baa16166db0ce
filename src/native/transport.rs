//! The socket on tokio: `ws:` and `wss:`. Never knows what the messages mean, what a session is, or what time it is.

use std::{
    collections::VecDeque,
    fmt, io, mem,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{Sink as _, Stream as _, future::BoxFuture};
use http::{Uri, header::USER_AGENT};
use tokio_websockets::{
    ClientBuilder, CloseCode, Error, Limits, Message, WebSocketStream, upgrade,
};

use super::{
    dial::{Stream, Target, failed, peer_addr},
    options::ConnectOptions,
};
use crate::{
    driver::{Transport, TransportEvent},
    proto::{Close, ConnectionId, Frame, TransportError},
};

/// Messages that may wait for the socket. Discord takes 120 a minute; more only pile up if it has stopped reading.
const MOST_OUTGOING: usize = 1024;

/// Pings in a row whose answer the peer does not take. More would pile up in memory.
const MOST_UNANSWERED: u32 = 1024;

/// A WebSocket client over tokio and rustls.
///
/// It is used inside a tokio runtime with I/O. It has no deadline of its own for connecting; the shard has one.
pub struct NativeTransport {
    /// Size above which a received message is an error, in bytes.
    message_bytes: usize,
    options: ConnectOptions,
    /// The id of the newest `open`.
    connection: ConnectionId,
    state: State,
}

enum State {
    /// There is no socket, or its end was told.
    Idle,
    /// TCP, TLS and the upgrade, in this order.
    Connecting(BoxFuture<'static, Result<Box<Link>, TransportError>>),
    /// Messages go both ways.
    Open(Box<Link>),
    /// Our close frame is on its way; what the peer still sends counts.
    Closing(Box<Link>),
    /// It is over and not told yet.
    Broken(TransportError),
}

/// A socket with what waits to be sent on it.
struct Link {
    socket: WebSocketStream<Stream>,
    outgoing: VecDeque<Message>,
    /// Pings whose answer could not be written at once, in a row.
    unanswered: u32,
    /// A write that failed; told when what was read before is taken.
    failure: Option<Error>,
}

/// What happened on a [`Link`].
enum Incident {
    Closed(Option<Close>),
    Failed(TransportError),
    Oversized,
    Received(Frame),
}

impl NativeTransport {
    /// A transport without a socket. Messages of more than `message_bytes` bytes end the connection before they are kept;
    /// pass [`Limits::message_bytes`](crate::proto::Limits::message_bytes) of the shard's configuration.
    #[must_use]
    pub fn new(message_bytes: usize) -> Self {
        Self::with_options(message_bytes, ConnectOptions::new())
    }

    /// Like [`new`](Self::new), but connects as `options` say.
    pub fn with_options(message_bytes: usize, options: ConnectOptions) -> Self {
        Self { message_bytes, options, connection: ConnectionId::default(), state: State::Idle }
    }

    /// The other end of the open socket: the gateway, or the proxy on the way to it. `None` if no socket is open.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match &self.state {
            State::Open(link) | State::Closing(link) => peer_addr(link.socket.get_ref()),
            State::Idle | State::Connecting(_) | State::Broken(_) => None,
        }
    }
}

impl Transport for NativeTransport {
    fn open(&mut self, connection: ConnectionId, url: &str) {
        self.connection = connection;
        let attempt = connect(url.to_owned(), self.message_bytes, self.options.clone());
        self.state = State::Connecting(Box::pin(attempt));
    }

    fn send(&mut self, frame: Frame) {
        let State::Open(link) = &mut self.state else { return };
        if link.outgoing.len() >= MOST_OUTGOING {
            self.state = State::Broken(TransportError::new(
                "the gateway has stopped reading what is sent to it",
            ));
            return;
        }
        link.outgoing.push_back(match frame {
            Frame::Text(text) => Message::text(text),
            Frame::Binary(bytes) => Message::binary(bytes),
        });
    }

    fn close(&mut self, close: Close) {
        self.state = match mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Connecting(_) => State::Idle,
            State::Open(mut link) => {
                link.outgoing.push_back(close_message(&close));
                State::Closing(link)
            }
            state @ (State::Closing(_) | State::Broken(_)) => state,
        };
    }

    fn peer(&self) -> Option<String> {
        self.peer_addr().map(|address| address.to_string())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent> {
        let id = self.connection;
        let end = match &mut self.state {
            State::Idle => return Poll::Pending,
            State::Connecting(attempt) => match ready!(attempt.as_mut().poll(cx)) {
                Ok(link) => {
                    self.state = State::Open(link);
                    return Poll::Ready(TransportEvent::Opened(id));
                }
                Err(error) => TransportEvent::Failed(id, error),
            },
            State::Open(link) | State::Closing(link) => match ready!(link.poll(cx)) {
                Incident::Received(frame) => {
                    return Poll::Ready(TransportEvent::Received(id, frame));
                }
                Incident::Closed(close) => TransportEvent::Closed(id, close),
                Incident::Failed(error) => TransportEvent::Failed(id, error),
                Incident::Oversized => TransportEvent::Oversized(id),
            },
            State::Broken(error) => TransportEvent::Failed(id, error.clone()),
        };
        self.state = State::Idle;
        Poll::Ready(end)
    }
}

impl fmt::Debug for NativeTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Idle => "Idle",
            State::Connecting(_) => "Connecting",
            State::Open(_) => "Open",
            State::Closing(_) => "Closing",
            State::Broken(_) => "Broken",
        };
        f.debug_struct("NativeTransport")
            .field("connection", &self.connection)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Reads, then writes what waits. In this order, because a close frame says more than the failed write that follows it.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Incident> {
        let incident = self.poll_read(cx);
        if matches!(incident, Poll::Ready(ref end) if !matches!(end, Incident::Received(_))) {
            return incident;
        }
        match self.write(cx) {
            Err(error) if incident.is_pending() => Poll::Ready(lost(error)),
            // What was read comes first; the socket reads nothing more after this.
            Err(error) => {
                self.failure = Some(error);
                incident
            }
            Ok(()) => incident,
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Incident> {
        if let Some(error) = self.failure.take() {
            return Poll::Ready(lost(error));
        }
        loop {
            let message = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                None => return Poll::Ready(Incident::Closed(None)),
                Some(Err(error)) => {
                    // The library has a close frame for the peer's mistakes; it may leave if it can at once.
                    let _ = Pin::new(&mut self.socket).poll_flush(cx);
                    return Poll::Ready(lost(error));
                }
                Some(Ok(message)) => message,
            };
            if let Some(incident) = self.read(&message, cx) {
                return Poll::Ready(incident);
            }
        }
    }

    /// Hands waiting messages to the socket in order; those that do not fit wait on, and their wake-up is arranged.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let mut socket = Pin::new(&mut self.socket);
        while !self.outgoing.is_empty() {
            let Poll::Ready(ready) = socket.as_mut().poll_ready(cx) else { return Ok(()) };
            ready?;
            if let Some(message) = self.outgoing.pop_front() {
                socket.as_mut().start_send(message)?;
            }
        }
        match socket.poll_flush(cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }

    /// What a message means for whoever holds the transport, if anything.
    fn read(&mut self, message: &Message, cx: &mut Context<'_>) -> Option<Incident> {
        if let Some(text) = message.as_text() {
            return Some(Incident::Received(Frame::Text(text.to_owned())));
        }
        if message.is_binary() {
            return Some(Incident::Received(Frame::Binary(message.as_payload().to_vec())));
        }
        if let Some((code, reason)) = message.as_close() {
            let close = Close { code: code.into(), reason: reason.to_owned().into() };
            // The library has queued the answer (in no case a close of its own, which would end the session). A peer that
            // does not take it now shall not hold us up.
            let _ = Pin::new(&mut self.socket).poll_close(cx);
            return Some(Incident::Closed(Some(close)));
        }
        if message.is_ping() {
            return self.answer_ping(cx);
        }
        None
    }

    /// The library has queued the pong; it goes out now, or one day they are too many.
    fn answer_ping(&mut self, cx: &mut Context<'_>) -> Option<Incident> {
        match Pin::new(&mut self.socket).poll_flush(cx) {
            Poll::Ready(Ok(())) => self.unanswered = 0,
            Poll::Ready(Err(error)) => return Some(lost(error)),
            Poll::Pending => self.unanswered += 1,
        }
        (self.unanswered > MOST_UNANSWERED).then(|| {
            let text = "the gateway pings and does not read the answers";
            Incident::Failed(TransportError::new(text))
        })
    }
}

/// Our close frame. Codes and reasons that the protocol forbids cannot be sent; whatever comes instead must not be 1000 or
/// 1001, which end the session.
fn close_message(close: &Close) -> Message {
    const LONGEST: usize = 123;
    let code = CloseCode::try_from(close.code).ok().filter(|code| !code.is_reserved());
    let end = (0..=LONGEST).rev().find(|at| close.reason.is_char_boundary(*at));
    Message::close(code, &close.reason[..end.unwrap_or_default()])
}

/// How a connection ended that broke.
fn lost(error: Error) -> Incident {
    let text = match error {
        // TLS calls it an error if the peer is gone without a word; TCP does not, unless it was reset.
        Error::Io(error) if is_gone(error.kind()) => return Incident::Closed(None),
        Error::PayloadTooLong { .. } => return Incident::Oversized,
        Error::Protocol(error) => format!("the gateway broke the WebSocket protocol: {error}"),
        error => format!("the connection broke: {error}"),
    };
    Incident::Failed(TransportError::new(text))
}

/// Whether the other side, or the way to it, is gone without a close frame. JavaScript is told no more than that.
const fn is_gone(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// Opens a stream, and the WebSocket on it.
async fn connect(
    url: String,
    message_bytes: usize,
    options: ConnectOptions,
) -> Result<Box<Link>, TransportError> {
    let uri: Uri =
        url.parse().map_err(|error| failed(format_args!("the address is no good: {error}")))?;
    let stream = Target::of(&uri).dial(&options).await?;
    let mut handshake = ClientBuilder::from_uri(uri)
        .limits(Limits::default().max_payload_len(Some(message_bytes)))
        .add_header(USER_AGENT, options.user_agent)
        .map_err(|error| not_upgraded(&error))?;
    for (name, value) in &options.headers {
        handshake = handshake
            .add_header(name.clone(), value.clone())
            .map_err(|error| not_upgraded(&error))?;
    }
    let (socket, _) = handshake.connect_on(stream).await.map_err(|error| not_upgraded(&error))?;
    Ok(Box::new(Link { socket, outgoing: VecDeque::new(), unanswered: 0, failure: None }))
}

fn not_upgraded(error: &Error) -> TransportError {
    match error {
        Error::Upgrade(upgrade::Error::DidNotSwitchProtocols(status)) => {
            failed(format_args!("the gateway answered the upgrade with HTTP {status}"))
        }
        Error::Upgrade(error) => {
            failed(format_args!("the gateway's answer to the upgrade is no good: {error}"))
        }
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            TransportError::new("the connection ended before the gateway answered the upgrade")
        }
        error => failed(format_args!("the connection broke during the upgrade: {error}")),
    }
}
