//! Peers without manners: bare TCP, or a WebSocket of another make than the client's.

use std::net::SocketAddr;

use futures::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

use super::support::soon;

/// Someone who listens.
pub struct Listener(TcpListener);

impl Listener {
    pub async fn bind() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port"))
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("bound")
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.address())
    }

    pub async fn tcp(&self) -> TcpStream {
        soon(self.0.accept()).await.expect("a connection").0
    }

    /// Accepts, and reads the head of a request.
    pub async fn request(&self) -> (TcpStream, String) {
        let mut tcp = self.tcp().await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(tcp.read_u8()).await.expect("a request"));
        }
        (tcp, String::from_utf8(head).expect("a request is text"))
    }

    /// Accepts, reads the request, and answers it with `text`.
    pub async fn answer(&self, text: &str) -> TcpStream {
        let (mut tcp, _) = self.request().await;
        tcp.write_all(text.as_bytes()).await.expect("still there");
        tcp
    }

    /// Accepts a WebSocket, and gives what the client asked for with it.
    pub async fn websocket(&self) -> (Peer, Request) {
        let mut asked = None;
        #[expect(clippy::result_large_err, reason = "the library's signature")]
        let keep = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            asked = Some(request.clone());
            Ok(response)
        };
        let socket = accept_hdr_async(self.tcp().await, keep).await.expect("a handshake");
        (Peer(socket), asked.expect("a request"))
    }

    /// Accepts a WebSocket and says hello.
    pub async fn greet(&self) -> Peer {
        let (mut peer, _) = self.websocket().await;
        peer.send(Message::text(r#"{"op":10,"d":{"heartbeat_interval":45000}}"#)).await;
        peer
    }
}

/// The other end of one WebSocket.
pub struct Peer(pub WebSocketStream<TcpStream>);

impl Peer {
    pub async fn send(&mut self, message: Message) {
        soon(self.0.send(message)).await.expect("still there");
    }

    /// Writes bytes past the WebSocket.
    pub async fn write(&mut self, bytes: &[u8]) {
        soon(self.0.get_mut().write_all(bytes)).await.expect("still there");
    }

    /// The next message; `None` if the client is gone.
    pub async fn next(&mut self) -> Option<Message> {
        soon(self.0.next()).await.and_then(Result::ok)
    }

    /// All that still comes.
    pub async fn rest(&mut self) -> Vec<Message> {
        let mut rest = Vec::new();
        while let Some(message) = self.next().await {
            rest.push(message);
        }
        rest
    }
}
