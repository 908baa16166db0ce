//! The life cycle: every state, and every transition between them. The only file that makes a [`State`].
//!
//! House rules: a state is taken by value and a state is returned, so that no path forgets what comes next and no field
//! outlives its meaning. What is due and what came in are kept apart ([`State::elapse`], [`State::advance`]).
//!
//! ```text
//!        Start            socket open          HELLO          no session: slot reserved, then at its instant
//!  Idle ──────▶ Opening ─────────────▶ AwaitingHello ────▶ Up ┬─ AwaitingSlot ─▶ SlotAt ─▶ Identifying ─READY─▶ Ready
//!                ▲  │                       │                 └─ Resuming ──────────────────────────RESUMED─▶ Ready
//!                │  │ failed, patience      │ patience        │ close, op 7, op 9, zombie, fault
//!                │  ▼                       ▼                 ▼
//!               Waiting ◀──────────────── Closing ◀───────────┘       fatal code, budget spent, the user's close
//!                 (backoff, 1-5 s after op 9)  └────────────────────────────────────────────────▶ Stopped
//! ```

use std::time::Duration;

use super::{
    context::{Context, Stage},
    link::{Link, Phase},
};
use crate::proto::{
    error::{Awaited, Fault, QueueError, StopReason},
    event::{Event, Next, Notice, Status},
    exchange::{Input, Output},
    pace::{Beat, Heartbeat, Limiter, Turn},
    time::{Instant, Wake, Why},
    wire::{
        Close, Decoder, Envelope, Frame, Opcode,
        close::{END_SESSION, KEEP_SESSION},
        payload::{self, Hello, Ready},
    },
};

/// Requested heartbeats that are answered before HELLO, when no limiter counts yet.
const MOST_EARLY_BEATS: u32 = 5;

/// Places in the send limit that requested heartbeats leave free until identify was sent.
const KEPT_FOR_IDENTIFY: usize = 5;

/// An identify may be this much later than its slot; beyond, the next shard's slot would be too near. Less than the
/// ledger's margin.
const LATE_FOR_SLOT: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) enum State {
    /// The socket is open; HELLO has not come.
    AwaitingHello { give_up_at: Instant, decoder: Decoder, answered: u32 },
    /// We closed; the other side's answer is waited for.
    Closing {
        give_up_at: Instant,
        then: Then,
        /// Opcode 7 leaves the stream intact: events that still come count. Boxed, as it is rare and large.
        draining: Option<Box<Link>>,
    },
    /// Not started, or paused.
    Idle,
    /// A socket is being opened.
    Opening { give_up_at: Instant },
    /// Over.
    Stopped,
    /// HELLO came.
    Up(Box<Link>),
    /// Between two connections.
    Waiting { until: Instant },
}

/// What follows once the socket is closed.
#[derive(Debug)]
pub(super) enum Then {
    Idle,
    Reconnect { at: Instant },
    Stop(StopReason),
}

/// What is left of a socket whose connection is lost.
enum Remains {
    /// It answers still: close it and wait for its answer.
    Alive(Option<Box<Link>>),
    /// It does not answer: close it and go on.
    Dead,
    /// It is closed.
    Gone,
}

impl State {
    /// What fell due by `now`.
    pub fn elapse(self, now: Instant, cx: &mut Context) -> Self {
        match self {
            Self::AwaitingHello { give_up_at, .. } if now >= give_up_at => {
                lose(Fault::NoAnswer(Awaited::Hello), Stage::Before, Remains::Dead, now, cx)
            }
            Self::Closing { give_up_at, then, .. } if now >= give_up_at => follow(then, now, cx),
            Self::Opening { give_up_at } if now >= give_up_at => {
                lose(Fault::NoAnswer(Awaited::Connect), Stage::Before, Remains::Dead, now, cx)
            }
            Self::Up(link) => elapse_link(link, now, cx),
            Self::Waiting { until } if now >= until => open(now, cx),
            state => state,
        }
    }

