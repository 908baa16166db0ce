//! A web server for the dashboard: this machine only, known kinds of files only, a strict content policy.
//!
//! Each connection has a thread and carries one request. That is all a page on the same machine needs, and no request
//! ever waits for another: with a pool of threads, a browser's idle connections can starve a busy one.

use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// How many ports after a taken one are tried.
const NEIGHBOURS: u16 = 50;
/// Browsers open connections in advance; one that stays silent is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// A longer request head is no browser's.
const LONGEST_HEAD: u64 = 64 * 1024;
const MOST_HEADERS: usize = 100;
/// Nothing but the dashboard's own files, and gateways on this machine or over TLS.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     worker-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self' ws://127.0.0.1:* ws://localhost:* http://127.0.0.1:* http://localhost:* wss:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A running web server. It ends with the program.
pub(crate) struct WebServer {
    address: SocketAddr,
}

/// What there is to serve.
struct Site {
    folder: PathBuf,
    /// Served as `/config.json`; it is not in the folder, since each server has its own.
    config: String,
}

struct Response {
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
}

impl WebServer {
    /// Starts to serve on `port`, or on the next one that is free.
    pub(crate) fn start(folder: PathBuf, config: String, port: u16) -> Result<Self> {
        let listener = free_port(port)?;
        let address = listener.local_addr()?;
        let site = Arc::new(Site { folder, config });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let site = Arc::clone(&site);
                // A browser may leave at any time; that is no error of ours.
                thread::spawn(move || site.answer(&stream).ok());
            }
        });
        Ok(Self { address })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Site {
    /// Reads one request and answers it.
    fn answer(&self, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = read_head(stream)?;
        if head.is_empty() {
            return Ok(());
        }
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let is_whole = request.parse(&head).is_ok_and(|status| status.is_complete());
        let response = match (request.method, request.path) {
            (Some(method), Some(path)) if is_whole => self.response(method, path),
            _ => refusal("400 Bad Request"),
        };
        stream.write_all(response.head().as_bytes())?;
        if request.method != Some("HEAD") {
            stream.write_all(&response.body)?;
        }
        stream.flush()
    }

    fn response(&self, method: &str, url: &str) -> Response {
        if !matches!(method, "GET" | "HEAD") {
            return refusal("405 Method Not Allowed");
        }
        let Some((path, kind)) = relative(url) else {
            return refusal("404 Not Found");
        };
        let body = if path == Path::new("config.json") {
            Ok(self.config.clone().into_bytes())
        } else {
            fs::read(self.folder.join(path))
        };
        match body {
            Ok(body) => Response { status: "200 OK", kind, body },
            Err(error) if error.kind() == io::ErrorKind::NotFound => refusal("404 Not Found"),
            Err(_) => refusal("500 Internal Server Error"),
        }
    }
}

impl Response {
    fn head(&self) -> String {
        let Self { status, kind, body } = self;
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\n\
             Content-Type: {kind}\r\n\
             Content-Length: {length}\r\n\
             Content-Security-Policy: {POLICY}\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Referrer-Policy: no-referrer\r\n\
             Cache-Control: no-store\r\n\
             Connection: close\r\n\r\n"
        )
    }
}

fn refusal(status: &'static str) -> Response {
    let body = format!("{status}\n").into_bytes();
    Response { status, kind: "text/plain; charset=utf-8", body }
}

/// All up to the empty line, or up to the end if there is none.
fn read_head(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    for byte in io::BufReader::new(stream.take(LONGEST_HEAD)).bytes() {
        head.push(byte?);
        if head.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    Ok(head)
}

/// The file that a request means, and its content type. Only plain names pass: no dots in front, no escapes, so no path
/// leads out of the folder.
fn relative(url: &str) -> Option<(PathBuf, &'static str)> {
    let path = url.split(['?', '#']).next()?.strip_prefix('/')?;
    let path = if path.is_empty() { "index.html" } else { path };
    path.split('/').all(is_plain).then_some(())?;
    Some((path.into(), content_type(path)?))
}

fn is_plain(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_allowed)
}

fn content_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

/// A listener on `port` or a little above it, saying so if it is not the one that was asked for.
pub(crate) fn free_port(port: u16) -> Result<TcpListener> {
    let candidates = port..=port.saturating_add(NEIGHBOURS);
    let mut refusal = None;
    for candidate in candidates {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, candidate)) {
            Ok(listener) => {
                if candidate != port {
                    eprintln!("Port {port} is taken; using {candidate} instead");
                }
                return Ok(listener);
            }
            Err(error) => refusal = Some(error),
        }
    }
    let refusal = refusal.expect("at least one port was tried");
    Err(refusal).with_context(|| format!("no port from {port} on is free; choose another one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(url: &str) -> Option<String> {
        relative(url).map(|(path, _)| path.to_str().expect("plain").to_owned())
    }

    #[test]
    fn the_root_is_the_page() {
        assert_eq!(path("/"), Some("index.html".into()));
        assert_eq!(path("/?x=1"), Some("index.html".into()));
    }

    #[test]
    fn files_have_their_type() {
        let (path, kind) =
            relative("/vendor/shardwire/wasm/shardwire_bg.wasm?v=1").expect("a file");
        assert_eq!(path, Path::new("vendor/shardwire/wasm/shardwire_bg.wasm"));
        assert_eq!(kind, "application/wasm");
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for url in [
            "/../Cargo.toml",
            "/view/../../Cargo.json",
            "/%2e%2e/secret.json",
            "/..%2fsecret.json",
            "//etc/passwd.json",
            "/.hidden.json",
            "/a\\..\\b.json",
            "/view/",
            "http://elsewhere/x.json",
            "/C:/x.json",
            "/noextension",
        ] {
            assert_eq!(path(url), None, "{url}");
        }
    }
}
