//! Asks Discord's HTTP API where the Gateway is and how often a bot may identify. Knows no socket and no clock: whoever asks
//! brings a function that fetches.
//!
//! Nobody must ask: the default address has been the same for years. Browsers cannot, since Discord lets no page send a token
//! to it. Source: Discord's "Get Gateway" and "Get Gateway Bot".

use std::{borrow::Cow, error::Error, fmt, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};

use crate::proto::{GatewayUrl, SessionStartLimit, Token, TransportError};

/// Discord's HTTP API, in the version that fits the Gateway's.
pub const DEFAULT_API_URL: &str = "https://discord.com/api/v10";

/// How the client presents itself, in the form that Discord asks of bots.
pub const USER_AGENT: &str =
    concat!("DiscordBot (https://github.com/shardwire/shardwire, ", env!("CARGO_PKG_VERSION"), ")");

/// Size above which an answer is not read, in bytes. Genuine ones have some 200.
pub const LARGEST_ANSWER: usize = 64 << 10;

/// What to ask, and whom.
#[derive(Clone, Debug)]
pub struct Discovery {
    api_url: Cow<'static, str>,
    token: Option<Token>,
}

impl Discovery {
    /// Asks for the address only, which needs no token.
    #[must_use]
    pub const fn public() -> Self {
        Self { api_url: Cow::Borrowed(DEFAULT_API_URL), token: None }
    }

    /// Asks for the address, the number of shards and the identify limits of the bot with this token.
    #[must_use]
    pub const fn bot(token: Token) -> Self {
        Self { api_url: Cow::Borrowed(DEFAULT_API_URL), token: Some(token) }
    }

    /// Another API than [`DEFAULT_API_URL`], such as a proxy of one's own. Without `/gateway` at its end.
    pub fn api_url(mut self, url: impl Into<Cow<'static, str>>) -> Self {
        self.api_url = url.into();
        self
    }

    /// The request to make.
    ///
    /// # Errors
    ///
    /// [`DiscoverError::BadApiUrl`], and [`DiscoverError::InsecureApiUrl`] if the token would be shown to the network.
    pub fn request(&self) -> Result<HttpRequest, DiscoverError> {
        let base = self.api_url.trim_end_matches('/');
        // Both kinds of address obey the same rules but for their scheme.
        let twin = match base.split_once("://") {
            Some(("https", rest)) => format!("wss://{rest}"),
            Some(("http", rest)) => format!("ws://{rest}"),
            _ => return Err(DiscoverError::BadApiUrl),
        };
        let twin = GatewayUrl::parse(&twin).map_err(|_| DiscoverError::BadApiUrl)?;
        if base.contains(['?', '#']) {
            return Err(DiscoverError::BadApiUrl);
        }
        let mut headers = vec![("user-agent", USER_AGENT.to_owned())];
        let path = match &self.token {
            None => "gateway",
            Some(_) if !twin.is_secure() && !twin.is_loopback() => {
                return Err(DiscoverError::InsecureApiUrl);
            }
            Some(token) => {
                headers.push((AUTHORIZATION, token.reveal().to_owned()));
                "gateway/bot"
            }
        };
        Ok(HttpRequest { url: format!("{base}/{path}"), headers })
    }

    /// What the answer to [`request`](Self::request) says.
    ///
    /// # Errors
    ///
    /// All but those of the request.
    pub fn read(&self, response: &HttpResponse) -> Result<GatewayInfo, DiscoverError> {
        match response.status {
            200 => {}
            401 => return Err(DiscoverError::Unauthorized),
            403 => return Err(DiscoverError::Forbidden),
            429 => return Err(DiscoverError::RateLimited { retry_in: response.retry_in() }),
            status @ 500..=599 => return Err(DiscoverError::ServerFailed { status }),
            status => return Err(DiscoverError::UnexpectedStatus { status }),
        }
        let address: Address = response.parse("expected an object with the text `url`")?;
        if GatewayUrl::parse(&address.url).is_err() {
            return Err(DiscoverError::BadAnswer("expected `url` to be a wss:// address"));
        }
        let bot = self.token.is_some().then(|| {
            response.parse("expected `shards` and `session_start_limit` beside the address")
        });
        let bot: Option<BotGateway> = bot.transpose()?;
        if bot.is_some_and(|bot| bot.shards == 0) {
            return Err(DiscoverError::BadAnswer("expected at least one shard"));
        }
        Ok(GatewayInfo { url: address.url, bot })
    }

