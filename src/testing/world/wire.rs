//! The wire between shards and server: what is under way, how long it takes, and what gets lost. Never reads a message.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    proto::{Close, ConnectionId, Input, Instant, Random, TransportError},
    testing::exchange::{Host, Peer, ServerInput},
};

/// All connections of a world.
pub(super) struct Wire {
    pub(super) chance: Random,
    /// How long a message takes.
    pub(super) delay: Duration,
    /// How much longer it may take, by chance.
    pub(super) jitter: Duration,
    pub(super) is_unplugged: bool,
    troubles: Vec<Trouble>,
    sockets: BTreeMap<Peer, Socket>,
    peers: u64,
    /// What is under way, by its time of arrival and its order of departure.
    parcels: BTreeMap<(Instant, u64), Parcel>,
    departures: u64,
}

/// A connection and what each end knows of it.
pub(super) struct Socket {
    pub(super) client: usize,
    pub(super) connection: ConnectionId,
    pub(super) host: Host,
    pub(super) query: String,
    pub(super) client_end: End,
    pub(super) is_served: bool,
    /// Half open: nothing passes, and neither end is told.
    pub(super) is_dead: bool,
    /// Nothing may overtake what left before it.
    to_client_at: Instant,
    to_server_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Opening,
    Open,
    Closing,
    Gone,
}

/// Something on its way.
pub(super) enum Parcel {
    Knock(Peer),
    ToClient(Peer, Input),
    ToServer(Peer, ServerInput),
}

