//! Proxies: a tunnel through a socket that is open already, by HTTP `CONNECT` or SOCKS5. Resolves no names: the proxy does,
//! so that hosts can be reached that are only known there. Never shows user name or password.
//!
//! Sources: RFC 9110, 9.3.6 and 11.7 (`CONNECT`, `Proxy-Authorization`); RFC 1928 and 1929 (SOCKS5).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderValue, Method, Request, StatusCode, Uri,
    header::{HOST, PROXY_AUTHORIZATION, USER_AGENT},
};
use http_body_util::Empty;
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_socks::tcp::Socks5Stream;

use super::options::OptionError;

/// What a proxy may answer to `CONNECT`, in bytes with all headers. Genuine answers have some hundred.
const LARGEST_ANSWER: usize = 16 << 10;

/// A server that passes connections on.
#[derive(Clone)]
pub struct Proxy {
    kind: Kind,
    /// Without the brackets of IPv6 addresses.
    pub(super) host: Box<str>,
    pub(super) port: u16,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Http,
    Socks5,
}

#[derive(Clone)]
struct Credentials {
    user: String,
    password: String,
}

impl Proxy {
    /// Reads an address such as `http://user:password@host:3128` or `socks5://host:1080`.
    ///
    /// User name and password may be left out; what is special in addresses is written `%40` in them. Without a port, HTTP
    /// means 80 and SOCKS 1080. `socks5h:` is the same as `socks5:`, as names are always left to the proxy. The way to the
    /// proxy itself is not encrypted; what goes through it to `wss:` is.
    ///
    /// # Errors
    ///
    /// [`OptionError::BadProxy`], which does not quote the address.
    pub fn parse(url: &str) -> Result<Self, OptionError> {
        let bad = OptionError::BadProxy;
        let uri: Uri = url.parse().map_err(|_| bad("expected an address with scheme and host"))?;
        let (kind, usual_port) = match uri.scheme_str() {
            Some("http") => (Kind::Http, 80),
            Some("socks5" | "socks5h") => (Kind::Socks5, 1080),
            _ => return Err(bad("expected an address that begins with http:// or socks5://")),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(bad("expected nothing behind host and port"));
        }
        let authority = uri.authority().ok_or(bad("expected a host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(bad("expected a host"));
        }
        // The library takes what stands behind the last colon for granted.
        let place = authority.as_str().rsplit('@').next().unwrap_or_default();
        let has_port = !place.ends_with(']') && place.contains(':');
        if has_port && authority.port_u16().is_none() {
            return Err(bad("expected a port from 1 to 65535"));
        }
        let credentials = authority.as_str().rsplit_once('@').map(|(text, _)| text);
        Ok(Self {
            kind,
            host: host.into(),
            port: authority.port_u16().unwrap_or(usual_port),
            credentials: credentials.map(|text| Credentials::parse(text, kind)).transpose()?,
        })
    }

    /// Makes the proxy pass `tcp`, a connection to it, on to `host`.
    ///
    /// # Errors
    ///
    /// What the proxy said, as a half-sentence.
    pub(super) async fn tunnel(
        &self,
        tcp: TcpStream,
        host: &str,
        port: u16,
        user_agent: &HeaderValue,
    ) -> Result<TcpStream, String> {
        match (self.kind, &self.credentials) {
            (Kind::Http, credentials) => {
                http_connect(tcp, host, port, credentials.as_ref(), user_agent).await
            }
            (Kind::Socks5, None) => Socks5Stream::connect_with_socket(tcp, (host, port))
                .await
                .map(Socks5Stream::into_inner)
                .map_err(|error| told(&error)),
            (Kind::Socks5, Some(Credentials { user, password })) => {
                Socks5Stream::connect_with_password_and_socket(tcp, (host, port), user, password)
                    .await
                    .map(Socks5Stream::into_inner)
                    .map_err(|error| told(&error))
            }
        }
    }
}

/// Host and port; whether there are credentials, not which.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("kind", &self.kind)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("has_credentials", &self.credentials.is_some())
            .finish()
    }
}

