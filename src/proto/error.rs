//! What can go wrong, sorted by whose fault it is. Every message names what was expected; none holds the token.

use std::{borrow::Cow, error::Error, time::Duration};

use serde::{Serialize, Serializer};

use super::{
    form::{self, Form, Put},
    time::whole_millis,
    wire::{Close, CloseCode, CodecError, EnvelopeError, Opcode, UrlError},
    words::{Hex, Say, displayed, say},
};

/// A configuration that cannot work: the caller's fault, told before anything is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// Intents that do not exist; Discord would close with 4013.
    BadIntents {
        /// The unknown bits.
        unknown: u64,
    },
    /// `large_threshold` outside 50 to 250.
    BadLargeThreshold(u16),
    /// An encoding that does not go with the compression; says what goes together.
    BadEncoding(&'static str),
    /// A limit or a wait that cannot work; says which and what it must be.
    BadLimit(&'static str),
    /// A presence that Discord would not take; says what is expected.
    BadPresence(&'static str),
    /// A session that is not of this shard.
    BadSession(&'static str),
    /// A shard number that is not below the total.
    BadShard {
        /// The shard asked for.
        number: u32,
        /// The total asked for.
        total: u32,
    },
    /// A token that no Gateway could accept; says why, never what.
    BadToken(&'static str),
    /// The base address is not a Gateway address.
    BadUrl(UrlError),
    /// A compression or an encoding is not part of this build, and no codec from outside has it; says which feature does.
    CodecNotCompiledIn(&'static str),
    /// `ws:` to a host that is not loopback, which would show the token to the network.
    InsecureUrl,
}

impl ConfigError {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadIntents { .. } => "bad-intents",
            Self::BadLargeThreshold(_) => "bad-large-threshold",
            Self::BadEncoding(_) => "bad-encoding",
            Self::BadLimit(_) | Self::BadPresence(_) => "bad-options",
            Self::BadSession(_) => "bad-session",
            Self::BadShard { .. } => "bad-shard",
            Self::BadToken(_) => "bad-token",
            Self::BadUrl(_) => "bad-url",
            Self::CodecNotCompiledIn(_) => "codec-not-compiled-in",
            Self::InsecureUrl => "insecure-url",
        }
    }
}

impl Say for ConfigError {
    fn say(&self, out: &mut String) {
        match self {
            Self::BadIntents { unknown } => {
                say!(
                    out,
                    "expected known intents, got unknown bits 0x",
                    Hex { number: *unknown, width: 1 }
                );
            }
            Self::BadLargeThreshold(got) => {
                say!(out, "expected a large threshold from 50 to 250, got ", got);
            }
            Self::BadEncoding(expected)
            | Self::BadLimit(expected)
            | Self::BadPresence(expected) => out.push_str(expected),
            Self::BadSession(why) => say!(out, "expected a session that fits: ", why),
            Self::BadShard { number, total } => {
                say!(
                    out,
                    "expected a shard number below the total, got [",
                    number,
                    ", ",
                    total,
                    "]"
                );
            }
            Self::BadToken(why) => say!(out, "expected a bot token: ", why),
            Self::BadUrl(error) => error.say(out),
            Self::CodecNotCompiledIn(feature) => {
                say!(out, "expected a codec of this build; the feature `", feature, "` brings it");
            }
            Self::InsecureUrl => out.push_str(
                "expected wss:// for a host that is not loopback, as ws:// would show the token to \
                 the network; allow it explicitly if that is what you want",
            ),
        }
    }
}

displayed!(ConfigError);

impl Error for ConfigError {}

/// A command that was refused: the caller's fault. Nothing was queued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// It was taken back before it was sent.
    Cancelled,
    /// Its deadline passed while it waited.
    Expired,
    /// The shard's encoding has no form for the data; says what was expected.
    Inexpressible(&'static str),
    /// A field is out of its range; says which and what it must be.
    Invalid(&'static str),
    /// The answer needs an intent that the shard does not identify with.
    MissingIntent(&'static str),
    /// The message is not encoded as the shard's messages are.
    NotEncoded,
    /// The data is not JSON.
    NotJson,
    /// It could not leave at once, and was not to wait.
    NotNow {
        /// How long until it could, if only a send limit holds it back.
        retry_in: Option<Duration>,
    },
    /// As many commands wait as may.
    QueueFull {
        /// The bound.
        limit: usize,
    },
    /// The opcode belongs to the life cycle, or only the server sends it.
    Reserved(Opcode),
    /// The shard has stopped.
    Stopped,
    /// Larger than Discord accepts; it would close with 4002.
    TooLarge {
        /// Size of the encoded command.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl CommandError {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Inexpressible(_) | Self::Invalid(_) | Self::NotEncoded | Self::NotJson => {
                "bad-command"
            }
            Self::MissingIntent(_) => "missing-intent",
            Self::NotNow { .. } => "not-now",
            Self::QueueFull { .. } => "queue-full",
            Self::Reserved(_) => "reserved-opcode",
            Self::Stopped => "stopped",
            Self::TooLarge { .. } => "too-large",
        }
    }
}

impl Say for CommandError {
    fn say(&self, out: &mut String) {
        match self {
            Self::Cancelled => out.push_str("the command was taken back before it was sent"),
            Self::Expired => out.push_str("the deadline of the command passed before it was sent"),
            Self::Inexpressible(expected) | Self::Invalid(expected) => out.push_str(expected),
            Self::MissingIntent(name) => {
                say!(out, "expected the intent ", name, " for this request");
            }
            Self::NotEncoded => {
                out.push_str("expected a whole message in the encoding of this shard");
            }
            Self::NotNow { retry_in: Some(span) } => {
                say!(
                    out,
                    "expected room in the send limit; there is some in ",
                    whole_millis(*span),
                    " ms"
                );
            }
            Self::NotNow { retry_in: None } => {
                out.push_str("expected a session that is ready, for a command that does not wait");
            }
            Self::NotJson => out.push_str("expected the command's data to be JSON"),
            Self::QueueFull { limit } => {
                say!(
                    out,
                    "expected fewer than ",
                    limit,
                    " waiting commands; try again when some were sent"
                );
            }
            Self::Reserved(opcode) => {
                say!(out, "expected an opcode that a user may send, got ", opcode);
            }
            Self::Stopped => out.push_str("expected a running shard, but it has stopped"),
            Self::TooLarge { bytes, limit } => {
                say!(out, "expected a command of at most ", limit, " bytes, got ", bytes);
            }
        }
    }
}

displayed!(CommandError);

impl Error for CommandError {}

/// A command that could not be encoded.
impl From<CodecError> for CommandError {
    fn from(error: CodecError) -> Self {
        Self::Inexpressible(match error {
            CodecError::BadMessage(expected) | CodecError::Broken(expected) => expected,
            CodecError::Oversized { .. } => "expected a command that is smaller than the limits",
        })
    }
}

/// What the platform said when a socket could not be opened or broke. One line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError(Cow<'static, str>);

impl TransportError {
    /// Longest text that is kept; what comes from the network has no say over our memory.
    const LONGEST: usize = 300;

    /// Wraps a text.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        if text.len() <= Self::LONGEST && !text.contains(char::is_control) {
            return Self(text);
        }
        let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self(line.take(Self::LONGEST).collect::<String>().into())
    }
}

impl Say for TransportError {
    fn say(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

displayed!(TransportError);

impl Error for TransportError {}

/// An answer that the shard waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The socket to open.
    Connect,
    /// HELLO.
    Hello,
    /// READY.
    Ready,
    /// RESUMED, or the next replayed event.
    Resumed,
}

impl Say for Awaited {
    fn say(&self, out: &mut String) {
        out.push_str(match self {
            Self::Connect => "the socket to open",
            Self::Hello => "HELLO",
            Self::Ready => "READY",
            Self::Resumed => "RESUMED",
        });
    }
}

displayed!(Awaited);

/// Why a connection ended: the gateway's or the wire's fault, mended by reconnecting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The compressed stream is broken, or messages are not of the kind that was asked for.
    BadCompression(&'static str),
    /// A message by itself could not be read: it is not in the connection's encoding, no whole zlib stream with payload
    /// compression, or not a Gateway envelope. Within a session that costs one connection, as a fresh one may bring the
    /// message right; one that does not passes it over with [`Notice::Unreadable`](super::Notice::Unreadable). Before there
    /// is a session, each such message costs its connection.
    BadEnvelope(EnvelopeError),
    /// A payload that the client needs lacks what it must have.
    BadPayload(&'static str),
    /// The server closed, or the connection was lost, which counts as 1006.
    Closed(Close),
    /// Opcode 9.
    InvalidSession {
        /// Whether the gateway holds out hope for a resume.
        resumable: bool,
    },
    /// A deadline passed.
    NoAnswer(Awaited),
    /// A message is larger than a limit. If a replay brings it again, the session is resumed behind it, with
    /// [`Notice::Oversized`](super::Notice::Oversized).
    Oversized {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Opcode 7.
    ReconnectRequested,
    /// The user wants a new connection.
    ReconnectWanted,
    /// The computer slept: the clock on the wall jumped, and the connection is not worth a wait.
    Suspended {
        /// For how long.
        slept: Duration,
    },
    /// The user's tap wants the shard to stop.
    Tapped,
    /// The socket could not be opened, or failed in another way than by being lost.
    Transport(TransportError),
    /// Something else than HELLO came first.
    UnexpectedMessage(Opcode),
    /// Heartbeats were not acknowledged.
    Zombie,
}

impl Fault {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadCompression(_) => "bad-compression",
            Self::BadEnvelope(_) => "bad-envelope",
            Self::BadPayload(_) => "bad-payload",
            Self::Closed(_) => "closed",
            Self::InvalidSession { .. } => "invalid-session",
            Self::NoAnswer(_) => "no-answer",
            Self::Oversized { .. } => "oversized",
            Self::ReconnectRequested => "reconnect-requested",
            Self::ReconnectWanted => "reconnect-wanted",
            Self::Suspended { .. } => "suspended",
            Self::Tapped => "tapped",
            Self::Transport(_) => "transport",
            Self::UnexpectedMessage(_) => "unexpected-message",
            Self::Zombie => "zombie",
        }
    }
}

impl From<CodecError> for Fault {
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::BadMessage(expected) => Self::BadEnvelope(EnvelopeError(expected)),
            CodecError::Broken(expected) => Self::BadCompression(expected),
            CodecError::Oversized { limit } => Self::Oversized { limit },
        }
    }
}