    /// What the fetch said, without the token that it may have quoted.
    fn unreachable(&self, error: &impl fmt::Display) -> DiscoverError {
        let text = error.to_string();
        let text = match &self.token {
            Some(token) => {
                let bare = token.reveal().rsplit(' ').next().unwrap_or_default();
                text.replace(bare, "(hidden)")
            }
            None => text,
        };
        DiscoverError::Unreachable(TransportError::new(text))
    }
}

/// Asks as `discovery` says, by `fetch`, which makes one GET request.
///
/// Neither the function nor its future need be `Send`. There is no deadline and no retry here: both are the fetch's, or the
/// caller's. A fetch should not follow redirects, as the token would go along.
///
/// ```
/// use shardwire::driver::{Discovery, HttpResponse, discover_gateway};
///
/// # use futures::FutureExt as _;
/// # let example = async {
/// let discovery = Discovery::public();
/// let gateway = discover_gateway(&discovery, async |request| {
///     assert_eq!(request.url, "https://discord.com/api/v10/gateway");
///     // A real one would fetch now.
///     let body = br#"{"url":"wss://gateway.discord.gg"}"#.to_vec();
///     Ok::<_, std::io::Error>(HttpResponse { status: 200, retry_after: None, body })
/// });
/// assert_eq!(gateway.await.expect("a good answer").url, "wss://gateway.discord.gg");
/// # };
/// # example.now_or_never().expect("nothing in it waits");
/// ```
///
/// # Errors
///
/// Each names what to do about it; see [`DiscoverError`].
pub async fn discover_gateway<F, Answer, E>(
    discovery: &Discovery,
    fetch: F,
) -> Result<GatewayInfo, DiscoverError>
where
    F: FnOnce(HttpRequest) -> Answer,
    Answer: Future<Output = Result<HttpResponse, E>>,
    E: fmt::Display,
{
    match fetch(discovery.request()?).await {
        Ok(response) => discovery.read(&response),
        Err(error) => Err(discovery.unreachable(&error)),
    }
}

/// Where the Gateway is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayInfo {
    /// The address, for [`ConfigBuilder::url`](crate::proto::ConfigBuilder::url).
    pub url: String,
    /// What holds for the bot that asked; `None` without a token.
    pub bot: Option<BotGateway>,
}

/// What holds for one bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct BotGateway {
    /// How many shards Discord recommends; at least 1.
    pub shards: u32,
    /// How often it may identify, counted from the moment of the answer.
    pub session_start_limit: SessionStartLimit,
}

/// A GET request.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The whole address.
    pub url: String,
    /// Names in lower case, and values. Browsers set `user-agent` themselves.
    pub headers: Vec<(&'static str, String)>,
}

/// Without the token.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.headers.iter().filter(|(name, _)| *name != AUTHORIZATION);
        f.debug_struct("HttpRequest")
            .field("url", &self.url)
            .field("headers", &shown.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The header `retry-after`, as it came.
    pub retry_after: Option<String>,
    /// The body. Reading may stop once it is larger than [`LARGEST_ANSWER`]; it is refused then.
    pub body: Vec<u8>,
}

impl HttpResponse {
    fn parse<T: DeserializeOwned>(&self, expected: &'static str) -> Result<T, DiscoverError> {
        if self.body.len() > LARGEST_ANSWER {
            return Err(DiscoverError::Oversized);
        }
        serde_json::from_slice(&self.body).map_err(|_| DiscoverError::BadAnswer(expected))
    }

    /// The body's figure is the finer one; refusals by Discord's front have the header only.
    fn retry_in(&self) -> Option<Duration> {
        let header = || self.retry_after.as_ref()?.trim().parse().ok();
        let body = self.parse::<Pause>("expected `retry_after`").ok().map(|it| it.retry_after);
        Duration::try_from_secs_f64(body.or_else(header)?).ok()
    }
}

