//! The line of commands as a user may rely on it: who goes first, what has to wait, and how each command ends. The commands of
//! requests stand in the same line. Knows no connection and no answer.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use shardwire::{
    proto::{CommandError, Instant, Opcode, Priority, RequestId, Ticket},
    testing::Sent,
};

/// Presences in a window, and the window.
const PRESENCES: usize = 5;
const PRESENCE_WINDOW: Duration = Duration::from_secs(20);
/// Between two requests for all members of a guild.
const MEMBERS_SPACING: Duration = Duration::from_secs(30);
/// What a shard may add to both, and how exactly the moment is known at which a request came into the line once more.
const SLACK: Duration = Duration::from_secs(1);

/// What waits to be sent by one shard.
#[derive(Default)]
pub struct Line {
    waiting: Vec<Waiting>,
    /// Commands that were sent, and have not been told of yet.
    owed: VecDeque<Ticket>,
    /// Commands that were taken back, and have not been told of yet.
    cancelled: Vec<Ticket>,
    /// The newest presences, oldest first.
    presences: VecDeque<Instant>,
    /// When all members of a guild were asked for last.
    members: BTreeMap<String, Instant>,
    /// The number of the presence that was sent last.
    pub presence: Option<u64>,
}

/// A command that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub who: Who,
    pub op: Opcode,
    /// It stands in its text. `None`: the only one of its opcode that has none.
    pub number: Option<u64>,
    pub class: Class,
    pub priority: Priority,
    pub since: Instant,
    /// Not to be sent any more at this moment. `None`: waits as long as it takes.
    pub expires_at: Option<Instant>,
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Command(Ticket),
    Request(RequestId),
}

/// Commands of one class never overtake each other. Those that have a limit of their own may be overtaken while it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    AllMembers(String),
    Other,
    Presence,
}

impl Line {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn push(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
    }

    pub fn extend(&mut self, waiting: Vec<Waiting>) {
        self.waiting.extend(waiting);
    }

    /// A request is over, sent or not.
    pub fn forget(&mut self, request: RequestId) {
        self.waiting.retain(|waiting| waiting.who != Who::Request(request));
    }

