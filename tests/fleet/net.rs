//! A mock gateway, sockets to it, and a clock that moves only when everybody waits. Knows nothing of fleets.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::{Stream, StreamExt, task::waker};
use shardwire::{
    driver::{Timer, Transport, TransportEvent},
    proto::{Close, ConnectionId, Frame, Instant},
    testing::{Gateway, GatewayOptions, Host, Peer, ServerInput, ServerOutput},
};

/// How long it takes until a socket is open, or its other end learns that it is closed.
pub const TRIP: Duration = Duration::from_millis(80);

/// The network; clones are the same one.
#[derive(Clone)]
pub struct Net(Arc<Mutex<Inner>>);

pub struct Inner {
    pub gateway: Gateway,
    pub now: Instant,
    /// Since 1970 at the start.
    pub epoch: Duration,
    gateway_at: Option<Instant>,
    sockets: BTreeMap<Peer, Socket>,
    parcels: BTreeMap<(Instant, u64), Parcel>,
    alarms: BTreeMap<(Instant, u64), Waker>,
    /// Of peers, parcels and timers alike.
    newest: u64,
}

struct Socket {
    connection: ConnectionId,
    url: String,
    inbox: VecDeque<TransportEvent>,
    reader: Option<Waker>,
}

/// Something on its way.
enum Parcel {
    Open(Peer),
    Told(Peer, TransportEvent),
}

impl Net {
    pub fn new(options: GatewayOptions) -> Self {
        let now = Instant::from_epoch(Duration::from_secs(1));
        Self(Arc::new(Mutex::new(Inner {
            gateway: Gateway::new(options, now),
            now,
            epoch: Duration::from_secs(1_700_000_000),
            gateway_at: None,
            sockets: BTreeMap::new(),
            parcels: BTreeMap::new(),
            alarms: BTreeMap::new(),
            newest: 0,
        })))
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn transport(&self) -> NetTransport {
        NetTransport { net: self.clone(), peer: None }
    }

    pub fn timer(&self) -> NetTimer {
        let number = self.lock().number();
        NetTimer { net: self.clone(), number, at: None }
    }

    /// Lets the gateway hear `input`.
    pub fn tell(&self, input: ServerInput) {
        self.lock().tell(input);
    }

    /// Runs `stream`, and time with it, until it gives something.
    ///
    /// # Panics
    ///
    /// If nothing would ever happen any more.
    pub fn next<S: Stream + Unpin>(&self, stream: &mut S) -> Option<S::Item> {
        let Ok(item) = self.before(None, stream) else { panic!("nothing would ever happen") };
        item
    }

    /// Like [`next`](Self::next), but no further than `until`.
    pub fn before<S: Stream + Unpin>(
        &self,
        until: Option<Instant>,
        stream: &mut S,
    ) -> Result<Option<S::Item>, Quiet> {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = waker(Arc::clone(&flag));
        loop {
            while flag.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(item) = stream.poll_next_unpin(&mut Context::from_waker(&waker))
                {
                    return Ok(item);
                }
            }
            if !self.lock().advance(until) {
                return Err(Quiet);
            }
        }
    }
}

/// Nothing came in time.
pub struct Quiet;

/// Whether somebody was woken.
struct Flag(AtomicBool);

impl futures::task::ArcWake for Flag {
    fn wake_by_ref(flag: &Arc<Self>) {
        flag.0.store(true, Ordering::Relaxed);
    }
}