    /// What `input` means in this state.
    pub fn advance(self, input: Input, now: Instant, cx: &mut Context) -> Self {
        match input {
            Input::Close { keep_session } => self.close(keep_session, now, cx),
            Input::Closed(id, _)
            | Input::Failed(id, _)
            | Input::Opened(id)
            | Input::Oversized(id)
            | Input::Received(id, _)
                if id != cx.connection =>
            {
                self
            }
            Input::Closed(_, close) => {
                let fault = close.map_or_else(cut, Fault::Closed);
                self.end(fault, now, cx)
            }
            Input::Failed(_, error) => self.end(Fault::Transport(error), now, cx),
            Input::IdentifyAt(answer) => self.slot(answer, now, cx),
            Input::Opened(_) => self.opened(now, cx),
            Input::Oversized(_) => {
                let fault = cx.oversized();
                self.end(fault, now, cx)
            }
            Input::Pause => self.pause(now, cx),
            Input::Received(_, frame) => self.receive(&frame, now, cx),
            Input::Reconnect => self.reconnect(now, cx),
            Input::Start => self.start(now, cx),
            Input::Suspended(slept) => self.wake_up(slept, now, cx),
            Input::TimePassed => self,
        }
    }

    /// A message is on its way in: proof of life, even if it waited behind a late timer.
    pub fn hear(&mut self) {
        if let Self::Up(link) = self {
            link.heartbeat.heard();
        }
    }

    pub fn wake(&self, now: Instant, cx: &Context) -> Wake {
        match self {
            Self::AwaitingHello { give_up_at, .. }
            | Self::Closing { give_up_at, .. }
            | Self::Opening { give_up_at } => Wake::at(*give_up_at, Why::Patience),
            Self::Idle | Self::Stopped => Wake::NEVER,
            Self::Up(link) => link.wake(now, cx.line.next_at(now)),
            Self::Waiting { until } => Wake::at(*until, Why::Backoff),
        }
    }

    pub fn status(&self, now: Instant, cx: &Context) -> Status {
        match self {
            Self::AwaitingHello { .. } => Status::AwaitingHello,
            Self::Closing { then: Then::Reconnect { at: until }, .. } | Self::Waiting { until } => {
                let retry_in = until.saturating_since(now);
                Status::Disconnected { attempt: cx.failures(), retry_in }
            }
            Self::Closing { .. } => Status::Closing,
            Self::Idle => Status::Idle,
            Self::Opening { .. } => Status::Connecting,
            Self::Stopped => Status::Stopped,
            Self::Up(link) => match link.phase {
                Phase::AwaitingSlot | Phase::HeldBack { .. } | Phase::SlotAt(_) => {
                    Status::AwaitingIdentify
                }
                Phase::Identifying { .. } => Status::Identifying,
                Phase::Ready => Status::Ready,
                Phase::Resuming { .. } => Status::Resuming,
            },
        }
    }

    // What the user wants.

    fn start(self, now: Instant, cx: &mut Context) -> Self {
        match self {
            Self::Idle => open(now, cx),
            Self::Closing { give_up_at, then: Then::Idle, draining } => {
                Self::Closing { give_up_at, then: Then::Reconnect { at: now }, draining }
            }
            state => state,
        }
    }

    fn reconnect(self, now: Instant, cx: &mut Context) -> Self {
        let socket = match self {
            Self::Idle | Self::Waiting { .. } => return open(now, cx),
            Self::Closing { give_up_at, then: Then::Idle | Then::Reconnect { .. }, draining } => {
                return Self::Closing { give_up_at, then: Then::Reconnect { at: now }, draining };
            }
            Self::Closing { .. } | Self::Stopped => return self,
            Self::Opening { .. } => Remains::Dead,
            Self::AwaitingHello { .. } | Self::Up(_) => Remains::Alive(None),
        };
        let next = cx.next(Duration::ZERO);
        cx.emit(Event::Disconnected { fault: Fault::ReconnectWanted, next });
        leave(socket, Then::Reconnect { at: now }, now, cx)
    }

