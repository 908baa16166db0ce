//! What can go wrong, sorted by whose fault it is. Every message names what was expected; none holds the token.

use std::{borrow::Cow, error::Error, fmt, time::Duration};

use serde::{Serialize, Serializer};

use super::{
    form::{self, Form, Put, Value},
    time::whole_millis,
    wire::{Close, CloseCode, CodecError, EnvelopeError, Opcode, UrlError},
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

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadIntents { unknown } => {
                write!(f, "expected known intents, got unknown bits {unknown:#x}")
            }
            Self::BadLargeThreshold(got) => {
                write!(f, "expected a large threshold from 50 to 250, got {got}")
            }
            Self::BadEncoding(expected)
            | Self::BadLimit(expected)
            | Self::BadPresence(expected) => f.write_str(expected),
            Self::BadSession(why) => write!(f, "expected a session that fits: {why}"),
            Self::BadShard { number, total } => {
                write!(f, "expected a shard number below the total, got [{number}, {total}]")
            }
            Self::BadToken(why) => write!(f, "expected a bot token: {why}"),
            Self::BadUrl(error) => error.fmt(f),
            Self::CodecNotCompiledIn(feature) => {
                write!(f, "expected a codec of this build; the feature `{feature}` brings it")
            }
            Self::InsecureUrl => f.write_str(
                "expected wss:// for a host that is not loopback, as ws:// would show the token to \
                 the network; allow it explicitly if that is what you want",
            ),
        }
    }
}

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

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the command was taken back before it was sent"),
            Self::Expired => f.write_str("the deadline of the command passed before it was sent"),
            Self::Inexpressible(expected) | Self::Invalid(expected) => f.write_str(expected),
            Self::MissingIntent(name) => write!(f, "expected the intent {name} for this request"),
            Self::NotEncoded => {
                f.write_str("expected a whole message in the encoding of this shard")
            }
            Self::NotNow { retry_in: Some(span) } => {
                write!(
                    f,
                    "expected room in the send limit; there is some in {} ms",
                    whole_millis(*span)
                )
            }
            Self::NotNow { retry_in: None } => {
                f.write_str("expected a session that is ready, for a command that does not wait")
            }
            Self::NotJson => f.write_str("expected the command's data to be JSON"),
            Self::QueueFull { limit } => {
                write!(
                    f,
                    "expected fewer than {limit} waiting commands; try again when some were sent"
                )
            }
            Self::Reserved(opcode) => {
                write!(f, "expected an opcode that a user may send, got {opcode}")
            }
            Self::Stopped => f.write_str("expected a running shard, but it has stopped"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "expected a command of at most {limit} bytes, got {bytes}")
            }
        }
    }
}

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

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the socket to open",
            Self::Hello => "HELLO",
            Self::Ready => "READY",
            Self::Resumed => "RESUMED",
        })
    }
}

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
    /// The server closed.
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
    /// The socket could not be opened, or broke without a close frame.
    Transport(TransportError),
    /// Something else than HELLO came first.
    UnexpectedMessage(Opcode),
    /// Heartbeats were not acknowledged.
    Zombie,
}

impl Fault {
    /// A stable word for programs.
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCompression(expected) => write!(f, "the stream could not be read: {expected}"),
            Self::BadEnvelope(error) => {
                write!(f, "a message is not a gateway message: {}", error.0)
            }
            Self::BadPayload(expected) => {
                write!(f, "a payload lacks what it must have: {expected}")
            }
            Self::Closed(close) => {
                let meaning = CloseCode::of(close.code);
                write!(
                    f,
                    "the gateway closed with {} ({}): {}",
                    close.code, meaning.name, meaning.meaning
                )
            }
            Self::InvalidSession { resumable: true } => f.write_str(
                "the gateway says that the session is not valid now, but may be resumed",
            ),
            Self::InvalidSession { resumable: false } => {
                f.write_str("the gateway says that the session is gone")
            }
            Self::NoAnswer(awaited) => write!(f, "waited too long for {awaited}"),
            Self::Oversized { limit } => {
                write!(f, "a message is larger than the limit of {limit} bytes")
            }
            Self::ReconnectRequested => f.write_str("the gateway asked for a new connection"),
            Self::ReconnectWanted => f.write_str("a new connection was wanted here"),
            Self::Suspended { slept } => {
                write!(f, "the computer slept for {} seconds", slept.as_secs())
            }
            Self::Tapped => f.write_str("the tap stopped the shard"),
            Self::Transport(error) => write!(f, "the connection failed: {error}"),
            Self::UnexpectedMessage(opcode) => {
                write!(f, "expected HELLO as the first message, got {opcode}")
            }
            Self::Zombie => f.write_str("the gateway no longer answers heartbeats"),
        }
    }
}

/// `{ code, message }`, and `closeCode` and `closeReason` where the server closed.
impl Form for Fault {
    fn fields(&self, put: &mut Put<'_>) {
        put("code", self.code().into());
        put("message", Value::Text(&self.to_string()));
        if let Self::Closed(close) = self {
            put("closeCode", close.code.into());
            put("closeReason", Value::Text(&close.reason));
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

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BudgetSpent(_) => f.write_str("no identify is left in this window"),
            Self::Unavailable { .. } => f.write_str("the identify queue gave no answer"),
        }
    }
}

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
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fatal(_) => "fatal",
            Self::IdentifyBudgetSpent(_) => "identify-budget-spent",
            Self::Requested => "requested",
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fatal(close) => {
                let meaning = CloseCode::of(close.code);
                write!(
                    f,
                    "the gateway closed with {} ({}): {}; reconnecting would not help",
                    close.code, meaning.name, meaning.meaning
                )
            }
            Self::IdentifyBudgetSpent(spent) => write!(
                f,
                "no identify is left for the next {} seconds; one more would make Discord reset the token",
                spent.retry_in.as_secs()
            ),
            Self::Requested => f.write_str("the shard was closed as asked"),
        }
    }
}

impl Form for StopReason {
    fn fields(&self, put: &mut Put<'_>) {
        put("code", self.code().into());
        put("message", Value::Text(&self.to_string()));
        match self {
            Self::Fatal(close) => put("closeCode", close.code.into()),
            Self::IdentifyBudgetSpent(spent) => put("retryInMs", spent.retry_in.into()),
            Self::Requested => {}
        }
    }
}

impl Serialize for StopReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        form::serialize(self, serializer)
    }
}
