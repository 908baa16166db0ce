//! One session of a bot: its numbering, its replay buffer and its steady events. Knows no connection but by number.

use std::{borrow::Cow, collections::VecDeque, time::Duration};

use super::{
    events, exchange::Peer, guilds::World, options::GatewayOptions, police::Identify,
    records::SessionState, replay::Recording,
};
use crate::proto::Instant;

/// A session, which may outlive its connection.
pub(super) struct Session {
    pub(super) id: String,
    /// Without prefix.
    pub(super) token: String,
    pub(super) intents: u64,
    pub(super) shard: [u32; 2],
    pub(super) guilds: Vec<u32>,
    /// Whether its large messages are compressed one by one, also after a resume.
    pub(super) compress: bool,
    pub(super) large_threshold: u32,
    /// The connection that it is being served on.
    pub(super) presence: Presence,
    /// The sequence number of the last event.
    pub(super) last_seq: u64,
    replay: VecDeque<Sent>,
    replay_bytes: usize,
    feed: Feed,
}

/// Whether a session's client is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    On(Peer),
    AwaySince(Instant),
}

/// An event as it is kept for a resume.
pub(super) struct Sent {
    pub(super) seq: u64,
    pub(super) name: Cow<'static, str>,
    pub(super) data: String,
}

/// Where the steady events stand.
struct Feed {
    /// The number of the next event of the mix or the recording, counting those that intents hold back.
    number: u64,
    /// How many more may come; `None`: no end.
    left: Option<u64>,
    next_at: Instant,
    /// `None`: silent.
    spacing: Option<Duration>,
}

/// A bound on what one session keeps for a resume, besides the number of events.
const REPLAY_BYTES: usize = 64 << 20;

/// The mix never holds back this many events in a row unless none passes at all.
const TRIES: u32 = 5000;

impl Session {
    pub(super) fn new(id: String, identify: &Identify, guilds: Vec<u32>, peer: Peer) -> Self {
        Self {
            id,
            token: super::options::bare(&identify.token).to_owned(),
            intents: identify.intents,
            shard: identify.shard,
            guilds,
            compress: identify.compress,
            large_threshold: identify.large_threshold,
            presence: Presence::On(peer),
            last_seq: 0,
            replay: VecDeque::new(),
            replay_bytes: 0,
            feed: Feed { number: 0, left: None, next_at: Instant::ZERO, spacing: None },
        }
    }

    /// Lets the steady events begin, one spacing from now.
    pub(super) fn start_feed(&mut self, options: &GatewayOptions, now: Instant) {
        let spacing = match &options.recording {
            // A recording without a rate comes all at once.
            Some(_) => Some(options.pace().unwrap_or(Duration::ZERO)),
            None => options
                .pace()
                .filter(|_| events::any_passes(self.intents) && !self.guilds.is_empty()),
        };
        let next_at = now + spacing.unwrap_or_default();
        self.feed = Feed { number: 0, left: options.events, next_at, spacing };
    }

    pub(super) fn peer(&self) -> Option<Peer> {
        match self.presence {
            Presence::On(peer) => Some(peer),
            Presence::AwaySince(_) => None,
        }
    }