    /// After a sleep the other side has most likely given the connection up, and nothing would tell for minutes.
    fn wake_up(self, slept: Duration, now: Instant, cx: &mut Context) -> Self {
        let fault = Fault::Suspended { slept };
        match self {
            Self::AwaitingHello { .. } | Self::Opening { .. } => {
                lose(fault, Stage::Before, Remains::Dead, now, cx)
            }
            Self::Up(link) => lose(fault, stage(&link.phase), Remains::Dead, now, cx),
            Self::Waiting { .. } => open(now, cx),
            state @ (Self::Closing { .. } | Self::Idle | Self::Stopped) => state,
        }
    }

    fn pause(self, now: Instant, cx: &mut Context) -> Self {
        match self {
            Self::AwaitingHello { .. } | Self::Up(_) => {
                leave(Remains::Alive(None), Then::Idle, now, cx)
            }
            Self::Closing { give_up_at, then: Then::Reconnect { .. }, draining } => {
                Self::Closing { give_up_at, then: Then::Idle, draining }
            }
            Self::Opening { .. } => leave(Remains::Dead, Then::Idle, now, cx),
            Self::Waiting { .. } => Self::Idle,
            state @ (Self::Closing { .. } | Self::Idle | Self::Stopped) => state,
        }
    }

    fn close(self, keep_session: bool, now: Instant, cx: &mut Context) -> Self {
        if matches!(self, Self::Stopped) {
            return self;
        }
        let close = if keep_session { KEEP_SESSION } else { END_SESSION };
        if !keep_session {
            cx.drop_session();
        }
        let stop = Then::Stop(StopReason::Requested);
        match self {
            Self::AwaitingHello { .. } | Self::Up(_) => {
                cx.close(close);
                let give_up_at = now + cx.config.choices.patience.close;
                Self::Closing { give_up_at, then: stop, draining: None }
            }
            Self::Closing { give_up_at, .. } => {
                Self::Closing { give_up_at, then: stop, draining: None }
            }
            Self::Opening { .. } => {
                cx.close(close);
                follow(stop, now, cx)
            }
            Self::Idle | Self::Stopped | Self::Waiting { .. } => follow(stop, now, cx),
        }
    }

    // What the socket says.

    fn opened(self, now: Instant, cx: &mut Context) -> Self {
        match self {
            Self::Opening { .. } => Self::AwaitingHello {
                give_up_at: now + cx.config.choices.patience.hello,
                decoder: cx.config.decoder(),
                answered: 0,
            },
            state => state,
        }
    }

    /// The socket is gone. Told again, it finds another state and means nothing.
    fn end(self, fault: Fault, now: Instant, cx: &mut Context) -> Self {
        match self {
            Self::AwaitingHello { .. } | Self::Opening { .. } => {
                lose(fault, Stage::Before, Remains::Gone, now, cx)
            }
            // A code that forbids reconnecting counts, though the connection was being left for another reason.
            Self::Closing { then: Then::Reconnect { .. }, .. } if Context::is_fatal(&fault) => {
                lose(fault, Stage::Before, Remains::Gone, now, cx)
            }
            Self::Closing { then, .. } => follow(then, now, cx),
            Self::Up(mut link) => {
                // What the transport refused for its size counts as if it had come whole.
                let is_replay = matches!(link.phase, Phase::Resuming { .. });
                match cx.stumble(fault, is_replay, &mut link.is_no_better) {
                    Err(fault) => lose(fault, stage(&link.phase), Remains::Gone, now, cx),
                    Ok(()) => Self::Up(link),
                }
            }
            state @ (Self::Idle | Self::Stopped | Self::Waiting { .. }) => state,
        }
    }

    fn receive(self, frame: &Frame, now: Instant, cx: &mut Context) -> Self {
        match self {
            Self::AwaitingHello { give_up_at, mut decoder, mut answered } => {
                match receive_first(&mut decoder, &mut answered, frame, now, cx) {
                    Ok(None) => Self::AwaitingHello { give_up_at, decoder, answered },
                    Ok(Some(interval)) => {
                        Self::Up(Box::new(begin(interval, decoder, answered, now, cx)))
                    }
                    Err(fault) => lose(fault, Stage::Before, Remains::Alive(None), now, cx),
                }
            }
            Self::Closing { give_up_at, then, draining: Some(mut link) } => {
                let is_intact = drain(&mut link, frame, now, cx).is_ok();
                Self::Closing { give_up_at, then, draining: is_intact.then_some(link) }
            }
            Self::Up(mut link) => match receive_next(&mut link, frame, now, cx) {
                Ok(()) => Self::Up(link),
                Err(fault) => lose_link(link, fault, now, cx),
            },
            state => state,
        }
    }

