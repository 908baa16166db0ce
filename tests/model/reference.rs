//! The reference: what one shard's user must see, and what the shard may do meanwhile, told from the protocol and not from the
//! code. Looks at deeds in their order and panics at the first that it cannot explain. Knows no world.
//!
//! A session is a place: an id and the number of the newest event that was handed over. Everything else follows from how the
//! connections since the last READY or RESUMED ended.

use std::time::Duration;

use serde::Deserialize;
use shardwire::{
    proto::{
        CommandError, Dispatch, Event, Fault, Host as NextHost, Instant, Next, Notice, Opcode,
        Priority, Reply, RequestId, Session, Status, StopReason,
    },
    testing::{Closed, Deed, Host, Opened, Sent},
};

use crate::{
    book::{Book, Mark},
    line::{Class, Line, Who},
    manners::{Budget, Manners},
    questions::Questions,
    tally::Tally,
};

/// Connections in a row that may fail at the resume host before the base address is tried.
const RESUME_HOST_TRIES: u32 = 3;
/// Resumes in a row that may come to nothing before the session is given up.
const RESUMES_IN_VAIN: u32 = 5;
/// Opcode 9 with `true` in a row, the last of which counts as `false`.
const HOPES: u32 = 3;
/// How long a closing socket may keep the next connection waiting.
const CLOSING: Duration = Duration::from_secs(3);

/// The presence that the function of the configuration chooses.
pub const CHOSEN: &str = "chosen at each identify";

/// What an earlier process may have used up for so long, and another does not know of.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// One shard as it must look.
pub struct Reference {
    pub number: usize,
    pub wish: Wish,
    /// Where the shard is in its session.
    pub place: Option<Place>,
    /// The session that was lost, from whose connection events may still drop in.
    left: Option<Place>,
    /// Connections in a row that ended before READY or RESUMED.
    failures: u32,
    resume_host_failures: u32,
    vain_resumes: u32,
    hopes: u32,
    connection: Connection,
    /// The next connection: not before, and by when.
    opens: Option<(Instant, Instant)>,
    /// Whether it was due when the user came to want none: what is due happens first, even if it is closed at once.
    is_overdue: bool,
    /// When the user wished something last. What a late timer had to say is said first, at the same moment.
    wished_at: Instant,
    pub manners: Manners,
    pub line: Line,
    pub questions: Questions,
    /// When the computer woke up. What fell due meanwhile happens at this moment, in any order.
    awoke_at: Instant,
    /// Where the session was when a message last could not be read.
    stumbled_at: Option<u64>,
    /// Messages since the last event that were passed over as they were too large.
    passed_over: u64,
    /// When the process began: what an earlier one asked for is not known to it.
    born_at: Instant,
    pub reader: Reader,
    /// A guild of the shard, as READY names it.
    pub guild: Option<String>,
}

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To receive events.
    Run,
    /// To pause, with the session kept.
    Pause,
    /// To end, and whether the session shall live on.
    Close { keep_session: bool },
    /// Nothing more: the shard said its last word.
    Stopped,
}

/// The place in a session.
#[derive(Clone, Debug)]
pub struct Place {
    pub id: String,
    /// The number of the newest event that was handed over.
    pub cursor: u64,
    /// Numbers that the mock hid behind a zero since the last resume, or that may belong to messages that were passed over as
    /// they could not be read.
    pub hidden: usize,
}

/// Who takes the events, perhaps late. What is stored is what was read.
#[derive(Default)]
pub struct Reader {
    /// The session as read.
    pub stored: Option<Session>,
    /// A session that was stored earlier.
    pub older: Option<Session>,
    pub slow_until: Instant,
    pub unread: u32,
    /// Whether the shard is paused until the reader has caught up.
    pub holds: bool,
}

/// What happened on the newest connection.
#[derive(Default)]
struct Connection {
    is_at_resume_host: bool,
    first: First,
    /// READY or RESUMED came.
    is_proved: bool,
    replayed: u64,
    /// A message could not be read that could not be read before.
    is_no_better: bool,
}

/// What a connection began with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum First {
    Identify,
    #[default]
    Nothing,
    Resume,
}

