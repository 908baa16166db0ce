//! Commands that wait for their turn: by priority, within the narrower limits of presences and member lists, with deadlines.
//! Sends nothing, and knows nothing of the limit for all.
//!
//! Sources: Discord's "Update Presence" (five in 20 seconds), and its change log of 2025-08-14 (all members of a guild once in
//! 30 seconds, per bot). Both outlive a connection, as Discord does not say that a new one lends more.

use std::time::Duration;

use crate::proto::{
    command::{Kind, Payload},
    time::Instant,
    turn::{Priority, SendOptions, Ticket, When},
};

/// Presences per window, and the window.
const PRESENCES: usize = 5;
const PRESENCE_WINDOW: Duration = Duration::from_secs(20);
/// Between two requests for all members of one guild.
const MEMBERS_SPACING: Duration = Duration::from_secs(30);
/// What is added to both: the server counts arrivals, and two messages may travel for different times.
const MARGIN: Duration = Duration::from_millis(500);

/// The line.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// High priority first, each in the order of arrival.
    waiting: Vec<Waiting>,
    /// When the newest presences were sent, oldest first.
    presences: Vec<Instant>,
    /// When all members of a guild were last asked for; those of long ago are forgotten, so there are few.
    members: Vec<(u64, Instant)>,
    tickets: u64,
}

/// A command in the line.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub ticket: Ticket,
    pub payload: Payload,
    /// When it came into the line.
    pub since: Instant,
    priority: Priority,
    expires_at: Option<Instant>,
}

