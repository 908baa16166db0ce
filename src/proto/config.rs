//! What a shard needs to know before it starts, checked when it is built. Opens nothing.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    error::ConfigError,
    filter::Filter,
    hooks::{ConnectPlan, Hooks, Tap},
    intents::Intents,
    wire::{
        Codec, CodecError, Compression, Decoder, Encoding, Frame, GatewayUrl, IdentifyProperties,
        Presence, ShardId,
    },
};

/// Discord's own Gateway.
pub const DEFAULT_GATEWAY_URL: &str = "wss://gateway.discord.gg";

/// The Gateway version that is asked for unless another is chosen.
pub const API_VERSION: u8 = 10;

/// Versions that Discord serves and that the client understands.
const VERSIONS: std::ops::RangeInclusive<u8> = 9..=10;

/// A bot token. It has no `Display`, and its `Debug` prints a fixed word.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

impl Token {
    /// Checks `token` and puts `Bot ` in front unless it names its kind already.
    ///
    /// # Errors
    ///
    /// [`ConfigError::BadToken`] if no Gateway could accept it.
    pub fn new(token: &str) -> Result<Self, ConfigError> {
        let token = token.trim_matches(' ');
        let bare = token.strip_prefix("Bot ").or_else(|| token.strip_prefix("Bearer "));
        if matches!(token, "" | "Bot" | "Bearer") || bare.is_some_and(str::is_empty) {
            return Err(ConfigError::BadToken("it is empty"));
        }
        if !bare.unwrap_or(token).bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::BadToken(
                "it holds spaces, line breaks or other odd characters",
            ));
        }
        let prefix = if bare.is_some() { "" } else { "Bot " };
        Ok(Self([prefix, token].concat().into()))
    }

    /// The secret itself, for the two payloads and the one request that carry it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// Numbers that bound what a shard keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Commands that may wait for their turn. More would only be late: 120 leave per minute.
    pub waiting_commands: usize,
    /// Size of an encoded command. Discord closes with 4002 above 4096 bytes.
    pub command_bytes: usize,
    /// Size of one socket message before inflating. Genuine ones stay below 2 MiB.
    pub message_bytes: usize,
    /// Size of one inflated message: a guard against bombs, far above the largest guilds.
    pub inflated_bytes: usize,
    /// Requests whose answers are collected at the same time.
    pub open_requests: usize,
    /// Size of one collected answer: the members of a guild of some hundred thousand.
    pub answer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting_commands: 100,
            command_bytes: 4096,
            message_bytes: 16 << 20,
            inflated_bytes: 64 << 20,
            open_requests: 100,
            answer_bytes: 256 << 20,
        }
    }
}

/// How long a shard waits for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the socket to open.
    pub connect: Duration,
    /// For HELLO after the socket opened.
    pub hello: Duration,
    /// For READY after identify. Discord may be slow in an outage.
    pub ready: Duration,
    /// For RESUMED, or the next replayed event, after resume.
    pub resumed: Duration,
    /// For the other side's close frame; after it the socket is given up.
    pub close: Duration,
    /// The first pause between two connections; it doubles with each failure in a row, with jitter.
    pub backoff_first: Duration,
    /// The longest pause between two connections.
    pub backoff_longest: Duration,
    /// Failures in a row on the resume host after which the resume is tried on the base address.
    pub resume_host_failures: u32,
    /// Resumes in a row that came to nothing after which the session is given up.
    pub resume_failures: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            hello: Duration::from_secs(20),
            ready: Duration::from_secs(30),
            resumed: Duration::from_secs(30),
            close: Duration::from_secs(3),
            backoff_first: Duration::from_secs(1),
            backoff_longest: Duration::from_secs(60),
            resume_host_failures: 3,
            resume_failures: 5,
        }
    }
}