    fn slot(self, answer: Result<Turn, QueueError>, now: Instant, cx: &mut Context) -> Self {
        match (self, answer) {
            (Self::Up(mut link), Ok(turn)) if matches!(link.phase, Phase::AwaitingSlot) => {
                link.phase = if turn.is_held_back {
                    let wait = turn.at.saturating_since(now);
                    cx.emit(Event::Notice(Notice::IdentifyHeldBack { wait }));
                    Phase::HeldBack { until: turn.at }
                } else {
                    Phase::SlotAt(turn.at)
                };
                Self::Up(link)
            }
            (Self::Up(mut link), Err(error)) if matches!(link.phase, Phase::AwaitingSlot) => {
                match error {
                    QueueError::BudgetSpent(spent) => {
                        let stop = Then::Stop(StopReason::IdentifyBudgetSpent(spent));
                        leave(Remains::Alive(None), stop, now, cx)
                    }
                    QueueError::Unavailable { retry_in } => {
                        cx.emit(Event::Notice(Notice::QueueUnavailable { retry_in }));
                        link.phase = Phase::HeldBack { until: now + retry_in };
                        Self::Up(link)
                    }
                }
            }
            (state, _) => state,
        }
    }
}

/// A connection that broke without a close frame.
fn cut() -> Fault {
    Fault::Closed(Close::new(1006, ""))
}

fn stage(phase: &Phase) -> Stage {
    match phase {
        Phase::AwaitingSlot
        | Phase::HeldBack { .. }
        | Phase::Identifying { .. }
        | Phase::SlotAt(_) => Stage::Identifying,
        Phase::Ready => Stage::Ready,
        Phase::Resuming { .. } => Stage::Resuming,
    }
}

fn open(now: Instant, cx: &mut Context) -> State {
    cx.open(now);
    State::Opening { give_up_at: now + cx.config.choices.patience.connect }
}

/// The connection is lost by `fault`: says so, and goes on as the session allows.
fn lose(fault: Fault, stage: Stage, remains: Remains, now: Instant, cx: &mut Context) -> State {
    let next = cx.plan(&fault, stage);
    let then = match (next, &fault) {
        (Next::Identify { retry_in } | Next::Resume { retry_in, .. }, _) => {
            Then::Reconnect { at: now + retry_in }
        }
        (Next::Stop, Fault::Closed(close)) => Then::Stop(StopReason::Fatal(close.clone())),
        (Next::Stop, _) => Then::Stop(StopReason::Requested),
    };
    cx.emit(Event::Disconnected { fault, next });
    leave(remains, then, now, cx)
}

fn lose_link(link: Box<Link>, fault: Fault, now: Instant, cx: &mut Context) -> State {
    let stage = stage(&link.phase);
    let draining = matches!(fault, Fault::ReconnectRequested).then_some(link);
    lose(fault, stage, Remains::Alive(draining), now, cx)
}

/// Leaves a socket with the session kept.
fn leave(remains: Remains, then: Then, now: Instant, cx: &mut Context) -> State {
    cx.requests.on_lost();
    match remains {
        Remains::Alive(draining) => {
            cx.close(KEEP_SESSION);
            State::Closing { give_up_at: now + cx.config.choices.patience.close, then, draining }
        }
        Remains::Dead => {
            cx.close(KEEP_SESSION);
            follow(then, now, cx)
        }
        Remains::Gone => follow(then, now, cx),
    }
}

/// The socket is closed: what follows?
fn follow(then: Then, now: Instant, cx: &mut Context) -> State {
    match then {
        Then::Idle => State::Idle,
        Then::Reconnect { at } if now >= at => open(now, cx),
        Then::Reconnect { at } => State::Waiting { until: at },
        Then::Stop(reason) => {
            cx.abandon();
            cx.emit(Event::Stopped { reason });
            State::Stopped
        }
    }
}

