//! Questions to the Gateway whose answers are collected: what a user asks, and what comes back. Plain data; collects nothing.

use std::{error::Error, fmt, time::Duration};

use super::{
    command::{
        Command, RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds, VoiceState,
    },
    config::Config,
    error::CommandError,
    intents::Intents,
    turn::Priority,
    words::{Say, displayed, say},
};

/// A question that the Gateway answers by dispatches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// What is set on the channels of a guild: one `CHANNEL_INFO`.
    ChannelInfo(RequestChannelInfo),
    /// Members: as many `GUILD_MEMBERS_CHUNK` as it takes. The nonce is the shard's own, whatever it is set to.
    Members(RequestGuildMembers),
    /// Soundboard sounds: one `SOUNDBOARD_SOUNDS` for each guild.
    Soundboard(RequestSoundboardSounds),
    /// Joins, moves between or leaves voice channels: the bot's `VOICE_STATE_UPDATE` and, but for leaving, the
    /// `VOICE_SERVER_UPDATE` that a voice connection needs.
    Voice(VoiceState),
}

impl Request {
    /// Whether it can be asked, and answered, with this configuration.
    pub fn check(&self, config: &Config) -> Result<(), CommandError> {
        let is_voice = matches!(self, Self::Voice(_));
        if is_voice && !config.intents().contains(Intents::GUILD_VOICE_STATES) {
            return Err(CommandError::MissingIntent("GUILD_VOICE_STATES"));
        }
        self.command().encode(config).map(|_| ())
    }

    /// The command that asks it.
    #[must_use]
    pub fn command(&self) -> Command {
        match self {
            Self::ChannelInfo(request) => Command::RequestChannelInfo(request.clone()),
            Self::Members(request) => Command::RequestGuildMembers(request.clone()),
            Self::Soundboard(request) => Command::RequestSoundboardSounds(request.clone()),
            Self::Voice(state) => Command::UpdateVoiceState(state.clone()),
        }
    }
}

/// How long a request may take, and who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestOptions {
    /// Who goes first while it waits to be sent.
    pub priority: Priority,
    /// How long nothing may come, once it was sent. Time without a session does not count.
    pub timeout: Duration,
    /// How long all of it may take, waiting for the send limit and reconnects included.
    pub deadline: Duration,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            priority: Priority::Normal,
            timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(600),
        }
    }
}

/// The number of a request that a machine took. Never used twice by one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

/// What becomes of a request. [`Done`](Self::Done) and [`Failed`](Self::Failed) are the last word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Everything came.
    Done,
    /// Nothing more will come.
    Failed(RequestError),
    /// A part of the answer.
    Part(Part),
    /// It is asked anew, in a new session or because the answer stopped half-way: the parts so far are void.
    Restarted,
}

/// In a few words, without anything that an answer holds.
impl Say for Reply {
    fn say(&self, out: &mut String) {
        match self {
            Self::Done => out.push_str("is answered"),
            Self::Failed(error) => say!(out, "failed: ", error),
            Self::Part(part) => say!(out, "got part ", part.received, " of ", part.expected),
            Self::Restarted => out.push_str("is asked anew"),
        }
    }
}

displayed!(Reply);

/// A part of an answer: one dispatch. It is delivered as an event as well, if the filter wants it.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// The event's name.
    pub name: Box<str>,
    /// Its data as the JSON text that Discord sent.
    pub data: Box<str>,
    /// Whether the data holds an integer that a JavaScript number cannot hold exactly.
    pub has_wide_integers: bool,
    /// Parts so far, this one included.
    pub received: u32,
    /// Parts that make the whole answer.
    pub expected: u32,
}

/// Without the data, which may be long.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Part({} {}/{}, {} bytes)",
            self.name,
            self.received,
            self.expected,
            self.data.len()
        )
    }
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// It was given up here.
    Cancelled,
    /// It was refused before it was sent, or while it waited.
    Command(CommandError),
    /// The Gateway refused it again and again, each time for a while (`RATE_LIMITED`).
    RateLimited,
    /// The shard has stopped.
    Stopped,
    /// Nothing came for too long, or all of it took too long.
    TimedOut {
        /// Parts that came.
        received: u32,
    },
    /// The answer is larger than [`Limits::answer_bytes`](super::Limits::answer_bytes).
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl RequestError {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Command(error) => error.code(),
            Self::RateLimited => "rate-limited",
            Self::Stopped => "stopped",
            Self::TimedOut { .. } => "timed-out",
            Self::TooLarge { .. } => "too-large",
        }
    }
}

impl Say for RequestError {
    fn say(&self, out: &mut String) {
        match self {
            Self::Cancelled => out.push_str("the request was given up"),
            Self::Command(error) => error.say(out),
            Self::RateLimited => out.push_str("the gateway refused the request again and again"),
            Self::Stopped => out.push_str("the shard stopped before the answer was complete"),
            Self::TimedOut { received } => {
                say!(out, "waited too long for the answer, of which ", received, " parts came");
            }
            Self::TooLarge { limit } => {
                say!(out, "the answer is larger than the limit of ", limit, " bytes");
            }
        }
    }
}

displayed!(RequestError);

impl Error for RequestError {}

impl From<CommandError> for RequestError {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}
