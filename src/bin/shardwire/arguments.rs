//! What `shardwire tail` can be told, and what that means for the library. Opens nothing, and never prints a token.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use shardwire::{
    driver::{DEFAULT_API_URL, Discovery},
    proto::{
        Compression, Config, ConfigError, DEFAULT_GATEWAY_URL, Encoding, Filter, Intents, ShardId,
        Token,
    },
};

const EXAMPLES: &str = "\
Examples:
  Watch a bot's events on a terminal (the token is taken from the environment):
      DISCORD_TOKEN=... shardwire tail --intents GUILDS,GUILD_MESSAGES

  Have a look without a token or a network:
      shardwire tail --mock

  Count the messages of one minute with jq:
      shardwire tail --filter MESSAGE_CREATE --duration 60 --dispatch-only | jq -s length

  Record a trace, and serve it to a program under test:
      shardwire tail --record trace.jsonl --duration 600 && shardwire gateway --replay trace.jsonl

  Leave and come back without missing an event:
      shardwire tail --session bot.session

Events go to standard output; everything that is about the connection goes to standard error, unless the format is
json: then it goes into the stream too, as lines of another \"type\". Ctrl-C closes the connection and prints a summary;
pressed again, it ends the program at once.

Exit status: 0 if it ended as asked, 1 if the Gateway closed for good, 2 if an option is no good.";

/// Print a shard's events as they come.
///
/// Connects as one shard of a bot, and reconnects and resumes by itself whenever the connection is lost.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::doc_markdown, reason = "shown on a terminal as it stands")]
pub struct TailArgs {
    /// The bot's token. Better given by the environment, where other users of the machine cannot read it.
    #[arg(long, env = "DISCORD_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,

    /// Which events to ask Discord for: names of intents, ALL, NON_PRIVILEGED, NONE, or the number.
    ///
    /// Names are taken in any case. MESSAGE_CONTENT, GUILD_MEMBERS and GUILD_PRESENCES must be switched on in Discord's
    /// developer portal first.
    ///
    /// [default: NON_PRIVILEGED; ALL with --mock]
    #[arg(long, value_delimiter = ',', value_parser = intents, value_name = "NAMES|NUMBER")]
    intents: Vec<Intents>,

    /// Which shard to be, of how many.
    #[arg(long, default_value = "0/1", value_parser = shard, value_name = "NUMBER/TOTAL")]
    shard: (u32, u32),

    /// Only print events of these names, such as MESSAGE_CREATE,GUILD_CREATE.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    filter: Vec<String>,

    /// Print all events but those of these names.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", conflicts_with = "filter")]
    except: Vec<String>,

    /// Print nothing but events on standard output; lost connections are still told on standard error.
    #[arg(long)]
    pub dispatch_only: bool,

    /// How events look; a table on a terminal and json elsewhere, unless set.
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// Another Gateway than Discord's.
    #[arg(long, value_name = "URL", default_value = DEFAULT_GATEWAY_URL, conflicts_with = "mock")]
    gateway: String,

    /// Ask Discord first where the Gateway is, and how often the bot may identify today. Another API may be named.
    #[arg(
        long,
        value_name = "API_URL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_API_URL,
        conflicts_with_all = ["gateway", "mock"]
    )]
    discover: Option<String>,

    /// Allow an unencrypted Gateway (ws://) on another machine. The token can then be read on the way.
    #[arg(long)]
    allow_insecure: bool,

    /// Compression of what the Gateway sends.
    #[arg(long, value_enum, default_value_t = Codec::ZlibStream)]
    compression: Codec,

    /// How messages are written. With etf, integers that do not fit 32 bits come as texts.
    #[arg(long, value_enum, default_value_t = Notation::Json)]
    encoding: Notation,

    /// Stop after so many events.
    #[arg(long, value_name = "NUMBER")]
    pub count: Option<u64>,

    /// Stop after so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,

    /// Take up the session in this file if there is one, and keep it there at the end for the next time.
    ///
    /// Discord holds a session for some minutes; until then the bot looks online, and no event is lost.
    #[arg(long, value_name = "FILE")]
    pub session: Option<PathBuf>,

    /// Write the events into this file as well, one envelope a line, for `shardwire gateway --replay`.
    ///
    /// Without what belongs to people: all texts (names, messages, avatars, addresses, tokens, session) become others of
    /// the same length, ids others that are the same throughout the file, moments the first second of 2020. Left as they
    /// are: the kinds of events and their order, keys, lengths, smaller numbers, and a few words such as "online".
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,

    /// Start a Gateway for testing inside this program and watch that. Takes no token.
    #[arg(long)]
    pub mock: bool,

    /// With --mock: equal seeds give equal worlds and equal events.
    #[arg(long, default_value_t = 1, value_name = "NUMBER", requires = "mock")]
    pub seed: u64,

    /// With --mock: events per second; 0 for none.
    #[arg(long, default_value_t = 20.0, value_name = "PER_SECOND", requires = "mock")]
    pub rate: f64,

    /// With --mock: guilds in its world.
    #[arg(long, default_value_t = 12, value_name = "NUMBER", requires = "mock")]
    pub guilds: u32,

    /// With --mock: fall silent after so many events.
    #[arg(long, value_name = "NUMBER", requires = "mock")]
    pub events: Option<u64>,
}

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// Columns to read.
    Table,
}