/// A checked configuration. Made by [`Config::builder`].
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) token: Token,
    pub(crate) url: GatewayUrl,
    pub(crate) shard: ShardId,
    /// Shared, as machine and handle hold the same.
    pub(crate) choices: Arc<Choices>,
    /// `None` for whoever calls none.
    pub(crate) hooks: Option<Arc<Hooks>>,
}

/// What is the same before and after it is checked.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    pub intents: Intents,
    pub allow_insecure: bool,
    pub compression: Compression,
    pub encoding: Encoding,
    pub codec: Option<Arc<dyn Codec>>,
    pub filter: Filter,
    pub presence: Option<Presence>,
    pub large_threshold: Option<u16>,
    pub properties: IdentifyProperties,
    pub capabilities: u64,
    pub version: u8,
    pub keeps_url: bool,
    pub limits: Limits,
    pub patience: Patience,
}

impl Config {
    /// Starts a configuration with the two things that have no default.
    pub fn builder(token: impl Into<String>, intents: Intents) -> ConfigBuilder {
        ConfigBuilder {
            token: token.into(),
            url: DEFAULT_GATEWAY_URL.into(),
            shard: (0, 1),
            choices: Choices {
                intents,
                allow_insecure: false,
                compression: Compression::best(),
                encoding: Encoding::Json,
                codec: None,
                filter: Filter::All,
                presence: None,
                large_threshold: None,
                properties: IdentifyProperties::default(),
                capabilities: 0,
                version: API_VERSION,
                keeps_url: false,
                limits: Limits::default(),
                patience: Patience::default(),
            },
            hooks: Hooks::default(),
        }
    }

    /// The same for whoever calls no hook: what one holds may hold the shard itself, and would be kept for nothing.
    pub(crate) fn without_hooks(self) -> Self {
        Self { hooks: None, ..self }
    }

    /// The bounds of what is kept.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.choices.limits
    }

    /// The intents.
    #[must_use]
    pub fn intents(&self) -> Intents {
        self.choices.intents
    }

    /// The compression.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.choices.compression
    }

    /// The encoding.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.choices.encoding
    }

    /// Whether messages go through a codec from outside.
    #[must_use]
    pub fn needs_codec(&self) -> bool {
        self.choices.codec.is_some()
    }

    /// The token, to compare with another's.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// The same configuration for another shard of the bot.
    #[must_use]
    pub fn for_shard(&self, shard: ShardId) -> Self {
        Self { shard, ..self.clone() }
    }

    /// The shard.
    #[must_use]
    pub const fn shard(&self) -> ShardId {
        self.shard
    }

    /// `url` with the parameters that this configuration asks for.
    pub(crate) fn with_query(&self, url: &GatewayUrl) -> String {
        let encoding = self.choices.encoding.parameter();
        // The only two that `build` lets through.
        let version = if self.choices.version == API_VERSION { "10" } else { "9" };
        let mut parameters = vec![("v", version), ("encoding", encoding)];
        parameters.extend(self.choices.compression.parameter().map(|value| ("compress", value)));
        url.with_parameters(&parameters)
    }

    /// The decoder of a new connection.
    pub(crate) fn decoder(&self) -> Decoder {
        self.decoder_of(self.choices.compression)
    }

    /// The text of a message that was encoded for the wire; `None` if it is not of this shard's encoding.
    pub(crate) fn read(&self, frame: &Frame) -> Option<String> {
        // What is sent is never compressed.
        let mut decoder = self.decoder_of(Compression::None);
        decoder.feed(frame).ok().flatten().map(str::to_owned)
    }

    fn decoder_of(&self, compression: Compression) -> Decoder {
        let encoding = self.choices.encoding;
        let limit = self.choices.limits.inflated_bytes;
        match &self.choices.codec {
            Some(codec) => Decoder::foreign(codec.decoder(compression, encoding, limit)),
            None => Decoder::new(compression, encoding, limit),
        }
    }

    /// The message that says what `json` says.
    pub(crate) fn encode(&self, json: String) -> Result<Frame, CodecError> {
        let encoding = self.choices.encoding;
        match &self.choices.codec {
            Some(codec) => codec.encode(encoding, json),
            None => encoding.encode(json),
        }
    }

    /// A resume address from the gateway, or from a stored session, if it may be used.
    pub(crate) fn resume_url(&self, text: &str) -> Option<GatewayUrl> {
        if self.choices.keeps_url {
            return None;
        }
        self.safe_url(text)
    }

    /// An address that was not checked with the configuration, if it may be used: it must not be less safe than the base
    /// address, as the token goes there too.
    pub(crate) fn safe_url(&self, text: &str) -> Option<GatewayUrl> {
        let url = GatewayUrl::parse(text).ok()?;
        let is_safe = url.is_secure() || (url.is_loopback() && !self.url.is_secure());
        (is_safe || self.choices.allow_insecure).then_some(url)
    }
}