impl Credentials {
    fn parse(text: &str, kind: Kind) -> Result<Self, OptionError> {
        let decoded = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(Into::into).map_err(|_| OptionError::BadProxy("expected UTF-8 behind each %"))
        };
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let (user, password): (String, String) = (decoded(user)?, decoded(password)?);
        let expected = match kind {
            Kind::Http if user.contains(':') => "expected a user name without colons",
            Kind::Socks5 if ![&user, &password].iter().all(|it| (1..=255).contains(&it.len())) => {
                "expected user name and password of 1 to 255 bytes"
            }
            Kind::Http | Kind::Socks5 => return Ok(Self { user, password }),
        };
        Err(OptionError::BadProxy(expected))
    }

    fn header(&self) -> Result<HeaderValue, String> {
        let text = format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)));
        let mut value = HeaderValue::from_str(&text).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        Ok(value)
    }
}

async fn http_connect(
    tcp: TcpStream,
    host: &str,
    port: u16,
    credentials: Option<&Credentials>,
    user_agent: &HeaderValue,
) -> Result<TcpStream, String> {
    let place =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(&place)
        .header(HOST, &place)
        .header(USER_AGENT, user_agent);
    if let Some(credentials) = credentials {
        request = request.header(PROXY_AUTHORIZATION, credentials.header()?);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;

    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(LARGEST_ANSWER)
        .handshake(TokioIo::new(tcp))
        .await
        .map_err(|error| told(&error))?;
    // Ends with this attempt, however that ends.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(|error| told(&error))?;
    match response.status() {
        status if status.is_success() => {}
        StatusCode::PROXY_AUTHENTICATION_REQUIRED if credentials.is_none() => {
            return Err("HTTP 407: it expects a user name and a password".into());
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            return Err("HTTP 407: it does not take the user name and the password".into());
        }
        status => return Err(format!("HTTP {status}")),
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(|error| told(&error))?;
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) if parts.read_buf.is_empty() => Ok(parts.io.into_inner()),
        // In all protocols that go through here the client speaks first.
        Ok(_) | Err(_) => Err("it sent more than its answer".into()),
    }
}

/// An error with its causes: libraries that follow the rules leave them out of their own text.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.ends_with(&inner) {
            text = format!("{text}: {inner}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_kind_place_and_credentials() {
        let read = |url| {
            let proxy = Proxy::parse(url).expect(url);
            let credentials = proxy.credentials.map(|it| (it.user, it.password));
            (proxy.host.to_string(), proxy.port, credentials)
        };
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(read("http://proxy"), ("proxy".into(), 80, None));
        assert_eq!(read("socks5h://[::1]/"), ("::1".into(), 1080, None));
        assert_eq!(read("socks5://[::1]:9"), ("::1".into(), 9, None));
        assert_eq!(read("http://a:b@c:8"), ("c".into(), 8, pair("a", "b")));
        assert_eq!(read("http://a@c"), ("c".into(), 80, pair("a", "")));
        assert_eq!(read("socks5://a%40b:p%3aq%25@c"), ("c".into(), 1080, pair("a@b", "p:q%")));
    }

    #[test]
    fn addresses_that_are_none_are_refused_without_being_quoted() {
        for url in [
            "",
            "proxy:8080",
            "https://user:hush@proxy",
            "ftp://user:hush@proxy",
            "http://user:hush@",
            "http://user:hush@proxy:99999",
            "http://user:hush@proxy:port",
            "http://user:hush@proxy:/",
            "http://user:hush@proxy/path",
            "http://user:hush@proxy?query",
            "http://user:hush%ff@proxy",
            "http://us%3aer:hush@proxy",
            "socks5://:hush@proxy",
            "socks5://user@proxy",
        ] {
            let error = Proxy::parse(url).expect_err(url);
            assert!(!format!("{error} {error:?}").contains("hush"), "{url}");
        }
        let long = format!("socks5://user:{}@proxy", "x".repeat(256));
        assert!(Proxy::parse(&long).is_err());
    }

    #[test]
    fn credentials_are_not_shown() {
        let shown = format!("{:?}", Proxy::parse("http://user:hush@proxy:1").expect("valid"));
        assert!(shown.contains("proxy") && !shown.contains("user") && !shown.contains("hush"));
    }
}