impl From<EnvelopeError> for Fault {
    fn from(error: EnvelopeError) -> Self {
        Self::BadEnvelope(error)
    }
}

impl Say for Fault {
    fn say(&self, out: &mut String) {
        match self {
            Self::BadCompression(expected) => say!(out, "the stream could not be read: ", expected),
            Self::BadEnvelope(error) => {
                say!(out, "a message is not a gateway message: ", error.0);
            }
            Self::BadPayload(expected) => {
                say!(out, "a payload lacks what it must have: ", expected);
            }
            Self::Closed(close) => say_closed(close, out),
            Self::InvalidSession { resumable: true } => out
                .push_str("the gateway says that the session is not valid now, but may be resumed"),
            Self::InvalidSession { resumable: false } => {
                out.push_str("the gateway says that the session is gone");
            }
            Self::NoAnswer(awaited) => say!(out, "waited too long for ", awaited),
            Self::Oversized { limit } => {
                say!(out, "a message is larger than the limit of ", limit, " bytes");
            }
            Self::ReconnectRequested => out.push_str("the gateway asked for a new connection"),
            Self::ReconnectWanted => out.push_str("a new connection was wanted here"),
            Self::Suspended { slept } => {
                say!(out, "the computer slept for ", slept.as_secs(), " seconds");
            }
            Self::Tapped => out.push_str("the tap stopped the shard"),
            Self::Transport(error) => say!(out, "the connection failed: ", error),
            Self::UnexpectedMessage(opcode) => {
                say!(out, "expected HELLO as the first message, got ", opcode);
            }
            Self::Zombie => out.push_str("the gateway no longer answers heartbeats"),
        }
    }
}