/// Options on the way to a [`Config`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct ConfigBuilder {
    pub(crate) token: String,
    pub(crate) url: String,
    pub(crate) shard: (u32, u32),
    pub(crate) choices: Choices,
    hooks: Hooks,
}

impl ConfigBuilder {
    /// Base address; [`DEFAULT_GATEWAY_URL`] unless set. Its query is kept, ours is added.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Allows `ws:` to a host that is not loopback. The token then travels in the clear.
    pub fn allow_insecure(mut self, allow: bool) -> Self {
        self.choices.allow_insecure = allow;
        self
    }

    /// Shard `number` of `total`; the only shard unless set.
    pub fn shard(mut self, number: u32, total: u32) -> Self {
        self.shard = (number, total);
        self
    }

    /// How the server makes its messages smaller; the best transport compression of this build unless set.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.choices.compression = compression;
        self
    }

    /// How messages are written; JSON unless set.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.choices.encoding = encoding;
        self
    }

    /// A codec from outside, for a compression or an encoding that is not compiled in.
    pub fn codec(mut self, codec: Arc<dyn Codec>) -> Self {
        self.choices.codec = Some(codec);
        self
    }

    /// Which dispatches are delivered; all unless set.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.choices.filter = filter;
        self
    }

    /// The presence to identify with.
    pub fn presence(mut self, presence: Presence) -> Self {
        self.choices.presence = Some(presence);
        self
    }

    /// The presence to identify with, asked for at each identify. A presence that was sent meanwhile goes before it, as
    /// users expect the bot to look as it did.
    pub fn presence_with(
        mut self,
        presence: impl Fn(ShardId) -> Presence + Send + Sync + 'static,
    ) -> Self {
        self.hooks.presence = Some(Arc::new(presence));
        self
    }

    /// Called before each connection; may change its address and the identify properties. An address that is less safe
    /// than the base address, or is none, is not used and told by a notice.
    pub fn before_connect(
        mut self,
        hook: impl Fn(&mut ConnectPlan) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.before_connect = Some(Arc::new(hook));
        self
    }

    /// Called with the text of each message before it is processed, after inflating; says what becomes of it.
    pub fn tap(mut self, tap: impl Fn(&str) -> Tap + Send + Sync + 'static) -> Self {
        self.hooks.tap = Some(Arc::new(tap));
        self
    }

    /// Capability flags of identify; none unless set. Source: Discord's "Gateway capabilities".
    pub fn capabilities(mut self, flags: u64) -> Self {
        self.choices.capabilities = flags;
        self
    }

    /// The Gateway version: 9, or 10 unless set.
    pub fn version(mut self, version: u8) -> Self {
        self.choices.version = version;
        self
    }

    /// Resumes at the base address too, whatever READY names: for a proxy that stands before Discord's Gateway.
    pub fn keep_url(mut self, keep: bool) -> Self {
        self.choices.keeps_url = keep;
        self
    }

    /// Members above which a guild counts as large: 50 to 250.
    pub fn large_threshold(mut self, members: u16) -> Self {
        self.choices.large_threshold = Some(members);
        self
    }

    /// What identify says about the client.
    pub fn properties(mut self, properties: IdentifyProperties) -> Self {
        self.choices.properties = properties;
        self
    }

    /// The bounds of what is kept.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.choices.limits = limits;
        self
    }

    /// How long to wait for what.
    pub fn patience(mut self, patience: Patience) -> Self {
        self.choices.patience = patience;
        self
    }

    /// Checks everything.
    pub fn build(mut self) -> Result<Config, ConfigError> {
        let token = Token::new(&self.token)?;
        let url = GatewayUrl::parse(&self.url).map_err(ConfigError::BadUrl)?;
        let (number, total) = self.shard;
        let shard = ShardId::new(number, total).ok_or(ConfigError::BadShard { number, total })?;
        if !url.is_secure() && !url.is_loopback() && !self.choices.allow_insecure {
            return Err(ConfigError::InsecureUrl);
        }
        self.choices.check()?;
        if self.choices.missing_feature().is_none() {
            // What is compiled in needs no help from outside.
            self.choices.codec = None;
        }
        Ok(Config {
            token,
            url,
            shard,
            choices: self.choices.into(),
            hooks: Some(self.hooks.into()),
        })
    }
}