impl Line {
    pub(crate) fn push(&mut self, payload: Payload, options: SendOptions, now: Instant) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let SendOptions { priority, when } = options;
        let expires_at = match when {
            // Whoever does not want it to wait takes it out again: a deadline of this very moment would pass before the
            // command had its chance.
            When::Now | When::Whenever => None,
            When::Within(span) => Some(now + span),
        };
        let at = match priority {
            Priority::High => self
                .waiting
                .iter()
                .position(|other| other.priority == Priority::Normal)
                .unwrap_or(self.waiting.len()),
            Priority::Normal => self.waiting.len(),
        };
        self.waiting.insert(at, Waiting { ticket, payload, since: now, priority, expires_at });
        ticket
    }

    /// Takes a command out of the line, whether or not it is its turn.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Waiting> {
        let at = self.waiting.iter().position(|waiting| waiting.ticket == ticket)?;
        Some(self.waiting.remove(at))
    }

    /// The first command that its own limits let through, which is thereby counted as sent.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Waiting> {
        let at = self.waiting.iter().position(|waiting| self.free_at(waiting, now) <= now)?;
        let waiting = self.waiting.remove(at);
        match waiting.payload.kind() {
            Kind::AllMembers(guild) => {
                self.members.retain(|(_, at)| *at + MEMBERS_SPACING + MARGIN > now);
                self.members.push((*guild, now));
            }
            Kind::Other => {}
            Kind::Presence(_) => {
                if self.presences.len() >= PRESENCES {
                    self.presences.remove(0);
                }
                self.presences.push(now);
            }
        }
        Some(waiting)
    }

    /// A command whose deadline has passed.
    pub(crate) fn take_expired(&mut self, now: Instant) -> Option<Waiting> {
        let is_late = |waiting: &Waiting| waiting.expires_at.is_some_and(|at| at <= now);
        let at = self.waiting.iter().position(is_late)?;
        Some(self.waiting.remove(at))
    }

    /// When the first command may leave by its own limits; `None` if none waits.
    pub(crate) fn next_at(&self, now: Instant) -> Option<Instant> {
        self.waiting.iter().map(|waiting| self.free_at(waiting, now)).min()
    }

    /// When the first deadline passes.
    pub(crate) fn expires_at(&self) -> Option<Instant> {
        self.waiting.iter().filter_map(|waiting| waiting.expires_at).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Tickets of all that wait; the line is empty afterwards.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Ticket> {
        self.waiting.drain(..).map(|waiting| waiting.ticket)
    }

    /// How many presences could be sent now.
    pub(crate) fn presences(&self, now: Instant) -> usize {
        let is_counted = |sent: &&Instant| **sent + PRESENCE_WINDOW + MARGIN > now;
        PRESENCES - self.presences.iter().filter(is_counted).count()
    }

    /// When a presence may be sent; not later than `now` if at once.
    pub(crate) fn presence_at(&self, now: Instant) -> Instant {
        match self.presences.first() {
            Some(oldest) if self.presences.len() >= PRESENCES => {
                now.max(*oldest + PRESENCE_WINDOW + MARGIN)
            }
            _ => now,
        }
    }

    /// When a command may leave by its own limits; not later than `now` if at once.
    pub(crate) fn free_at(&self, waiting: &Waiting, now: Instant) -> Instant {
        match waiting.payload.kind() {
            Kind::AllMembers(guild) => self
                .members
                .iter()
                .find(|(asked, _)| asked == guild)
                .map_or(now, |(_, at)| now.max(*at + MEMBERS_SPACING + MARGIN)),
            Kind::Other => now,
            Kind::Presence(_) => self.presence_at(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{
        command::Command, config::Config, intents::Intents, wire::Opcode, wire::Presence,
    };

    fn at(millis: u64) -> Instant {
        Instant::from_epoch(Duration::from_millis(millis))
    }

    fn payload(command: &Command) -> Payload {
        let config = Config::builder("token", Intents::ALL).build().expect("valid");
        command.encode(&config).expect("valid")
    }

    fn presence() -> Payload {
        payload(&Command::UpdatePresence(Presence::default()))
    }

    fn members(guild: u32) -> Payload {
        let data = format!(r#"{{"guild_id":"{guild}","query":"","limit":0}}"#);
        payload(&Command::raw(Opcode(8), &data).expect("JSON"))
    }

    fn other() -> Payload {
        payload(&Command::raw(Opcode(31), "{}").expect("JSON"))
    }

    fn push(line: &mut Line, payload: Payload) -> Ticket {
        line.push(payload, SendOptions::default(), at(0))
    }

    fn taken(line: &mut Line, now: Instant) -> Option<Ticket> {
        line.take(now).map(|waiting| waiting.ticket)
    }

    #[test]
    fn high_priority_goes_first_and_each_keeps_its_order() {
        let mut line = Line::default();
        let high = SendOptions { priority: Priority::High, ..SendOptions::default() };
        let normal = [push(&mut line, other()), push(&mut line, other())];
        let first = [line.push(other(), high, at(0)), line.push(other(), high, at(0))];
        let order: Vec<_> = std::iter::from_fn(|| taken(&mut line, at(0))).collect();
        assert_eq!(order, [first, normal].concat());
    }

    #[test]
    fn the_sixth_presence_waits_and_others_pass_it() {
        let mut line = Line::default();
        let presences: Vec<_> = (0..6).map(|_| push(&mut line, presence())).collect();
        let after = push(&mut line, other());
        for ticket in &presences[..5] {
            assert_eq!(taken(&mut line, at(0)), Some(*ticket));
        }
        assert_eq!(line.presences(at(1)), 0);
        assert_eq!(taken(&mut line, at(1)), Some(after));
        assert_eq!(taken(&mut line, at(1)), None);
        let free = line.next_at(at(1)).expect("one waits");
        assert!(free >= at(20_000) && free <= at(21_000));
        assert_eq!(taken(&mut line, free), Some(presences[5]));
        assert_eq!(line.presences(free), 4);
    }

    #[test]
    fn all_members_of_a_guild_are_asked_for_once_in_thirty_seconds() {
        let mut line = Line::default();
        let [first, again, another] =
            [members(1), members(1), members(2)].map(|payload| push(&mut line, payload));
        assert_eq!(taken(&mut line, at(0)), Some(first));
        assert_eq!(taken(&mut line, at(0)), Some(another));
        assert_eq!(taken(&mut line, at(29_999)), None);
        let free = line.next_at(at(1)).expect("one waits");
        assert!(free >= at(30_000) && free <= at(31_000));
        assert_eq!(taken(&mut line, free), Some(again));
    }

    #[test]
    fn what_was_asked_long_ago_takes_no_memory() {
        let mut line = Line::default();
        for guild in 0..1000 {
            push(&mut line, members(guild));
            line.take(at(u64::from(guild) * 1000)).expect("another guild");
        }
        assert!(line.members.len() < 50);
    }

    #[test]
    fn a_deadline_takes_a_command_out_of_the_line() {
        let mut line = Line::default();
        let options =
            SendOptions { when: When::Within(Duration::from_secs(5)), ..SendOptions::default() };
        let ticket = line.push(other(), options, at(0));
        assert_eq!(line.expires_at(), Some(at(5000)));
        assert!(line.take_expired(at(4999)).is_none());
        assert_eq!(line.take_expired(at(5000)).map(|waiting| waiting.ticket), Some(ticket));
        assert_eq!(line.len(), 0);
    }
}