displayed!(Fault);

fn say_closed(close: &Close, out: &mut String) {
    let code = CloseCode::of(close.code);
    say!(out, "the gateway closed with ", close.code, " (", code.name, "): ", code.meaning);
}

/// `{ code, message }`, and `closeCode` and `closeReason` where the server closed.
impl Form for Fault {
    fn fields(&self, put: &mut impl Put) {
        put.text("code", Some(self.code()));
        put.text("message", Some(&self.said()));
        if let Self::Closed(close) = self {
            put.number("closeCode", close.code.into());
            put.text("closeReason", Some(&close.reason));
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        form::serialize(self, serializer)
    }
}

/// No identify is left; another would make Discord reset the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetSpent {
    /// How long until the budget is filled up again.
    pub retry_in: Duration,
}

/// Why a shard has no turn to identify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueError {
    /// No identify is left in this window: the shard stops.
    BudgetSpent(BudgetSpent),
    /// Whoever keeps the order cannot be asked: the shard asks again.
    Unavailable {
        /// After so long.
        retry_in: Duration,
    },
}

impl From<BudgetSpent> for QueueError {
    fn from(spent: BudgetSpent) -> Self {
        Self::BudgetSpent(spent)
    }
}

impl Say for QueueError {
    fn say(&self, out: &mut String) {
        out.push_str(match self {
            Self::BudgetSpent(_) => "no identify is left in this window",
            Self::Unavailable { .. } => "the identify queue gave no answer",
        });
    }
}

displayed!(QueueError);

impl Error for QueueError {}

/// Why a shard stopped for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The gateway closed with a code that forbids reconnecting.
    Fatal(Close),
    /// No identify is left.
    IdentifyBudgetSpent(BudgetSpent),
    /// The user asked.
    Requested,
}

impl StopReason {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fatal(_) => "fatal",
            Self::IdentifyBudgetSpent(_) => "identify-budget-spent",
            Self::Requested => "requested",
        }
    }
}

impl Say for StopReason {
    fn say(&self, out: &mut String) {
        match self {
            Self::Fatal(close) => {
                say_closed(close, out);
                out.push_str("; reconnecting would not help");
            }
            Self::IdentifyBudgetSpent(spent) => say!(
                out,
                "no identify is left for the next ",
                spent.retry_in.as_secs(),
                " seconds; one more would make Discord reset the token"
            ),
            Self::Requested => out.push_str("the shard was closed as asked"),
        }
    }
}

displayed!(StopReason);

impl Form for StopReason {
    fn fields(&self, put: &mut impl Put) {
        put.text("code", Some(self.code()));
        put.text("message", Some(&self.said()));
        match self {
            Self::Fatal(close) => put.number("closeCode", close.code.into()),
            Self::IdentifyBudgetSpent(spent) => put.millis("retryInMs", Some(spent.retry_in)),
            Self::Requested => {}
        }
    }
}

impl Serialize for StopReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        form::serialize(self, serializer)
    }
}