impl Choices {
    /// The feature that would have to be on.
    fn missing_feature(&self) -> Option<&'static str> {
        self.compression.missing_feature().or(self.encoding.missing_feature())
    }

    fn check_codec(&self) -> Result<(), ConfigError> {
        if self.compression == Compression::Payload && self.encoding != Encoding::Json {
            return Err(ConfigError::BadEncoding(
                "expected JSON with payload compression, as Discord has it for nothing else",
            ));
        }
        let has_both = |codec: &Arc<dyn Codec>| codec.has(self.compression, self.encoding);
        match self.missing_feature() {
            Some(feature) if !self.codec.as_ref().is_some_and(has_both) => {
                Err(ConfigError::CodecNotCompiledIn(feature))
            }
            _ => Ok(()),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let unknown = self.intents.bits() & !Intents::ALL.bits();
        if unknown != 0 {
            return Err(ConfigError::BadIntents { unknown });
        }
        self.check_codec()?;
        if let Some(members) = self.large_threshold.filter(|members| !(50..=250).contains(members))
        {
            return Err(ConfigError::BadLargeThreshold(members));
        }
        if !VERSIONS.contains(&self.version) {
            return Err(ConfigError::BadLimit("expected version 9 or 10 of the gateway"));
        }
        if let Some(presence) = &self.presence {
            presence.check().map_err(ConfigError::BadPresence)?;
        }
        if self.limits.message_bytes == 0 || self.limits.inflated_bytes == 0 {
            return Err(ConfigError::BadLimit("expected limits on messages above zero"));
        }
        if self.patience.backoff_first.is_zero() {
            return Err(ConfigError::BadLimit("expected a first pause above zero"));
        }
        Ok(())
    }
}

