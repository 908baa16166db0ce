//! From a host's name to an open stream: names, TCP, a proxy, TLS, in this order. Knows neither HTTP nor WebSocket.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use http::Uri;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_websockets::{Connector, MaybeTlsStream};

use super::options::ConnectOptions;
use crate::proto::TransportError;

/// Before the next address gets its turn beside those that have not answered. Source: RFC 8305, section 5.
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses of one host that are tried. Discord has ten; all of these have had their turn after four seconds, well within a
/// shard's patience.
const MOST_ADDRESSES: usize = 16;

/// A stream that bytes go through as they are.
pub(super) type Stream = MaybeTlsStream<TcpStream>;

/// The other end of a stream, and whether the way there is encrypted.
#[derive(Debug)]
pub(super) struct Target {
    /// Without the brackets of IPv6 addresses, which belong to the address and not to the name.
    host: String,
    port: u16,
    is_secure: bool,
}

impl Target {
    /// What `uri` speaks of: `ws:`, `wss:`, `http:` or `https:`.
    pub(super) fn of(uri: &Uri) -> Self {
        let is_secure = matches!(uri.scheme_str(), Some("wss" | "https"));
        let host = uri.host().unwrap_or_default();
        Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 }),
            is_secure,
        }
    }

    /// Opens a stream. There is no deadline here; each caller has one for more than this.
    pub(super) async fn dial(&self, options: &ConnectOptions) -> Result<Stream, TransportError> {
        let Self { host, port, is_secure } = self;
        let tcp = match &options.proxy {
            None => connect("", host, *port).await?,
            Some(proxy) => {
                let tcp = connect("the proxy ", &proxy.host, proxy.port).await?;
                proxy.tunnel(tcp, host, *port, &options.user_agent).await.map_err(|error| {
                    failed(format_args!("the proxy did not connect to {host} port {port}: {error}"))
                })?
            }
        };
        let tls = async {
            let connector = if *is_secure {
                Connector::Rustls(options.tls.connector()?)
            } else {
                Connector::Plain
            };
            connector.wrap(host, tcp).await
        };
        tls.await.map_err(|error| failed(format_args!("TLS with {host} failed: {error}")))
    }
}

/// The other end of the TCP connection.
pub(super) fn peer_addr(stream: &Stream) -> Option<SocketAddr> {
    let tcp = match stream {
        MaybeTlsStream::Plain(tcp) => tcp,
        MaybeTlsStream::Rustls(tls) => tls.get_ref().0,
    };
    tcp.peer_addr().ok()
}

pub(super) fn failed(text: std::fmt::Arguments<'_>) -> TransportError {
    TransportError::new(text.to_string())
}

/// TCP to a host, which is called `what` in errors.
async fn connect(what: &str, host: &str, port: u16) -> Result<TcpStream, TransportError> {
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => lookup_host((host, port))
            .await
            .map_err(|error| {
                let kind = if what.is_empty() { "the host " } else { what };
                failed(format_args!("could not find {kind}{host}: {error}"))
            })?
            .collect(),
    };
    let tcp = race(in_turn(addresses), TcpStream::connect).await.map_err(|error| {
        failed(format_args!("could not connect to {what}{host} port {port}: {error}"))
    })?;
    // Heartbeats should leave at once; without this they only leave later.
    let _ = tcp.set_nodelay(true);
    Ok(tcp)
}

/// Puts IPv4 and IPv6 in turn, beginning with the family that the system prefers. If one family goes nowhere, the second
/// attempt already belongs to the other.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(is_first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let (preferred, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == is_first);
    let longest = preferred.len().max(other.len());
    (0..longest)
        .flat_map(|at| [preferred.get(at), other.get(at)])
        .flatten()
        .copied()
        .take(MOST_ADDRESSES)
        .collect()
}

/// Connects to whichever address answers first. Each gets its turn when the one before it has failed, or has had its head
/// start; attempts that lost are dropped.
async fn race<T, Attempt: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> Attempt,
) -> io::Result<T> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no addresses");
    loop {
        attempts.extend(waiting.next().map(&connect));
        let answer = if waiting.len() > 0 {
            timeout(HEAD_START, attempts.next()).await
        } else {
            Ok(attempts.next().await)
        };
        match answer {
            Ok(Some(Ok(tcp))) => return Ok(tcp),
            Ok(Some(Err(error))) => failure = error,
            // All that there are have failed.
            Ok(None) => return Err(failure),
            // The next one's turn.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::pending};

    use super::*;

    const V6: [&str; 3] = ["[::1]:1", "[::1]:2", "[::1]:3"];
    const V4: [&str; 2] = ["1.1.1.1:4", "1.1.1.1:5"];

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    /// Ports that have been asked, and who answered.
    async fn asked(
        addresses: &[SocketAddr],
        answer: impl AsyncFn(u16) -> io::Result<u16>,
    ) -> (Vec<u16>, Result<u16, String>) {
        let asked = RefCell::new(Vec::new());
        let connect = async |address: SocketAddr| {
            asked.borrow_mut().push(address.port());
            answer(address.port()).await
        };
        let first = race(addresses.to_vec(), connect).await.map_err(|error| error.to_string());
        (asked.into_inner(), first)
    }

    #[test]
    fn the_families_take_turns_and_the_system_says_which_begins() {
        let ports = |texts: &[&str]| -> Vec<u16> {
            in_turn(addresses(texts)).iter().map(SocketAddr::port).collect()
        };
        assert_eq!(ports(&[&V6[..], &V4].concat()), [1, 4, 2, 5, 3]);
        assert_eq!(ports(&[&V4[..], &V6].concat()), [4, 1, 5, 2, 3]);
        assert!(ports(&[]).is_empty());
        assert_eq!(in_turn(addresses(&[V4[0]; 100])).len(), MOST_ADDRESSES);
    }

    #[tokio::test]
    async fn an_address_that_never_answers_holds_up_nobody() {
        let answer = async |port| if port < 3 { pending().await } else { Ok(port) };
        assert_eq!(asked(&addresses(&V6), answer).await, (vec![1, 2, 3], Ok(3)));
    }

    #[tokio::test]
    async fn a_slow_first_address_wins_if_the_next_is_slower() {
        let (done, wait) = futures::channel::oneshot::channel();
        let (done, wait) = (RefCell::new(Some(done)), RefCell::new(Some(wait)));
        let answer = async |port| {
            if port == 1 {
                let wait = wait.take().expect("asked once");
                wait.await.map_err(io::Error::other)?;
                return Ok(1);
            }
            if let Some(done) = done.take() {
                done.send(()).expect("the first one waits");
            }
            pending().await
        };
        assert_eq!(asked(&addresses(&V6[..2]), answer).await, (vec![1, 2], Ok(1)));
    }

    #[tokio::test]
    async fn a_refusal_passes_the_turn_on_at_once_and_the_last_one_is_told() {
        let answer = async |port| Err(io::Error::other(format!("refused {port}")));
        // A head start for each would take half a second.
        let told = timeout(HEAD_START, asked(&addresses(&V6), answer)).await;
        assert_eq!(told.expect("at once"), (vec![1, 2, 3], Err("refused 3".into())));
        let none = asked(&[], answer).await;
        assert_eq!(none, (vec![], Err("the host has no addresses".into())));
    }
}