/// What the reference is shown besides deeds.
pub struct Surroundings<'a> {
    pub now: Instant,
    pub book: &'a Book,
    pub budget: &'a mut Budget,
    pub tally: &'a mut Tally,
    /// Whether some events are held back by the filter.
    pub is_filtered: bool,
}

impl Reference {
    pub fn new(number: usize, interval: Duration) -> Self {
        Self {
            number,
            wish: Wish::Run,
            place: None,
            left: None,
            failures: 0,
            resume_host_failures: 0,
            vain_resumes: 0,
            hopes: 0,
            connection: Connection::default(),
            opens: None,
            is_overdue: false,
            wished_at: Instant::ZERO,
            manners: Manners::new(interval),
            line: Line::default(),
            questions: Questions::default(),
            awoke_at: Instant::ZERO,
            stumbled_at: None,
            passed_over: 0,
            born_at: Instant::ZERO,
            reader: Reader::default(),
            guild: None,
        }
    }

    // What the user does.

    /// The shard starts for the first time in its process.
    pub fn start(&mut self, now: Instant) {
        self.opens = Some((now, now));
    }

    pub fn wish(&mut self, wish: Wish, now: Instant) {
        if matches!(self.wish, Wish::Close { .. } | Wish::Stopped) || wish == self.wish {
            return;
        }
        self.wish = wish;
        self.wished_at = now;
        self.is_overdue = self.opens.is_some_and(|(from, _)| from <= now);
        self.opens = (wish == Wish::Run).then(|| (now, now + CLOSING));
    }

    /// The user wants a new connection.
    pub fn wish_reconnect(&mut self, now: Instant) {
        self.wish(Wish::Run, now);
        self.wished_at = now;
        if let (Wish::Run, Some((from, _))) = (self.wish, &mut self.opens) {
            *from = now;
        }
    }

    /// Another process takes over with `session`, or with nothing.
    pub fn restart(
        &mut self,
        session: Option<&Session>,
        book: &Book,
        tally: &mut Tally,
        born_at: Instant,
    ) {
        tally.see_many("commands lost with their process", self.line.len() as u64);
        tally.see_many("requests lost with their process", self.questions.len() as u64);
        let is_kept = |place: &Place| session.is_some_and(|session| session.id == place.id);
        if let Some(place) = self.place.take().filter(|place| !is_kept(place)) {
            tally.see("session lost: process that knows it not");
            lose(&place, book, tally);
        }
        let place = session.map(|session| Place {
            id: session.id.clone(),
            cursor: session.sequence,
            hidden: 0,
        });
        let reader = Reader {
            stored: session.cloned(),
            older: self.reader.older.take(),
            ..Reader::default()
        };
        let manners = self.manners.restarted();
        let guild = self.guild.take();
        let number = self.number;
        *self =
            Self { place, manners, born_at, reader, guild, ..Self::new(number, Duration::ZERO) };
    }

    /// The computer slept: what fell due meanwhile is due now.
    pub fn wake_up(&mut self, now: Instant) {
        self.awoke_at = now;
        self.manners.wake_up(now);
        self.opens = self.opens.map(|(from, by)| (from, by.max(now)));
    }

    /// The shard is told that it slept: it goes on at once, whatever it waited for.
    pub fn wake_up_told(&mut self, now: Instant) {
        self.wished_at = now;
        if let Some((from, _)) = &mut self.opens {
            *from = now;
        }
    }

    /// The reader takes what there is, unless it is slow.
    pub fn read(&mut self, session: impl FnOnce() -> Option<Session>, now: Instant) {
        if self.reader.unread == 0 || now < self.reader.slow_until {
            return;
        }
        self.reader.unread = 0;
        let Some(place) = &self.place else { return };
        match &mut self.reader.stored {
            Some(stored) if stored.id == place.id => stored.sequence = place.cursor,
            stored => {
                *stored = session().map(|session| Session { sequence: place.cursor, ..session });
            }
        }
    }

    /// Whether a command of this kind would leave at once.
    pub fn is_free_for(&self, class: &Class, priority: Priority, now: Instant) -> bool {
        self.manners.may_send_since(now).is_some() && self.line.is_free_for(class, priority, now)
    }

    // What the shard does.

