//! Gateway addresses: checked once, then only their query changes. Opens nothing.
//!
//! Source: Discord's "Connecting to the Gateway": `v`, `encoding` and `compress` belong on the base address and on the
//! resume address alike.

use crate::proto::words::{Say, displayed, say};

/// A checked `ws:` or `wss:` address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayUrl {
    is_secure: bool,
    /// Host and port as written.
    authority: Box<str>,
    /// Path without its leading slash.
    path: Box<str>,
    /// Query without the question mark; may be empty.
    query: Box<str>,
}

/// Why an address was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It holds spaces, control characters or characters beyond ASCII.
    Characters,
    /// It holds `user:password@`.
    Credentials,
    /// It has no host.
    Host,
    /// Its scheme is neither `ws` nor `wss`.
    Scheme,
}

impl Say for UrlError {
    fn say(&self, out: &mut String) {
        out.push_str(match self {
            Self::Characters => "expected an address without spaces or characters beyond ASCII",
            Self::Credentials => "expected an address without user name and password",
            Self::Host => "expected an address with a host",
            Self::Scheme => "expected an address that begins with wss:// (or ws://)",
        });
    }
}

displayed!(UrlError);

impl GatewayUrl {
    /// Checks `text`. A fragment is dropped, as it never reaches a server.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
            return Err(UrlError::Characters);
        }
        let (scheme, rest) = cut(text, b':').ok_or(UrlError::Scheme)?;
        let rest = rest.strip_prefix("//").ok_or(UrlError::Scheme)?;
        let is_secure = scheme.eq_ignore_ascii_case("wss");
        if !is_secure && !scheme.eq_ignore_ascii_case("ws") {
            return Err(UrlError::Scheme);
        }
        let (rest, _) = cut(rest, b'#').unwrap_or((rest, ""));
        let (address, query) = cut(rest, b'?').unwrap_or((rest, ""));
        let (authority, path) = cut(address, b'/').unwrap_or((address, ""));
        if holds(authority, b'@') {
            return Err(UrlError::Credentials);
        }
        let url =
            Self { is_secure, authority: authority.into(), path: path.into(), query: query.into() };
        if url.host().is_empty() || !url.has_valid_port() {
            return Err(UrlError::Host);
        }
        Ok(url)
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether the host is this machine, where an unencrypted connection shows the token to nobody.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost")
            || host == "[::1]"
            || (host.starts_with("127.") && is_dotted(host))
    }

    /// The address with `parameters` in its query; those that it already had under the same names are replaced, others
    /// are kept in front.
    #[must_use]
    pub fn with_parameters(&self, parameters: &[(&str, &str)]) -> String {
        let mut text = self.said();
        let mut border = "?";
        let mut rest = Some(&*self.query);
        while let Some(query) = rest {
            let (pair, behind) = head(query, b'&');
            rest = behind;
            let (name, _) = head(pair, b'=');
            if !name.is_empty() && !parameters.iter().any(|(ours, _)| *ours == name) {
                text.push_str(border);
                text.push_str(pair);
                border = "&";
            }
        }
        for (name, value) in parameters {
            for part in [border, name, "=", value] {
                text.push_str(part);
            }
            border = "&";
        }
        text
    }

    fn host(&self) -> &str {
        self.host_and_port().0
    }

    fn has_valid_port(&self) -> bool {
        self.host_and_port().1.is_none_or(|port| port.parse::<u16>().is_ok())
    }

    fn host_and_port(&self) -> (&str, Option<&str>) {
        let last = self.authority.bytes().rposition(|byte| byte == b':');
        match last.and_then(|at| cut_at(&self.authority, at)) {
            // The colons of an IPv6 address stand inside brackets.
            Some((host, port)) if !holds(port, b']') => (host, Some(port)),
            _ => (&self.authority, None),
        }
    }
}

// Addresses are ASCII and short: their bytes one after the other do, where `str` brings searchers for texts of any length.

/// What is before and behind the first `border`.
pub(super) fn cut(text: &str, border: u8) -> Option<(&str, &str)> {
    cut_at(text, text.bytes().position(|byte| byte == border)?)
}

fn cut_at(text: &str, at: usize) -> Option<(&str, &str)> {
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// What is before the first `border`, or all; and what is behind it.
fn head(text: &str, border: u8) -> (&str, Option<&str>) {
    cut(text, border).map_or((text, None), |(head, rest)| (head, Some(rest)))
}

fn holds(text: &str, wanted: u8) -> bool {
    text.bytes().any(|byte| byte == wanted)
}

/// Whether `host` is an IPv4 address: four numbers of a byte.
fn is_dotted(host: &str) -> bool {
    let mut parts = 0;
    let mut rest = Some(host);
    while let Some(text) = rest {
        let (part, behind) = head(text, b'.');
        if part.parse::<u8>().is_err() {
            return false;
        }
        parts += 1;
        rest = behind;
    }
    parts == 4
}

/// Scheme, host, port and path: without the query.
impl Say for GatewayUrl {
    fn say(&self, out: &mut String) {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        say!(out, scheme, "://", &*self.authority, "/", &*self.path);
    }
}

displayed!(GatewayUrl);

#[cfg(test)]
mod tests {
    use super::*;

    fn full(text: &str) -> String {
        GatewayUrl::parse(text)
            .expect("valid")
            .with_parameters(&[("v", "10"), ("encoding", "json")])
    }

    #[test]
    fn the_query_is_added_with_and_without_a_slash() {
        assert_eq!(
            full("wss://gateway.discord.gg"),
            "wss://gateway.discord.gg/?v=10&encoding=json"
        );
        assert_eq!(
            full("wss://gateway.discord.gg/"),
            "wss://gateway.discord.gg/?v=10&encoding=json"
        );
    }

    #[test]
    fn an_existing_query_is_kept_and_ours_wins() {
        assert_eq!(
            full("wss://host/path?v=6&region=eu&flag&encoding=etf#x"),
            "wss://host/path?region=eu&flag&v=10&encoding=json"
        );
    }

    #[test]
    fn foreign_addresses_are_refused_by_name() {
        let refused = |text| GatewayUrl::parse(text).expect_err(text);
        assert_eq!(refused("https://discord.com"), UrlError::Scheme);
        assert_eq!(refused("gateway.discord.gg"), UrlError::Scheme);
        assert_eq!(refused("wss://"), UrlError::Host);
        assert_eq!(refused("wss://host:port"), UrlError::Host);
        assert_eq!(refused("wss://host:99999"), UrlError::Host);
        assert_eq!(refused("wss://a:b@host"), UrlError::Credentials);
        assert_eq!(refused("wss://ho st"), UrlError::Characters);
        assert_eq!(refused("wss://host/\r\nX: y"), UrlError::Characters);
    }

    #[test]
    fn loopback_is_told_from_names_that_look_like_it() {
        let loopback = |text| GatewayUrl::parse(text).expect(text).is_loopback();
        assert!(loopback("ws://127.0.0.1:80"));
        assert!(loopback("ws://localhost"));
        assert!(loopback("ws://[::1]:8080/x"));
        assert!(!loopback("ws://127.0.0.1.example.com"));
        assert!(!loopback("ws://localhost.example.com:1"));
        assert!(!loopback("ws://10.0.0.1"));
    }
}
