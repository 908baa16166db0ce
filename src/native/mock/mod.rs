//! Sockets for the mock gateway: HTTP discovery, the WebSocket, and endpoints to inject faults. Decides nothing about the
//! protocol; that is [`Gateway`]'s work.
//!
//! One task owns the [`Gateway`]; every connection has a task of its own. They talk over bounded channels. A client that
//! does not read first stops getting steady events and is cut in the end.

mod http;
mod owner;
mod socket;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc, oneshot},
    task::{JoinHandle, JoinSet},
    time,
};

use self::{
    http::accept,
    owner::{Ask, Owner, ResumeHost, ask},
};
use crate::{
    proto::Instant,
    testing::{Fault, Gateway, GatewayOptions, Host, Notice, Peer, ServerInput, State},
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
/// JSON), `GET /mock/received` (a list of [`Visit`](crate::testing::Visit)s as JSON), `POST /mock/fault` (a [`Fault`] as
/// JSON; 204, or 400 with a sentence) and `POST /mock/events` (a list of events as `{guild_id, name, data}`, each of which goes to
/// the sessions that have the guild). Any origin may call these: it is a tool for the loopback interface.
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
                kept: None,
            },
            listeners,
        };
        let owner = tokio::spawn(owner.run(resume));
        Ok(Self { address: reachable(address), asks, notices: Some(notices), owner })
    }

    /// The base address: `ws://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The address for HTTP requests: `http://127.0.0.1:PORT`.
    #[must_use]
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

    /// Lets a fault happen now on this connection alone; see [`Gateway::peers`].
    pub async fn inject_into(&self, peer: Peer, fault: Fault) {
        let input = ServerInput::InjectInto(peer, fault);
        ask(&self.asks, move |gateway, now| gateway.handle(input, now)).await;
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