    /// A command that is taken back; gives whether it can be.
    pub fn cancel(&mut self, ticket: Ticket) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.who != Who::Command(ticket));
        let is_known = self.waiting.len() < before;
        self.cancelled.extend(is_known.then_some(ticket));
        is_known
    }

    /// Any command that waits, by chance.
    pub fn any_ticket(&self, dice: u64) -> Option<Ticket> {
        let tickets = self.waiting.iter().filter_map(|waiting| match waiting.who {
            Who::Command(ticket) => Some(ticket),
            Who::Request(_) => None,
        });
        let tickets: Vec<_> = tickets.collect();
        let at = dice.checked_rem(tickets.len() as u64)?;
        tickets.get(usize::try_from(at).ok()?).copied()
    }

    /// The one in the line that was sent: it was its turn, it was in time, and no limit held it back.
    pub fn take(&mut self, sent: &Sent, now: Instant) -> Waiting {
        let Sent { op, text, .. } = sent;
        let is_it = |waiting: &Waiting| match waiting.number {
            Some(number) => text.contains(&format!("\"{number}\"")),
            None => false,
        };
        let numbered = self.waiting.iter().position(is_it);
        let is_only = |waiting: &Waiting| waiting.number.is_none() && waiting.op == *op;
        let at = numbered.or_else(|| self.waiting.iter().position(is_only));
        let taken = self.waiting.remove(at.expect("a command that somebody gave"));
        assert_eq!(*op, taken.op, "{taken:?}");
        for other in &self.waiting {
            let is_first = other.goes_before(&taken, now);
            let may_wait = self.is_held(&other.class, now) && other.class != taken.class;
            assert!(!is_first || may_wait, "{taken:?} overtook {other:?}");
        }
        let is_in_time = taken.expires_at.is_none_or(|at| now < at || now == taken.since);
        assert!(is_in_time, "sent at {now:?}, too late: {taken:?}");
        self.note(&taken, now);
        if let Who::Command(ticket) = taken.who {
            self.owed.push_back(ticket);
        }
        taken
    }

    /// Counts it against the limits of its class.
    fn note(&mut self, taken: &Waiting, now: Instant) {
        match &taken.class {
            Class::AllMembers(guild) => {
                let last = self.members.insert(guild.clone(), now);
                let apart = last.map(|last| now.saturating_since(last));
                let is_apart = apart.is_none_or(|apart| apart >= MEMBERS_SPACING);
                assert!(is_apart, "all members again after {apart:?}");
            }
            Class::Other => {}
            Class::Presence => {
                if self.presences.len() == PRESENCES {
                    let oldest = self.presences.pop_front().expect("full");
                    let took = now.saturating_since(oldest);
                    assert!(took >= PRESENCE_WINDOW, "{} presences in {took:?}", PRESENCES + 1);
                }
                self.presences.push_back(now);
                self.presence = taken.number;
            }
        }
    }

    /// Whether a limit of its own may hold this class back.
    fn is_held(&self, class: &Class, now: Instant) -> bool {
        let last = match class {
            Class::AllMembers(guild) => self.members.get(guild).map(|last| *last + MEMBERS_SPACING),
            Class::Other => None,
            Class::Presence => {
                let oldest = self.presences.front().filter(|_| self.presences.len() == PRESENCES);
                oldest.map(|oldest| *oldest + PRESENCE_WINDOW)
            }
        };
        last.is_some_and(|until| now <= until + SLACK)
    }

    /// Whether nothing but the connection keeps a command of this class and priority waiting.
    pub fn is_free_for(&self, class: &Class, priority: Priority, now: Instant) -> bool {
        let is_before = |other: &Waiting| {
            other.class == *class && (other.priority == priority || priority == Priority::Normal)
        };
        !self.is_held(class, now) && !self.waiting.iter().any(is_before)
    }

    /// What became of a command is told once, and it is so.
    pub fn settle(&mut self, ticket: Ticket, outcome: &Result<(), CommandError>, now: Instant) {
        let at = self.waiting.iter().position(|waiting| waiting.who == Who::Command(ticket));
        match outcome {
            Ok(()) => assert_eq!(self.owed.pop_front(), Some(ticket), "told as sent"),
            Err(CommandError::Cancelled) => {
                let at = self.cancelled.iter().position(|cancelled| *cancelled == ticket);
                self.cancelled.remove(at.expect("somebody took it back"));
            }
            Err(CommandError::Expired) => {
                let expired = self.waiting.remove(at.expect("it waited"));
                let is_late = expired.expires_at.is_some_and(|at| at <= now);
                assert!(is_late, "given up at {now:?}, before its time: {expired:?}");
            }
            Err(CommandError::Stopped) => {
                self.waiting.remove(at.expect("it waited"));
            }
            Err(error) => panic!("{error} is told at once"),
        }
    }

    /// What must hold at every moment. `may_send` since when nothing but their own limits keeps commands back.
    pub fn check(&self, may_send: Option<Instant>, now: Instant) {
        assert!(self.owed.is_empty(), "sent, and not told: {:?}", self.owed);
        assert!(self.cancelled.is_empty(), "taken back, and not told: {:?}", self.cancelled);
        for waiting in &self.waiting {
            let is_over = waiting.expires_at.is_some_and(|at| at < now);
            assert!(!is_over, "waits past its time: {waiting:?}");
            let Some(may_send) = may_send else { continue };
            let by = may_send.max(waiting.since) + SLACK;
            let is_stuck = by < now && !self.is_held(&waiting.class, now);
            assert!(!is_stuck, "waits for nothing: {waiting:?}");
        }
    }

    /// The shard said its last word: everybody was told.
    pub fn assert_over(&self) {
        assert!(self.waiting.is_empty(), "stopped, and not told: {:?}", self.waiting);
    }
}

impl Waiting {
    /// Whether it is its turn before `other`'s, as far as that is known.
    fn goes_before(&self, other: &Self, now: Instant) -> bool {
        let are_exact = matches!((self.who, other.who), (Who::Command(_), Who::Command(_)));
        match (self.priority, other.priority, self.who, other.who) {
            (Priority::Normal, Priority::High, ..) => false,
            (Priority::High, Priority::Normal, ..) => are_exact || self.since + SLACK < now,
            (.., Who::Command(ticket), Who::Command(other)) => ticket < other,
            _ => self.since + SLACK < other.since,
        }
    }
}