/// Encoding, as the Gateway calls it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Notation {
    /// JSON texts.
    Json,
    /// Erlang's external term format.
    Etf,
}

/// Compression, as the Gateway calls it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Codec {
    /// Everything in one zlib stream; a fifth of the bytes.
    ZlibStream,
    /// Everything in one zstd frame; as small, and faster to read.
    ZstdStream,
    /// Large messages as zlib streams of their own, the others as they are.
    Payload,
    /// Plain text.
    None,
}

impl TailArgs {
    /// What to connect with. `mock` is the address of the embedded Gateway, which takes any token and gets none of ours;
    /// `discovered` is the address that Discord named.
    pub fn config(
        &self,
        mock: Option<&str>,
        discovered: Option<&str>,
    ) -> Result<Config, ConfigError> {
        let token = self.token.as_deref().unwrap_or_default();
        let real = (token, discovered.unwrap_or(&self.gateway), Intents::NON_PRIVILEGED);
        let (token, url, default) = mock.map_or(real, |url| ("mock", url, Intents::ALL));
        let intents = self.intents.iter().copied().reduce(|all, one| all | one);
        let (number, total) = self.shard;
        Config::builder(token, intents.unwrap_or(default))
            .url(url)
            .allow_insecure(self.allow_insecure)
            .shard(number, total)
            .compression(self.compression.into())
            .encoding(self.encoding.into())
            .filter(self.wanted())
            .build()
    }

    /// What to ask Discord before connecting, if anything.
    pub fn discovery(&self) -> Result<Option<Discovery>, ConfigError> {
        let Some(api) = self.discover.clone() else { return Ok(None) };
        let token = Token::new(self.token.as_deref().unwrap_or_default())?;
        Ok(Some(Discovery::bot(token).api_url(api)))
    }

    /// Whether there is neither a token nor a Gateway that takes none.
    pub fn lacks_token(&self) -> bool {
        !self.mock && self.token.as_ref().is_none_or(|token| token.trim().is_empty())
    }

    fn wanted(&self) -> Filter {
        let in_capitals =
            |names: &[String]| names.iter().map(|name| name.trim().to_uppercase().into()).collect();
        match (&*self.filter, &*self.except) {
            ([], []) => Filter::All,
            ([], except) => Filter::Except(in_capitals(except)),
            (only, _) => Filter::Only(in_capitals(only)),
        }
    }
}

impl From<Codec> for Compression {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::ZlibStream => Self::ZlibStream,
            Codec::ZstdStream => Self::ZstdStream,
            Codec::Payload => Self::Payload,
            Codec::None => Self::None,
        }
    }
}

impl From<Notation> for Encoding {
    fn from(notation: Notation) -> Self {
        match notation {
            Notation::Json => Self::Json,
            Notation::Etf => Self::Etf,
        }
    }
}

fn intents(text: &str) -> Result<Intents, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    if let Ok(bits) = number {
        let unknown = bits & !Intents::ALL.bits();
        let is_known = unknown == 0;
        return is_known
            .then(|| Intents::from_bits(bits))
            .ok_or_else(|| format!("there are no intents with the bits {unknown:#x}"));
    }
    Intents::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Intents::NAMED.iter().map(|(name, _)| *name).collect();
        format!("expected ALL, NON_PRIVILEGED, NONE, a number, or one of {}", names.join(", "))
    })
}

fn shard(text: &str) -> Result<(u32, u32), String> {
    let pair = text.split_once('/').and_then(|(number, total)| {
        let (number, total) = (number.trim().parse().ok()?, total.trim().parse().ok()?);
        ShardId::new(number, total).map(|_| (number, total))
    });
    pair.ok_or_else(|| "expected NUMBER/TOTAL with a number below the total, such as 0/1".into())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let span = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    span.ok_or_else(|| "expected seconds, such as 60 or 0.5".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents_are_names_or_numbers() {
        assert_eq!(intents("guild_messages"), Ok(Intents::GUILD_MESSAGES));
        assert_eq!(intents("513"), Ok(Intents::GUILDS | Intents::GUILD_MESSAGES));
        assert_eq!(intents("0x201"), Ok(Intents::GUILDS | Intents::GUILD_MESSAGES));
        assert!(intents("131072").expect_err("unknown bit").contains("0x20000"));
        assert!(intents("GUILD_MASSAGES").expect_err("unknown").contains("GUILD_MESSAGES"));
    }

    #[test]
    fn shards_and_seconds_are_checked() {
        assert_eq!(shard("3/16"), Ok((3, 16)));
        assert!(["", "1", "1/1", "a/2", "0/0"].iter().all(|text| shard(text).is_err()));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(["", "-1", "NaN", "1e99"].iter().all(|text| seconds(text).is_err()));
    }
}