/// Connections that will come to nothing.
struct Trouble {
    host: Option<Host>,
    times: u32,
    /// Whether the attempt fails, or is never answered.
    is_told: bool,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self {
            chance: Random::new(1),
            delay: Duration::from_millis(20),
            jitter: Duration::ZERO,
            is_unplugged: false,
            troubles: Vec::new(),
            sockets: BTreeMap::new(),
            peers: 0,
            parcels: BTreeMap::new(),
            departures: 0,
        }
    }

    // What is under way.

    /// When the next thing arrives.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.parcels.keys().next().map(|(at, _)| *at)
    }

    /// When the next thing arrives that is not for a shard.
    pub(super) fn next_for_server(&self) -> Option<(Instant, u64)> {
        let is_theirs = |parcel: &Parcel| !matches!(parcel, Parcel::ToClient(..));
        self.parcels.iter().find(|(_, parcel)| is_theirs(parcel)).map(|(key, _)| *key)
    }

    pub(super) fn take_first(&mut self) -> Option<Parcel> {
        self.parcels.pop_first().map(|(_, parcel)| parcel)
    }

    pub(super) fn take(&mut self, key: (Instant, u64)) -> Option<Parcel> {
        self.parcels.remove(&key)
    }

    pub(super) fn post_to_client(&mut self, peer: Peer, input: Input, now: Instant) {
        let Some(after) = self.sockets.get(&peer).map(|socket| socket.to_client_at) else { return };
        let at = self.arrival(after, now);
        if let Some(socket) = self.sockets.get_mut(&peer) {
            socket.to_client_at = at;
        }
        self.post(at, Parcel::ToClient(peer, input));
    }

    pub(super) fn post_to_server(&mut self, peer: Peer, input: ServerInput, now: Instant) {
        let Some(after) = self.sockets.get(&peer).map(|socket| socket.to_server_at) else { return };
        let at = self.arrival(after, now);
        if let Some(socket) = self.sockets.get_mut(&peer) {
            socket.to_server_at = at;
        }
        self.post(at, Parcel::ToServer(peer, input));
    }

    fn arrival(&mut self, not_before: Instant, now: Instant) -> Instant {
        let jitter = self.chance.below(self.jitter);
        (now + self.delay + jitter).max(not_before)
    }

    fn post(&mut self, at: Instant, parcel: Parcel) {
        self.departures += 1;
        self.parcels.insert((at, self.departures), parcel);
    }

    // Connections.

    /// A shard opens a connection: its handshake sets out.
    pub(super) fn open(
        &mut self,
        client: usize,
        connection: ConnectionId,
        host: Host,
        query: String,
        now: Instant,
    ) {
        self.peers += 1;
        let peer = Peer(self.peers);
        let socket = Socket {
            client,
            connection,
            host,
            query,
            client_end: End::Opening,
            is_served: false,
            is_dead: false,
            to_client_at: now,
            to_server_at: now,
        };
        self.sockets.insert(peer, socket);
        if self.is_unplugged {
            self.fail(peer, "network unreachable", now);
        } else {
            let at = self.arrival(now, now);
            self.post(at, Parcel::Knock(peer));
        }
    }

    /// The attempt to connect came to nothing, and the shard will be told.
    pub(super) fn fail(&mut self, peer: Peer, text: impl Into<String>, now: Instant) {
        let Some(connection) = self.socket(peer).map(|socket| socket.connection) else { return };
        let error = TransportError::new(text.into());
        self.post_to_client(peer, Input::Failed(connection, error), now);
    }

    /// The client lets go of a socket without a word.
    pub(super) fn abandon(&mut self, peer: Peer, now: Instant) {
        let Some(socket) = self.sockets.get_mut(&peer) else { return };
        let was_told = socket.client_end == End::Closing;
        socket.client_end = End::Gone;
        if !was_told {
            self.post_to_server(peer, ServerInput::Disconnected(peer, None), now);
        }
    }

    pub(super) fn abandon_all_of(&mut self, client: usize, now: Instant) {
        let is_it = |socket: &Socket| socket.client == client && socket.client_end != End::Gone;
        for peer in self.peers_where(is_it) {
            self.abandon(peer, now);
        }
    }

    /// A shard closes with a close frame. `false` if it did so before.
    pub(super) fn close(&mut self, peer: Peer, close: Close, now: Instant) -> bool {
        let Some(socket) = self.sockets.get_mut(&peer) else { return true };
        match socket.client_end {
            End::Opening => self.abandon(peer, now),
            End::Open => {
                socket.client_end = End::Closing;
                self.post_to_server(peer, ServerInput::Disconnected(peer, Some(close)), now);
            }
            End::Closing => return false,
            End::Gone => {}
        }
        true
    }

    pub(super) fn socket(&self, peer: Peer) -> Option<&Socket> {
        self.sockets.get(&peer)
    }

    pub(super) fn socket_mut(&mut self, peer: Peer) -> Option<&mut Socket> {
        self.sockets.get_mut(&peer)
    }

    /// The socket behind a shard's number for it, as long as the shard holds it.
    pub(super) fn peer_of(&self, client: usize, connection: ConnectionId) -> Option<Peer> {
        let is_it = |socket: &Socket| {
            socket.client == client
                && socket.connection == connection
                && socket.client_end != End::Gone
        };
        // The newest are last.
        self.sockets.iter().rev().find(|(_, socket)| is_it(socket)).map(|(peer, _)| *peer)
    }

    pub(super) fn forget_if_over(&mut self, peer: Peer) {
        let is_over = |socket: &Socket| socket.client_end == End::Gone && !socket.is_served;
        if self.sockets.get(&peer).is_some_and(is_over) {
            self.sockets.remove(&peer);
        }
    }

    fn peers_where(&self, is_it: impl Fn(&Socket) -> bool) -> Vec<Peer> {
        self.sockets.iter().filter(|(_, socket)| is_it(socket)).map(|(peer, _)| *peer).collect()
    }

    // Trouble.

    /// Breaks all connections. What is under way is lost, and both ends notice.
    pub(super) fn cut(&mut self, now: Instant) {
        for peer in self.peers_where(is_live) {
            self.parcels.retain(|_, parcel| parcel.peer() != peer);
            let Some(connection) = self.socket(peer).map(|socket| socket.connection) else {
                continue;
            };
            self.post_to_client(peer, Input::Closed(connection, None), now);
            self.post_to_server(peer, ServerInput::Disconnected(peer, None), now);
        }
    }

    pub(super) fn half_open(&mut self) {
        for socket in self.sockets.values_mut().filter(|socket| is_live(socket)) {
            socket.is_dead = true;
        }
    }

    pub(super) fn expect_trouble(&mut self, host: Option<Host>, times: u32, is_told: bool) {
        self.troubles.push(Trouble { host, times, is_told });
    }

    /// Whether a handshake at `host` comes to nothing, and if so whether the shard is told.
    pub(super) fn trouble(&mut self, host: Host) -> Option<bool> {
        let is_meant = |trouble: &Trouble| trouble.host.is_none_or(|meant| meant == host);
        let at = self.troubles.iter().position(is_meant)?;
        let trouble = &mut self.troubles[at];
        trouble.times = trouble.times.saturating_sub(1);
        let is_told = trouble.is_told;
        self.troubles.retain(|trouble| trouble.times > 0);
        Some(is_told)
    }
}

impl Parcel {
    fn peer(&self) -> Peer {
        match self {
            Self::Knock(peer) | Self::ToClient(peer, _) | Self::ToServer(peer, _) => *peer,
        }
    }
}

fn is_live(socket: &Socket) -> bool {
    !socket.is_dead && socket.client_end != End::Gone
}