/// Why the Gateway was not discovered. None holds the token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The answer is not what Discord documents; says what was expected.
    BadAnswer(&'static str),
    /// The API's address is none.
    BadApiUrl,
    /// HTTP 403.
    Forbidden,
    /// `http:` to a host that is not loopback, which would show the token to the network.
    InsecureApiUrl,
    /// The answer is larger than [`LARGEST_ANSWER`].
    Oversized,
    /// HTTP 429.
    RateLimited {
        /// How long to wait, if the answer says so.
        retry_in: Option<Duration>,
    },
    /// HTTP 500 to 599.
    ServerFailed {
        /// Which.
        status: u16,
    },
    /// HTTP 401.
    Unauthorized,
    /// Any other status than 200.
    UnexpectedStatus {
        /// Which.
        status: u16,
    },
    /// The fetch failed.
    Unreachable(TransportError),
}

impl DiscoverError {
    /// A stable word for programs, the same as in the npm package.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadAnswer(_) | Self::Oversized | Self::UnexpectedStatus { .. } => "bad-answer",
            Self::BadApiUrl => "bad-url",
            Self::Forbidden => "forbidden",
            Self::InsecureApiUrl => "insecure-url",
            Self::RateLimited { .. } => "rate-limited",
            Self::ServerFailed { .. } => "unavailable",
            Self::Unauthorized => "unauthorized",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl fmt::Display for DiscoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAnswer(expected) => {
                write!(f, "the API's answer could not be read: {expected}; check the API's address")
            }
            Self::BadApiUrl => write!(
                f,
                "expected an API address that begins with https:// and has no query, such as {DEFAULT_API_URL}"
            ),
            Self::Forbidden => f.write_str(
                "the API answered HTTP 403: it refuses this client or network; send the header \
                 user-agent as it was given, and check whether the network is banned",
            ),
            Self::InsecureApiUrl => f.write_str(
                "expected https:// for an API that is not on loopback, as http:// would show the \
                 token to the network",
            ),
            Self::Oversized => {
                write!(
                    f,
                    "expected an answer of at most {LARGEST_ANSWER} bytes; check the API's address"
                )
            }
            Self::RateLimited { retry_in: Some(pause) } => write!(
                f,
                "the API answered HTTP 429: ask again after {:.1} seconds",
                pause.as_secs_f64()
            ),
            Self::RateLimited { retry_in: None } => {
                f.write_str("the API answered HTTP 429: ask less often")
            }
            Self::ServerFailed { status } => {
                write!(
                    f,
                    "the API answered HTTP {status}: ask again later, or use the default address"
                )
            }
            Self::Unauthorized => {
                f.write_str("the API answered HTTP 401: expected the token of a bot that exists")
            }
            Self::UnexpectedStatus { status } => {
                write!(f, "expected HTTP 200 from the API, got {status}; check its address")
            }
            Self::Unreachable(error) => write!(f, "the API could not be asked: {error}"),
        }
    }
}

impl Error for DiscoverError {}

const AUTHORIZATION: &str = "authorization";

/// What both endpoints answer.
#[derive(Deserialize)]
struct Address {
    url: String,
}