    /// What must hold at every moment. `waiting` commands wait.
    pub fn check(&mut self, status: Status, waiting: usize, now: Instant) {
        self.manners.check(status, now, self.number);
        if now > self.awoke_at {
            // What falls due at this very moment may have its turn yet.
            let again = self.questions.elapse(now - Duration::from_nanos(1), self.awoke_at);
            self.line.extend(again);
            let may_send = self.manners.may_send_since(now);
            self.line.check(may_send.map(|since| since.max(self.awoke_at)), now);
            let is_ending = matches!(self.wish, Wish::Close { .. } | Wish::Stopped);
            if !is_ending {
                self.questions.check(now);
            }
            let known = self.line.len();
            let may_differ = self.questions.falls_due_at(now);
            assert!(known == waiting || may_differ, "{waiting} commands wait, {known} are known");
        }
        if let Some((_, by)) = self.opens {
            let is_meant = self.wish == Wish::Run;
            assert!(!is_meant || now <= by, "shard {}: no connection by {by:?}", self.number);
        }
    }

    pub fn explain(&mut self, deed: Deed, around: &mut Surroundings<'_>) {
        let again = self.questions.elapse(around.now, self.awoke_at);
        self.line.extend(again);
        match deed {
            Deed::Closed(closed) => self.on_closed(&closed),
            Deed::Event(event) => self.on_event(event, around),
            Deed::Opened(opened) => self.on_opened(&opened, around),
            Deed::Sent(sent) => self.on_sent(&sent, around),
            Deed::Settled(ticket, outcome) => {
                around.tally.see(ended_as(&outcome));
                self.line.settle(ticket, &outcome, around.now);
            }
            Deed::Reply(id, reply) => self.on_reply(id, &reply, around),
        }
    }

    /// A session that the user wants to live is never ended by a close code.
    fn on_closed(&self, closed: &Closed) {
        let ends = self.wish == Wish::Close { keep_session: false };
        let is_right = match closed.close.code {
            1000 => ends,
            4000 => !ends || closed.at == self.wished_at,
            _ => false,
        };
        assert!(is_right, "shard {}: a close with {}", self.number, closed.close.code);
    }

    fn on_opened(&mut self, opened: &Opened, around: &mut Surroundings<'_>) {
        let Self { number, wish, .. } = *self;
        let is_meant = wish == Wish::Run || std::mem::take(&mut self.is_overdue);
        assert!(is_meant, "shard {number}: a connection that nobody wants, {wish:?}");
        if let Some((from, _)) = self.opens.take() {
            let is_time = opened.at >= from || opened.at == self.wished_at;
            assert!(is_time, "shard {number}: connected before its pause was over");
        }
        assert_eq!(opened.host == Host::Resume, self.goes_to_resume_host(), "shard {number}: host");
        around.tally.see("connections");
        let is_at_resume_host = opened.host == Host::Resume;
        if is_at_resume_host {
            around.tally.see("connections to the resume host");
        }
        self.connection = Connection { is_at_resume_host, ..Connection::default() };
        self.manners.on_opened();
    }

    fn goes_to_resume_host(&self) -> bool {
        self.place.is_some() && self.resume_host_failures < RESUME_HOST_TRIES
    }