impl Inner {
    fn number(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    /// Time since the start.
    pub fn passed(&self) -> Duration {
        self.now.saturating_since(Instant::from_epoch(Duration::from_secs(1)))
    }

    fn tell(&mut self, input: ServerInput) {
        self.gateway.handle(input, self.now);
        loop {
            match self.gateway.poll_output() {
                ServerOutput::Wait(at) => break self.gateway_at = at,
                ServerOutput::Send(peer, frame) => {
                    self.deliver(peer, |id| TransportEvent::Received(id, frame));
                }
                ServerOutput::Close(peer, close) => self.end(peer, Some(close)),
                ServerOutput::CloseWithoutCode(peer) | ServerOutput::Cut(peer) => {
                    self.end(peer, None);
                }
                ServerOutput::SendFragments(..) => unreachable!("no script asks for fragments"),
            }
        }
    }

    fn end(&mut self, peer: Peer, close: Option<Close>) {
        self.deliver(peer, |id| TransportEvent::Closed(id, close));
        self.gateway.handle(ServerInput::Disconnected(peer, None), self.now);
    }

    fn deliver(&mut self, peer: Peer, event: impl FnOnce(ConnectionId) -> TransportEvent) {
        let Some(socket) = self.sockets.get_mut(&peer) else { return };
        socket.inbox.push_back(event(socket.connection));
        if let Some(reader) = socket.reader.take() {
            reader.wake();
        }
    }

    fn send(&mut self, parcel: Parcel) {
        let at = (self.now + TRIP, self.number());
        self.parcels.insert(at, parcel);
    }

    /// Moves the clock to the next thing that happens, and lets it happen. Gives whether there was one before `until`.
    fn advance(&mut self, until: Option<Instant>) -> bool {
        let parcel = self.parcels.first_key_value().map(|((at, _), _)| *at);
        let alarm = self.alarms.first_key_value().map(|((at, _), _)| *at);
        let Some(at) = [parcel, alarm, self.gateway_at, until].into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(at);
        if parcel == Some(at) {
            let (_, parcel) = self.parcels.pop_first().expect("just seen");
            match parcel {
                Parcel::Open(peer) => self.open(peer),
                Parcel::Told(peer, event) => self.deliver(peer, |_| event),
            }
        } else if self.gateway_at == Some(at) {
            self.tell(ServerInput::TimePassed);
        } else if alarm == Some(at) {
            let (_, waker) = self.alarms.pop_first().expect("just seen");
            waker.wake();
        } else {
            return false;
        }
        true
    }

    fn open(&mut self, peer: Peer) {
        let Some(socket) = self.sockets.get(&peer) else { return };
        let host = if socket.url.contains("resume") { Host::Resume } else { Host::Base };
        let query =
            socket.url.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
        self.deliver(peer, TransportEvent::Opened);
        self.tell(ServerInput::Connected { peer, host, query });
    }
}

/// One shard's socket.
pub struct NetTransport {
    net: Net,
    peer: Option<Peer>,
}

impl Transport for NetTransport {
    fn open(&mut self, connection: ConnectionId, url: &str) {
        let mut net = self.net.lock();
        if let Some(old) = self.peer.take() {
            net.sockets.remove(&old);
            net.tell(ServerInput::Disconnected(old, None));
        }
        let peer = Peer(net.number());
        let socket = Socket { connection, url: url.into(), inbox: VecDeque::new(), reader: None };
        net.sockets.insert(peer, socket);
        net.send(Parcel::Open(peer));
        self.peer = Some(peer);
    }

    fn send(&mut self, frame: Frame) {
        let Some(peer) = self.peer else { return };
        self.net.tell(ServerInput::Received(peer, frame));
    }

    fn close(&mut self, close: Close) {
        let Some(peer) = self.peer else { return };
        let mut net = self.net.lock();
        net.tell(ServerInput::Disconnected(peer, Some(close)));
        let Some(connection) = net.sockets.get(&peer).map(|socket| socket.connection) else {
            return;
        };
        net.send(Parcel::Told(peer, TransportEvent::Closed(connection, None)));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent> {
        let mut net = self.net.lock();
        let socket = self.peer.and_then(|peer| net.sockets.get_mut(&peer));
        let Some(socket) = socket else { return Poll::Pending };
        if let Some(event) = socket.inbox.pop_front() {
            return Poll::Ready(event);
        }
        socket.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for NetTransport {
    fn drop(&mut self) {
        let mut net = self.net.lock();
        if let Some(peer) = self.peer.filter(|peer| net.sockets.remove(peer).is_some()) {
            net.tell(ServerInput::Disconnected(peer, None));
        }
    }
}

/// One shard's alarm.
pub struct NetTimer {
    net: Net,
    number: u64,
    at: Option<Instant>,
}

impl Timer for NetTimer {
    fn now(&mut self) -> Instant {
        self.net.lock().now
    }

    fn wall(&mut self) -> Option<Duration> {
        let net = self.net.lock();
        Some(net.epoch + net.passed())
    }

    fn set(&mut self, at: Option<Instant>) {
        if at != self.at {
            self.forget();
            self.at = at;
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let mut net = self.net.lock();
        if net.now >= at {
            return Poll::Ready(());
        }
        net.alarms.insert((at, self.number), cx.waker().clone());
        Poll::Pending
    }
}

impl NetTimer {
    fn forget(&self) {
        if let Some(at) = self.at {
            self.net.lock().alarms.remove(&(at, self.number));
        }
    }
}

impl Drop for NetTimer {
    fn drop(&mut self) {
        self.forget();
    }
}