/// What is in the body of a 429, in seconds.
#[derive(Deserialize)]
struct Pause {
    retry_after: f64,
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const SECRET: &str = "hush-hush";
    const BOT: &str = r#"{"url":"wss://gateway.discord.gg","shards":9,"session_start_limit":
        {"total":1000,"remaining":999,"reset_after":14400000,"max_concurrency":1}}"#;

    fn bot() -> Discovery {
        Discovery::bot(Token::new(SECRET).expect("a token"))
    }

    fn answer(status: u16, body: &str) -> HttpResponse {
        HttpResponse { status, retry_after: None, body: body.into() }
    }

    #[test]
    fn only_the_question_about_a_bot_carries_the_token_and_never_shows_it() {
        let public = Discovery::public().request().expect("valid");
        assert_eq!(public.url, "https://discord.com/api/v10/gateway");
        assert_eq!(public.headers, [("user-agent", USER_AGENT.to_owned())]);
        let request = bot().api_url("http://127.0.0.1:8080/api/v10/").request().expect("valid");
        assert_eq!(request.url, "http://127.0.0.1:8080/api/v10/gateway/bot");
        assert_eq!(request.headers[1], ("authorization", format!("Bot {SECRET}")));
        assert!(!format!("{request:?} {:?}", bot()).contains(SECRET));
    }

    #[test]
    fn addresses_that_are_none_or_would_show_the_token_are_refused() {
        let asked = |url: &'static str| bot().api_url(url).request().map(|it| it.url);
        for url in
            ["discord.com/api", "wss://discord.com", "https://", "https://a/b?c", "https://a#b"]
        {
            assert_eq!(asked(url), Err(DiscoverError::BadApiUrl), "{url}");
        }
        for url in ["https://user:pass@host/api", "https://a/b c", "https://a/\r\nb"] {
            assert_eq!(asked(url), Err(DiscoverError::BadApiUrl), "{url}");
        }
        assert_eq!(asked("http://discord.com/api"), Err(DiscoverError::InsecureApiUrl));
        let public = Discovery::public().api_url("http://discord.com/api");
        assert!(public.request().is_ok(), "there is nothing to hide");
    }

    #[test]
    fn answers_are_read_and_what_is_not_known_is_passed_over() {
        let found = bot().read(&answer(200, BOT)).expect("as documented");
        assert_eq!(found.url, "wss://gateway.discord.gg");
        let limits = found.bot.expect("a bot asked");
        assert_eq!((limits.shards, limits.session_start_limit.remaining), (9, 999));
        let public = Discovery::public().read(&answer(200, r#"{"url":"wss://a","new":[1]}"#));
        assert_eq!(public, Ok(GatewayInfo { url: "wss://a".into(), bot: None }));
    }

    #[test]
    fn answers_that_are_none_are_told_from_each_other() {
        let error = |status, body: &str| bot().read(&answer(status, body)).expect_err(body);
        for (body, expected) in [
            ("", "an object"),
            ("<html>", "an object"),
            ("[]", "an object"),
            (r#"{"url":7}"#, "an object"),
            (r#"{"url":"https://a"}"#, "a wss:// address"),
            (r#"{"url":"wss://a"}"#, "`session_start_limit`"),
            (&BOT.replace("999", "-1"), "`session_start_limit`"),
            (&BOT.replace(":9,", ":0,"), "at least one shard"),
            (&"[".repeat(60_000), "an object"),
        ] {
            let text = error(200, body).to_string();
            assert!(text.contains(expected), "{body}: {text}");
        }
        assert_eq!(error(200, &" ".repeat(LARGEST_ANSWER + 1)), DiscoverError::Oversized);
        assert_eq!(error(401, ""), DiscoverError::Unauthorized);
        assert_eq!(error(403, ""), DiscoverError::Forbidden);
        assert_eq!(error(503, ""), DiscoverError::ServerFailed { status: 503 });
        assert_eq!(error(301, BOT), DiscoverError::UnexpectedStatus { status: 301 });
    }

    #[test]
    fn a_rate_limit_says_how_long_by_body_or_header() {
        let pause = |header: Option<&str>, body: &str| {
            let response =
                HttpResponse { retry_after: header.map(Into::into), ..answer(429, body) };
            match bot().read(&response) {
                Err(DiscoverError::RateLimited { retry_in }) => retry_in,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            pause(Some("65"), r#"{"retry_after":64.5}"#),
            Some(Duration::from_millis(64_500))
        );
        assert_eq!(pause(Some("65"), "error code: 1015"), Some(Duration::from_secs(65)));
        for nonsense in ["-1", "1e300", "NaN", "soon", ""] {
            assert_eq!(pause(Some(nonsense), ""), None, "{nonsense}");
        }
        assert_eq!(pause(None, ""), None);
    }

    #[test]
    fn a_fetch_that_quotes_the_token_does_not_give_it_away() {
        // `Rc` makes the future stay on its thread: nothing here asks for more.
        let quoted = std::rc::Rc::new(format!("no route for Bot {SECRET}\n"));
        let discovery = bot();
        let found =
            discover_gateway(&discovery, async |_| Err::<HttpResponse, _>(quoted.as_ref().clone()));
        let error = found.now_or_never().expect("it waits for nothing").expect_err("it failed");
        assert_eq!(error.to_string(), "the API could not be asked: no route for Bot (hidden) ");
    }
}