    fn on_sent(&mut self, sent: &Sent, around: &mut Surroundings<'_>) {
        let number = self.number;
        self.manners.on_sent(sent.op, around.now, number);
        match sent.op {
            Opcode::HEARTBEAT => {
                around.tally.see("heartbeats");
                match &self.place {
                    Some(place) => {
                        let carried = sent.data().parse().expect("a sequence number");
                        self.assert_cursor(place, carried, around.book);
                    }
                    None => assert_eq!(sent.data(), "null", "shard {number}: no event yet"),
                }
            }
            Opcode::IDENTIFY => {
                around.tally.see("identifies");
                assert!(self.place.is_none(), "shard {number}: identify with a session");
                assert!(!self.connection.is_at_resume_host, "shard {number}: identify not at base");
                assert!(
                    self.connection.first == First::Nothing,
                    "shard {number}: a second first message"
                );
                self.connection.first = First::Identify;
                // The one that was sent last, or else the one that a function chose.
                let shown = self.line.presence.map_or(CHOSEN.into(), |number| number.to_string());
                let is_shown = sent.text.contains(&format!("\"name\":\"{shown}\""));
                assert!(is_shown, "shard {number}: the presence {shown} is gone");
                around.budget.spend(number, around.now);
            }
            Opcode::RESUME => {
                #[derive(Deserialize)]
                struct Resume {
                    session_id: String,
                    seq: u64,
                }
                around.tally.see("resumes");
                assert!(
                    self.connection.first == First::Nothing,
                    "shard {number}: a second first message"
                );
                self.connection.first = First::Resume;
                let Resume { session_id, seq } = serde_json::from_str(sent.data()).expect("JSON");
                let place = self.place.as_ref().expect("a session to resume");
                assert_eq!(session_id, place.id, "shard {number}: the session");
                self.assert_cursor(place, seq, around.book);
                if let Some(place) = &mut self.place {
                    // What was hidden and is behind this number is passed, the rest comes again with its true number.
                    *place = Place { id: session_id, cursor: seq, hidden: 0 };
                }
            }
            op => {
                around.tally.see("commands sent");
                assert!(self.connection.is_proved, "shard {number}: {op} before READY or RESUMED");
                let taken = self.line.take(sent, around.now);
                if let Who::Request(id) = taken.who {
                    around.tally.see("requests sent");
                    self.questions.on_sent(id, sent, around.now);
                }
            }
        }
    }

    fn on_reply(&mut self, id: RequestId, reply: &Reply, around: &mut Surroundings<'_>) {
        if self.questions.on_reply(id, reply, around.tally, around.now) {
            self.line.forget(id);
        }
    }

    /// A number that the shard says it has come to: what the user has, or behind it what the filter held back.
    fn assert_cursor(&self, place: &Place, number: u64, book: &Book) {
        let Place { id, cursor, hidden } = place;
        assert!(
            number >= *cursor && book.missing(id, *cursor, number + 1) <= *hidden,
            "shard {}: said that it has {number}, and handed over {cursor}",
            self.number
        );
    }

    fn on_event(&mut self, event: Event, around: &mut Surroundings<'_>) {
        match event {
            Event::Disconnected { fault, next } => self.on_disconnected(&fault, next, around),
            Event::Dispatch(dispatch) => self.on_dispatch(&dispatch, around),
            Event::HeartbeatAcked { .. } => around.tally.see("heartbeats acknowledged"),
            Event::Notice(Notice::SequenceGap { missing }) => {
                around.tally.see("notice of a gap");
                let hidden = self.place.as_ref().or(self.left.as_ref()).map_or(0, |it| it.hidden);
                assert!(
                    missing <= hidden as u64 + self.passed_over,
                    "shard {}: a gap of {missing} that the mock did not make",
                    self.number
                );
            }
            Event::Notice(Notice::UnknownOpcode(_)) => {
                around.tally.see("notice of an unknown opcode");
            }
            Event::Notice(Notice::Oversized { .. }) => self.on_oversized(around),
            Event::Notice(Notice::Unreadable(_)) => self.on_unreadable(around),
            Event::Notice(Notice::IdentifyHeldBack { .. }) => {
                around.tally.see("notice of an identify held back");
                around.budget.assert_busy(self.number, around.now);
            }
            Event::Notice(Notice::SlowSend { .. }) => {
                around.tally.see("notice of a slow command");
            }
            Event::Resumed { replayed } => self.on_resumed(replayed, around),
            Event::StatusChanged { status, previous } => self.on_status(previous, status, around),
            Event::Stopped { reason } => self.on_stopped(&reason, around),
            other => panic!("shard {}: {other:?}", self.number),
        }
    }

    fn on_status(&mut self, from: Status, to: Status, around: &mut Surroundings<'_>) {
        use Status as S;
        let Self { number, wished_at, .. } = *self;
        let was_connected = self.manners.is_connected();
        let is_wished = around.now == wished_at;
        if self.manners.on_status(from, to, around.now, is_wished, number) {
            around.tally.see("HELLO");
        }
        let is_off = matches!(to, S::Closing | S::Connecting | S::Disconnected { .. } | S::Idle);
        if was_connected && is_off && !matches!(self.wish, Wish::Close { .. }) {
            self.questions.on_lost();
        }
    }