/// Without the token.
impl fmt::Debug for ConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigBuilder")
            .field("choices", &self.choices)
            .field("url", &self.url)
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Decode, UrlError};

    /// A codec that has everything and says who it is.
    #[derive(Debug)]
    struct Foreign;

    impl Codec for Foreign {
        fn has(&self, _compression: Compression, _encoding: Encoding) -> bool {
            true
        }

        fn decoder(&self, _: Compression, _: Encoding, _limit: usize) -> Box<dyn Decode + Send> {
            Box::new(Self)
        }

        fn encode(&self, _encoding: Encoding, json: String) -> Result<Frame, CodecError> {
            Ok(Frame::Binary(json.replace("ours", "foreign").into()))
        }
    }

    impl Decode for Foreign {
        fn feed<'a>(&'a mut self, _frame: &'a Frame) -> Result<Option<&'a str>, CodecError> {
            Ok(Some("foreign"))
        }
    }

    fn builder() -> ConfigBuilder {
        Config::builder("abc.def.ghi", Intents::GUILDS)
    }

    fn refused(builder: ConfigBuilder) -> ConfigError {
        builder.build().expect_err("must be refused")
    }

    #[test]
    fn a_token_without_prefix_gets_one_and_is_never_shown() {
        for (given, sent) in [
            ("abc", "Bot abc"),
            ("Bot abc", "Bot abc"),
            ("Bearer abc", "Bearer abc"),
            (" abc ", "Bot abc"),
        ] {
            let config = Config::builder(given, Intents::NONE).build().expect(given);
            assert_eq!(config.token.reveal(), sent);
            assert!(!format!("{config:?}").contains("abc"));
            assert!(!format!("{:?}", Config::builder(given, Intents::NONE)).contains("abc"));
        }
    }

    #[test]
    fn every_bad_option_is_refused_by_its_name() {
        for token in ["", "  ", "Bot ", "abc\r\nX: y", "ab c", "\u{fc}"] {
            let error = refused(Config::builder(token, Intents::NONE));
            assert_eq!(error.code(), "bad-token", "{token:?}");
        }
        assert_eq!(
            refused(Config::builder("x", Intents::from_bits(1 << 17 | 1))),
            ConfigError::BadIntents { unknown: 1 << 17 }
        );
        assert_eq!(refused(builder().shard(2, 1)), ConfigError::BadShard { number: 2, total: 1 });
        assert_eq!(refused(builder().shard(0, 0)), ConfigError::BadShard { number: 0, total: 0 });
        assert_eq!(refused(builder().url("ws://example.com")), ConfigError::InsecureUrl);
        assert_eq!(
            refused(builder().url("https://discord.com")),
            ConfigError::BadUrl(UrlError::Scheme)
        );
        assert_eq!(refused(builder().large_threshold(49)), ConfigError::BadLargeThreshold(49));
        assert_eq!(refused(builder().large_threshold(251)), ConfigError::BadLargeThreshold(251));
    }

    #[test]
    fn payload_compression_goes_with_json_only() {
        let payload = builder().compression(Compression::Payload);
        let error = refused(payload.clone().encoding(Encoding::Etf));
        assert_eq!(error.code(), "bad-encoding");
        assert!(payload.build().is_ok());
    }

    #[test]
    fn a_codec_from_outside_is_used_for_what_is_not_compiled_in_and_for_nothing_else() {
        let ours = Frame::Text("ours".into());
        let mut config = builder()
            .compression(Compression::None)
            .codec(Arc::new(Foreign))
            .build()
            .expect("valid");
        assert_eq!(config.decoder().feed(&ours), Ok(Some("ours")));
        assert_eq!(config.encode("ours".into()), Ok(ours.clone()));
        // As `build` leaves it where something is missing, which in a build with everything never is.
        let choices = Arc::get_mut(&mut config.choices).expect("held here alone");
        choices.codec = Some(Arc::new(Foreign));
        assert_eq!(config.decoder().feed(&ours), Ok(Some("foreign")));
        assert_eq!(config.encode("ours".into()), Ok(Frame::Binary(b"foreign".to_vec())));
    }

    #[test]
    fn unencrypted_addresses_need_loopback_or_permission() {
        assert!(builder().url("ws://127.0.0.1:1").build().is_ok());
        assert!(builder().url("ws://example.com").allow_insecure(true).build().is_ok());
    }

    #[test]
    fn a_resume_address_may_not_be_less_safe_than_the_base() {
        let secure = builder().build().expect("valid");
        assert!(secure.resume_url("wss://other.discord.gg").is_some());
        assert!(secure.resume_url("ws://127.0.0.1:1").is_none());
        assert!(secure.resume_url("http://x").is_none());
        let local = builder().url("ws://127.0.0.1:1").build().expect("valid");
        assert!(local.resume_url("ws://127.0.0.1:2").is_some());
        assert!(local.resume_url("ws://example.com").is_none());
    }
}