/// A message before HELLO, in whose place opcodes 1, 7 and 9 may come. Gives the heartbeat interval if it is HELLO.
fn receive_first(
    decoder: &mut Decoder,
    answered: &mut u32,
    frame: &Frame,
    now: Instant,
    cx: &mut Context,
) -> Result<Option<Duration>, Fault> {
    let Some(envelope) = cx.decode(decoder, frame)? else { return Ok(None) };
    match envelope.opcode {
        Opcode::HELLO => Hello::parse(envelope.data)
            .map(|hello| Some(hello.heartbeat_interval))
            .ok_or(Fault::BadPayload("expected HELLO to hold a heartbeat interval")),
        Opcode::HEARTBEAT => {
            if *answered < MOST_EARLY_BEATS {
                *answered += 1;
                cx.heartbeat(now);
            }
            Ok(None)
        }
        Opcode::HEARTBEAT_ACK => Ok(None),
        Opcode::INVALID_SESSION => Err(invalid_session(&envelope)),
        Opcode::RECONNECT => Err(Fault::ReconnectRequested),
        other => Err(Fault::UnexpectedMessage(other)),
    }
}

fn invalid_session(envelope: &Envelope<'_>) -> Fault {
    Fault::InvalidSession { resumable: payload::is_resumable(envelope.data) }
}

/// HELLO came: heartbeats start, and the session is taken up or asked for.
fn begin(
    interval: Duration,
    decoder: Decoder,
    answered: u32,
    now: Instant,
    cx: &mut Context,
) -> Link {
    let first = cx.random.below(interval);
    cx.expect_heartbeats_every(interval);
    let mut limiter = Limiter::new(interval);
    (0..answered).for_each(|_| limiter.sent(now));
    let phase = if cx.has_session() {
        cx.resume();
        limiter.sent(now);
        Phase::Resuming { give_up_at: now + cx.config.choices.patience.resumed, replayed: 0 }
    } else {
        cx.outputs.push_back(Output::ReserveIdentify);
        Phase::AwaitingSlot
    };
    let heartbeat = Heartbeat::new(interval, first, now);
    Link { phase, heartbeat, limiter, decoder, is_no_better: false }
}

/// A message after HELLO.
fn receive_next(
    link: &mut Link,
    frame: &Frame,
    now: Instant,
    cx: &mut Context,
) -> Result<(), Fault> {
    let Link { phase, heartbeat, limiter, decoder, is_no_better } = link;
    heartbeat.heard();
    let envelope = match cx.decode(decoder, frame) {
        Ok(Some(envelope)) => envelope,
        Ok(None) => return Ok(()),
        Err(fault) => {
            let is_replay = matches!(phase, Phase::Resuming { .. });
            return cx.stumble(fault, is_replay, is_no_better);
        }
    };
    match envelope.opcode {
        Opcode::DISPATCH => dispatch(&envelope, phase, now, cx)?,
        Opcode::HEARTBEAT => {
            // A server that asks more often than anybody may send gets what the limit allows.
            let kept = match phase {
                Phase::AwaitingSlot | Phase::HeldBack { .. } | Phase::SlotAt(_) => {
                    KEPT_FOR_IDENTIFY
                }
                Phase::Identifying { .. } | Phase::Ready | Phase::Resuming { .. } => 0,
            };
            if limiter.has_room(kept, now) {
                cx.heartbeat(now);
                heartbeat.answered(now);
                limiter.sent(now);
            }
        }
        Opcode::HEARTBEAT_ACK => {
            let round_trip = heartbeat.acked(now);
            cx.acknowledged(round_trip, heartbeat.is_acked(), now);
            // It comes once in a while, and when nothing else does: large guilds were long ago.
            decoder.rest();
        }
        Opcode::HELLO => {}
        Opcode::INVALID_SESSION => return Err(invalid_session(&envelope)),
        Opcode::RECONNECT => return Err(Fault::ReconnectRequested),
        other => cx.emit(Event::Notice(Notice::UnknownOpcode(other))),
    }
    Ok(())
}