    fn on_resumed(&mut self, replayed: u64, around: &mut Surroundings<'_>) {
        let Self { number, connection, .. } = self;
        around.tally.see("RESUMED");
        around.tally.see_many("events replayed", replayed);
        assert!(connection.first == First::Resume, "shard {number}: RESUMED without a resume");
        if !around.is_filtered && !connection.is_proved {
            // RESUMED itself is handed over as well, unless it is a repeated one.
            let seen = connection.replayed;
            assert!(
                replayed == seen || replayed + 1 == seen,
                "shard {number}: {replayed} events replayed, {seen} seen"
            );
        }
        self.prove();
        self.questions.on_resumed(around.now);
    }

    /// A message was passed over. That costs nothing but what it held: losing the connection would not have helped.
    fn on_unreadable(&mut self, around: &mut Surroundings<'_>) {
        around.tally.see("notice of an unreadable message");
        let Self { number, .. } = *self;
        let place = self.place.as_mut().expect("without a session there is nothing to lose");
        let is_again = self.stumbled_at == Some(place.cursor) || around.is_filtered;
        assert!(is_again || self.connection.is_no_better, "shard {number}: passed over too soon");
        self.connection.is_no_better = true;
        place.hidden += 1;
    }

    /// A replay cannot get past a message, so that the next begins behind it.
    fn on_oversized(&mut self, around: &mut Surroundings<'_>) {
        around.tally.see("notice of an oversized message");
        let Self { number, .. } = *self;
        let Connection { first, is_proved, .. } = self.connection;
        assert!(first == First::Resume && !is_proved, "shard {number}: passed over live");
        let place = self.place.as_mut().expect("a session that was resumed");
        let is_again = self.stumbled_at == Some(place.cursor) || around.is_filtered;
        assert!(is_again, "shard {number}: passed over too soon");
        place.hidden += 1;
        self.passed_over += 1;
    }

    fn on_dispatch(&mut self, dispatch: &Dispatch, around: &mut Surroundings<'_>) {
        around.tally.see("events delivered");
        self.reader.unread += 1;
        self.connection.replayed += 1;
        if &*dispatch.name == "READY" {
            self.on_ready(dispatch, around);
            let again = self.questions.on_new_session(around.now);
            return self.line.extend(again);
        }
        self.questions.on_dispatch(dispatch, around.tally, around.now);
        if &*dispatch.name == "RATE_LIMITED" {
            // What is heard on waking up, or in a replay, may have been said long ago.
            let is_late = around.now == self.awoke_at || !self.connection.is_proved;
            let is_new = around.now.saturating_since(self.born_at) < FORGOTTEN;
            assert!(is_new || is_late, "shard {}: a limit of the gateway was broken", self.number);
        }
        let number = self.number;
        // After a session was given up its connection may still bring events, until it is closed.
        let place = self.place.as_mut().or(self.left.as_mut()).expect("events belong to a session");
        if dispatch.sequence == 0 {
            assert_eq!(&*dispatch.name, "RESUMED", "shard {number}: an event without a number");
            place.hidden += 1;
            return;
        }
        let missing = around.book.missing(&place.id, place.cursor, dispatch.sequence);
        assert!(
            dispatch.sequence > place.cursor && missing <= place.hidden,
            "shard {number}: {} {} after {}",
            dispatch.name,
            dispatch.sequence,
            place.cursor
        );
        self.passed_over = 0;
        place.hidden -= missing;
        place.cursor = dispatch.sequence;
        let mark = around.book.mark(&place.id, dispatch.sequence);
        assert_eq!(mark, mark_of(dispatch), "shard {number}: event {}", dispatch.sequence);
    }