    pub(super) fn state(&self) -> SessionState<'_> {
        SessionState {
            id: &self.id,
            shard: self.shard,
            newest: self.last_seq,
            oldest: self.oldest_kept(),
            is_attended: self.peer().is_some(),
        }
    }

    /// When the next steady event is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.feed.spacing.map(|_| self.feed.next_at)
    }

    /// The next steady event, if it is due.
    pub(super) fn try_next(
        &mut self,
        world: &World,
        recording: Option<&Recording>,
        now: Instant,
    ) -> Option<(Cow<'static, str>, String)> {
        let spacing = self.feed.spacing?;
        if self.feed.left == Some(0) {
            self.feed.spacing = None;
        }
        if self.feed.next_at > now || self.feed.left == Some(0) {
            return None;
        }
        let event = match recording {
            Some(recording) => self.recorded(recording),
            None => self.steady(world),
        };
        match &event {
            Some(_) => {
                self.feed.left = self.feed.left.map(|left| left - 1);
                self.feed.next_at = self.feed.next_at + spacing;
            }
            None => self.feed.spacing = None,
        }
        if self.feed.left == Some(0) {
            self.feed.spacing = None;
        }
        event
    }

    /// Numbers an event and keeps it.
    pub(super) fn number(
        &mut self,
        name: Cow<'static, str>,
        data: String,
        options: &GatewayOptions,
    ) -> &Sent {
        self.last_seq += 1;
        self.replay_bytes += data.len();
        self.replay.push_back(Sent { seq: self.last_seq, name, data });
        while self.replay.len() > options.replay_buffer.max(1)
            || (self.replay_bytes > REPLAY_BYTES && self.replay.len() > 1)
        {
            let dropped = self.replay.pop_front().map_or(0, |sent| sent.data.len());
            self.replay_bytes = self.replay_bytes.saturating_sub(dropped);
        }
        &self.replay[self.replay.len() - 1]
    }

    /// Everything after `seq`; `None` if some of it is no longer there.
    pub(super) fn since(&self, seq: u64) -> Option<impl Iterator<Item = &Sent>> {
        let from = (seq + 1).checked_sub(self.oldest_kept())?;
        Some(self.replay.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)))
    }

    /// The number of the oldest event that is kept, or of the next one if none is.
    fn oldest_kept(&self) -> u64 {
        self.last_seq + 1 - self.replay.len() as u64
    }

    fn recorded(&mut self, recording: &Recording) -> Option<(Cow<'static, str>, String)> {
        let (name, data) = recording.events().get(usize::try_from(self.feed.number).ok()?)?;
        self.feed.number += 1;
        Some((name.clone().into(), data.clone()))
    }

    fn steady(&mut self, world: &World) -> Option<(Cow<'static, str>, String)> {
        (0..TRIES).find_map(|_| {
            let number = self.feed.number;
            self.feed.number += 1;
            let event = events::event(world, self.shard[0], &self.guilds, self.intents, number);
            event.map(|(name, data)| (name.into(), data))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        let identify = Identify {
            token: "Bot t".into(),
            intents: 0,
            shard: [0, 1],
            compress: false,
            large_threshold: 50,
        };
        Session::new("s".into(), &identify, vec![0], Peer(1))
    }

    #[test]
    fn the_replay_buffer_is_bounded_and_knows_what_it_lost() {
        let options = GatewayOptions { replay_buffer: 3, ..GatewayOptions::default() };
        let mut session = session();
        for _ in 0..5 {
            session.number("A".into(), "{}".into(), &options);
        }
        let since =
            |seq| session.since(seq).map(|sent| sent.map(|sent| sent.seq).collect::<Vec<_>>());
        assert_eq!(since(5), Some(vec![]));
        assert_eq!(since(3), Some(vec![4, 5]));
        assert_eq!(since(2), Some(vec![3, 4, 5]));
        assert_eq!(since(1), None);
    }

    #[test]
    fn a_session_without_intents_for_the_mix_stays_silent() {
        let mut session = session();
        let options = GatewayOptions { rate: 10.0, ..GatewayOptions::default() };
        session.start_feed(&options, Instant::ZERO);
        assert_eq!(session.next_at(), None);
    }

    #[test]
    fn exactly_as_many_steady_events_come_as_were_asked_for() {
        let mut session = session();
        session.intents = events::ALL_INTENTS;
        let options = GatewayOptions { rate: 1000.0, events: Some(7), ..GatewayOptions::default() };
        session.start_feed(&options, Instant::ZERO);
        let world = World::new(1, 1, 5);
        let late = Instant::from_epoch(Duration::from_secs(60));
        let mut count = 0;
        while session.try_next(&world, None, late).is_some() {
            count += 1;
        }
        assert_eq!((count, session.next_at()), (7, None));
    }
}