/// A message after opcode 7: only events count.
fn drain(link: &mut Link, frame: &Frame, now: Instant, cx: &mut Context) -> Result<(), Fault> {
    match cx.decode(&mut link.decoder, frame)? {
        Some(envelope) if envelope.opcode == Opcode::DISPATCH => {
            dispatch(&envelope, &mut link.phase, now, cx)
        }
        _ => Ok(()),
    }
}

fn dispatch(
    envelope: &Envelope<'_>,
    phase: &mut Phase,
    now: Instant,
    cx: &mut Context,
) -> Result<(), Fault> {
    match (envelope.name.as_deref(), &mut *phase) {
        (Some("READY"), _) => {
            let ready = Ready::parse(envelope.data)
                .ok_or(Fault::BadPayload("expected READY to hold a session id"))?;
            if cx.cursor.is_old_ready(&ready, envelope.sequence) {
                cx.counters.duplicates += 1;
                return Ok(());
            }
            cx.begin(ready);
            *phase = Phase::Ready;
        }
        (Some("RESUMED"), Phase::Resuming { replayed, .. })
            if !cx.cursor.is_old_resumed(envelope.sequence) =>
        {
            let replayed = *replayed;
            cx.prove();
            cx.requests.on_resumed(now);
            *phase = Phase::Ready;
            // A number that is not new says that this RESUMED was handed over before, by another process perhaps.
            if cx.cursor.is_repeated(envelope.sequence) {
                cx.counters.duplicates += 1;
            } else {
                cx.deliver(envelope, now);
            }
            cx.emit(Event::Resumed { replayed });
            return Ok(());
        }
        (_, Phase::Resuming { replayed, give_up_at }) => {
            *give_up_at = now + cx.config.choices.patience.resumed;
            if cx.cursor.is_repeated(envelope.sequence) {
                cx.counters.duplicates += 1;
                return Ok(());
            }
            *replayed += 1;
            cx.counters.replayed += 1;
        }
        _ => {}
    }
    cx.deliver(envelope, now);
    Ok(())
}

/// What fell due on an open link.
fn elapse_link(mut link: Box<Link>, now: Instant, cx: &mut Context) -> State {
    match link.heartbeat.check(now) {
        Beat::Dead => {
            return lose(Fault::Zombie, stage(&link.phase), Remains::Dead, now, cx);
        }
        Beat::Due if link.limiter.free_at(now) <= now => {
            cx.heartbeat(now);
            link.heartbeat.beaten(now);
            link.limiter.sent(now);
        }
        Beat::Due | Beat::NotDue => {}
    }
    let overdue = match link.phase {
        Phase::Identifying { give_up_at } if now >= give_up_at => Some(Awaited::Ready),
        Phase::Resuming { give_up_at, .. } if now >= give_up_at => Some(Awaited::Resumed),
        _ => None,
    };
    if let Some(awaited) = overdue {
        let stage = stage(&link.phase);
        return lose(Fault::NoAnswer(awaited), stage, Remains::Dead, now, cx);
    }
    match link.phase {
        Phase::HeldBack { until } if now >= until => {
            cx.outputs.push_back(Output::ReserveIdentify);
            link.phase = Phase::AwaitingSlot;
        }
        Phase::SlotAt(at) if now >= at + LATE_FOR_SLOT => {
            cx.outputs.push_back(Output::ReserveIdentify);
            link.phase = Phase::AwaitingSlot;
        }
        Phase::SlotAt(at) if now >= at => {
            cx.identify();
            link.limiter.sent(now);
            link.phase = Phase::Identifying { give_up_at: now + cx.config.choices.patience.ready };
        }
        Phase::Ready => send_waiting(&mut link, now, cx),
        _ => {}
    }
    State::Up(link)
}

/// Sends the commands that wait, as far as the limits allow.
fn send_waiting(link: &mut Link, now: Instant, cx: &mut Context) {
    while link.limiter.user_free_at(now) <= now && cx.send_waiting(now) {
        link.limiter.sent_by_user(now);
    }
}