    fn on_ready(&mut self, dispatch: &Dispatch, around: &mut Surroundings<'_>) {
        #[derive(Deserialize)]
        struct Ready {
            session_id: String,
            guilds: Vec<Guild>,
        }
        #[derive(Deserialize)]
        struct Guild {
            id: String,
        }
        around.tally.see("READY");
        let Self { number, connection, .. } = self;
        let Ready { session_id, guilds } = dispatch.deserialize().expect("READY is an object");
        match &self.place {
            // A READY that was numbered 0 comes again with its own number.
            Some(place) if place.id == session_id => {
                assert_eq!(place.cursor, 0, "shard {number}: READY came twice");
            }
            Some(place) => panic!("shard {number}: a new session while {} lived", place.id),
            None => assert!(
                connection.first == First::Identify,
                "shard {number}: READY without identify"
            ),
        }
        assert!(dispatch.sequence <= 1, "shard {number}: READY {}", dispatch.sequence);
        if let Some(left) = self.left.take() {
            lose(&left, around.book, around.tally);
        }
        self.stumbled_at = None;
        let hidden = usize::from(dispatch.sequence == 0);
        self.place = Some(Place { id: session_id, cursor: dispatch.sequence, hidden });
        self.guild = guilds.into_iter().next().map(|guild| guild.id);
        self.prove();
    }

    /// READY or RESUMED came: what went wrong before is forgotten.
    fn prove(&mut self) {
        self.connection.is_proved = true;
        self.failures = 0;
        self.resume_host_failures = 0;
        self.vain_resumes = 0;
        self.hopes = 0;
    }

    fn on_disconnected(&mut self, fault: &Fault, next: Next, around: &mut Surroundings<'_>) {
        let Self { number, .. } = *self;
        around.tally.see(ended(fault));
        self.questions.on_lost();
        let is_meant = self.wish == Wish::Run || around.now == self.wished_at;
        assert!(is_meant, "shard {number}: {fault:?} after it was to leave");
        if let Fault::Closed(close) = fault
            && let 4004 | 4010..=4014 = close.code
        {
            assert_eq!(next, Next::Stop, "shard {number}: {fault:?}");
            return;
        }
        let mut pause = (Duration::ZERO, Duration::ZERO);
        // Nobody failed there, so that nothing is counted and nothing is waited for.
        if !matches!(fault, Fault::ReconnectWanted | Fault::Suspended { .. }) {
            self.stumble(fault, around);
            self.count(fault);
            self.lose_if_due(fault, around);
            pause = self.pause(fault);
            self.failures += 1;
        }
        let expected = match (self.place.is_some(), self.goes_to_resume_host()) {
            (false, _) => None,
            (true, true) => Some(NextHost::Resume),
            (true, false) => Some(NextHost::Base),
        };
        let (host, retry_in) = match next {
            Next::Identify { retry_in } => (None, retry_in),
            Next::Resume { host, retry_in } => (Some(host), retry_in),
            Next::Stop => panic!("shard {number}: stops because of {fault:?}"),
        };
        assert_eq!(host, expected, "shard {number}: {fault:?} means {next:?}");
        assert!(
            retry_in >= pause.0 && retry_in <= pause.1,
            "shard {number}: a pause of {retry_in:?}, expected {pause:?} after {fault:?}"
        );
        let by = around.now + retry_in.max(CLOSING);
        self.opens = (self.wish == Wish::Run).then_some((around.now + retry_in, by));
    }

    /// A message could not be read. The second time at the same place it is passed over.
    fn stumble(&mut self, fault: &Fault, around: &Surroundings<'_>) {
        let Self { number, stumbled_at, .. } = *self;
        let is_late = self.connection.first == First::Nothing;
        let Some(place) = self.place.as_ref().filter(|_| !is_late) else { return };
        match fault {
            Fault::BadEnvelope(_) => {
                let is_again = stumbled_at == Some(place.cursor) && !around.is_filtered;
                assert!(!is_again, "shard {number}: lost another connection for one message");
                self.stumbled_at = Some(place.cursor);
                // It came further than the last one.
                self.vain_resumes = 0;
            }
            Fault::Oversized { .. } => self.stumbled_at = Some(place.cursor),
            _ => {}
        }
    }

    /// How the connection ended, for the rules that count.
    fn count(&mut self, fault: &Fault) {
        let Connection { is_at_resume_host, first, is_proved, .. } = self.connection;
        self.resume_host_failures += u32::from(is_at_resume_host && !is_proved);
        self.vain_resumes += u32::from(first == First::Resume && !is_proved);
        self.hopes += u32::from(*fault == Fault::InvalidSession { resumable: true });
    }

