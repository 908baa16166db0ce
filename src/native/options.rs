//! How connections are made, as the user chooses: through which proxy, whom to trust, what to say in the handshake. Opens
//! nothing.

use std::{error::Error, fmt};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, USER_AGENT},
};

use super::{proxy::Proxy, tls::Tls};
use crate::driver;

/// Headers that may be added. They are kept and sent, and servers refuse more than some hundred.
const MOST_HEADERS: usize = 64;

/// Headers that make the handshake what it is, beside all whose name begins with `sec-websocket-`.
const OWNED: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// How connections are made. The defaults need no thought: no proxy, Mozilla's roots, no headers but the client's own.
///
/// ```
/// use shardwire::native::{ConnectOptions, Proxy};
///
/// # fn main() -> Result<(), shardwire::native::OptionError> {
/// let options = ConnectOptions::new()
///     .proxy(Proxy::parse("socks5://user:password@127.0.0.1:1080")?)
///     .header("x-region", "eu")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    pub(super) proxy: Option<Proxy>,
    pub(super) tls: Tls,
    pub(super) user_agent: HeaderValue,
    /// For the WebSocket's handshake only: what a header is for is known there, and nobody else shall see it.
    pub(super) headers: HeaderMap,
}

impl ConnectOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            proxy: None,
            tls: Tls::default(),
            user_agent: HeaderValue::from_static(driver::USER_AGENT),
            headers: HeaderMap::new(),
        }
    }

    /// Goes through `proxy` to every host, this machine included. Proxies named by the environment are not looked for.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Whom to trust on encrypted connections; [`Tls::mozilla_roots`] unless set.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// How the client presents itself to the gateway, to the API and to an HTTP proxy. Discord asks for the form
    /// `DiscordBot (url, version)`.
    ///
    /// # Errors
    ///
    /// [`OptionError::BadHeader`] if it is no header value.
    pub fn user_agent(mut self, product: &str) -> Result<Self, OptionError> {
        self.user_agent = header_value(product)?;
        Ok(self)
    }

    /// One more header of the WebSocket's handshake; another of the same name is replaced. Its value is treated as a secret:
    /// `Debug` does not show it.
    ///
    /// # Errors
    ///
    /// [`OptionError::BadHeader`] if it is no header, belongs to the handshake itself, has its own method, or is one too many.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, OptionError> {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| OptionError::BadHeader("expected a valid name"))?;
        if name == USER_AGENT {
            return Err(OptionError::BadHeader("expected user-agent to be set by `user_agent`"));
        }
        if OWNED.contains(&name) || name.as_str().starts_with("sec-websocket-") {
            return Err(OptionError::BadHeader("expected a name that the handshake does not own"));
        }
        if self.headers.len() >= MOST_HEADERS && !self.headers.contains_key(&name) {
            return Err(OptionError::BadHeader("expected at most 64 headers"));
        }
        let mut value = header_value(value)?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A choice that cannot work: the caller's fault, told before anything is opened. None holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionError {
    /// A header that cannot be sent; says what was expected.
    BadHeader(&'static str),
    /// The proxy's address is no good; says what was expected.
    BadProxy(&'static str),
    /// The identify queue's address is none of the web, or has a query.
    BadQueueUrl,
    /// The certificates to trust could not be had; says why.
    BadRoots(Box<str>),
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadHeader(expected) => write!(f, "a header is no good: {expected}"),
            Self::BadProxy(expected) => write!(f, "the proxy's address is no good: {expected}"),
            Self::BadQueueUrl => {
                f.write_str("expected an address of the web without a query for the identify queue")
            }
            Self::BadRoots(why) => {
                write!(f, "expected certificates to trust in the system's store: {why}")
            }
        }
    }
}

impl Error for OptionError {}

fn header_value(text: &str) -> Result<HeaderValue, OptionError> {
    let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    HeaderValue::from_str(text)
        .ok()
        .filter(|_| is_plain)
        .ok_or(OptionError::BadHeader("expected a value of visible ASCII characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str) -> String {
        ConnectOptions::new().header(name, value).expect_err(name).to_string()
    }

    #[test]
    fn headers_that_the_handshake_owns_are_refused() {
        for name in ["Host", "upgrade", "CONNECTION", "content-length", "Sec-WebSocket-Protocol"] {
            assert!(refused(name, "x").contains("handshake"), "{name}");
        }
        assert!(refused("User-Agent", "x").contains("`user_agent`"));
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_header() {
        assert!(refused("x y", "z").contains("name"));
        for value in ["a\r\nb: c", "a\nb", "ü", "\0"] {
            assert!(refused("x", value).contains("ASCII"));
            assert!(ConnectOptions::new().user_agent(value).is_err());
        }
    }

    #[test]
    fn headers_are_bounded_in_number_and_hidden_from_view() {
        let mut options = ConnectOptions::new();
        for number in 0..MOST_HEADERS {
            options = options.header(&format!("x-{number}"), "hush-hush").expect("few enough");
        }
        let options = options.header("X-0", "hush-hush again").expect("it is replaced");
        assert!(!format!("{options:?}").contains("hush"));
        assert!(options.header("x-more", "").is_err());
    }
}