    /// Discord's word, or too many vain tries, end a session.
    fn lose_if_due(&mut self, fault: &Fault, around: &mut Surroundings<'_>) {
        let cause = match fault {
            Fault::Closed(close) if matches!(close.code, 4003 | 4006 | 4007 | 4009) => {
                "session lost: close code"
            }
            Fault::InvalidSession { resumable: false } => "session lost: op 9",
            Fault::InvalidSession { resumable: true } if self.hopes >= HOPES => {
                "session lost: op 9 once too often"
            }
            _ if self.vain_resumes >= RESUMES_IN_VAIN => "session lost: resumes in vain",
            _ => return,
        };
        if let Some(place) = self.place.take() {
            around.tally.see(cause);
            self.left = Some(place);
        }
        self.resume_host_failures = 0;
        self.vain_resumes = 0;
        self.hopes = 0;
    }

    /// Between half and all of a span that doubles from a second to a minute; after opcode 9 at least one to five seconds.
    fn pause(&self, fault: &Fault) -> (Duration, Duration) {
        let full = Duration::from_secs(1 << self.failures.min(6)).min(Duration::from_secs(60));
        match fault {
            Fault::InvalidSession { .. } => {
                ((full / 2).max(Duration::from_secs(1)), full.max(Duration::from_secs(5)))
            }
            _ => (full / 2, full),
        }
    }

    fn on_stopped(&mut self, reason: &StopReason, around: &mut Surroundings<'_>) {
        let Self { number, wish, .. } = *self;
        match reason {
            StopReason::Requested => {
                around.tally.see("stopped as asked");
                assert!(matches!(wish, Wish::Close { .. }), "shard {number}: nobody asked it");
                if wish == (Wish::Close { keep_session: false }) {
                    self.left = self.place.take();
                }
            }
            StopReason::Fatal(close) => {
                around.tally.see("stopped by a fatal code");
                let is_fatal = matches!(close.code, 4004 | 4010..=4014);
                assert!(is_fatal, "shard {number}: {} is no reason to stop", close.code);
            }
            StopReason::IdentifyBudgetSpent(_) => {
                around.tally.see("stopped with the budget spent");
                around.budget.assert_spent();
            }
            other => panic!("shard {number}: {other:?}"),
        }
        self.line.assert_over();
        self.questions.assert_over();
        self.wish = Wish::Stopped;
        self.opens = None;
    }
}

/// Counts what a user will never see of a session that ended.
fn lose(place: &Place, book: &Book, tally: &mut Tally) {
    let lost = book.wanted_after(&place.id, place.cursor);
    tally.see_many("events lost with their session", lost);
}

/// The model's own events carry their number; `None` for the mock's.
fn mark_of(dispatch: &Dispatch) -> Option<Mark> {
    #[derive(Deserialize)]
    struct Numbered {
        n: u64,
    }
    match &*dispatch.name {
        "NUMBERED" => {
            let Numbered { n } = dispatch.deserialize().expect("as it was emitted");
            Some(Mark::Numbered(n))
        }
        "UNWANTED" => Some(Mark::Unwanted),
        _ => None,
    }
}

fn ended_as(outcome: &Result<(), CommandError>) -> &'static str {
    match outcome {
        Ok(()) => "commands told as sent",
        Err(CommandError::Cancelled) => "commands taken back",
        Err(CommandError::Expired) => "commands expired",
        Err(CommandError::Stopped) => "commands dropped by a stop",
        Err(error) => panic!("a command met {error}"),
    }
}

fn ended(fault: &Fault) -> &'static str {
    match fault {
        Fault::BadCompression(_) => "ended: bad-compression",
        Fault::BadEnvelope(_) => "ended: bad-envelope",
        Fault::Closed(_) => "ended: closed",
        Fault::InvalidSession { .. } => "ended: invalid-session",
        Fault::NoAnswer(_) => "ended: no-answer",
        Fault::Oversized { .. } => "ended: oversized",
        Fault::ReconnectRequested => "ended: reconnect-requested",
        Fault::ReconnectWanted => "ended: reconnect-wanted",
        Fault::Suspended { .. } => "ended: suspended",
        Fault::Transport(_) => "ended: transport",
        Fault::UnexpectedMessage(_) => "ended: unexpected-message",
        Fault::Zombie => "ended: zombie",
        other => panic!("the mock gives no reason for {other:?}"),
    }
}
