//! A web server for the dashboard: this machine only, known kinds of files only, a strict content policy.

use std::{
    fs,
    io::{self, Cursor},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result, anyhow};
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

/// A page loads some twenty files; browsers ask for six at a time.
const WORKERS: usize = 4;
/// How many ports after a taken one are tried.
const NEIGHBOURS: u16 = 50;
/// Nothing but the dashboard's own files, and gateways on this machine or over TLS.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     worker-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self' ws://127.0.0.1:* ws://localhost:* http://127.0.0.1:* http://localhost:* wss:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A running web server.
pub(crate) struct WebServer {
    server: Arc<Server>,
    address: SocketAddr,
    workers: Vec<JoinHandle<()>>,
}

/// What there is to serve.
struct Site {
    folder: PathBuf,
    /// Served as `/config.json`; it is not in the folder, since each server has its own.
    config: String,
}

impl WebServer {
    /// Starts to serve on `port`, or on the next one that is free.
    pub(crate) fn start(folder: PathBuf, config: String, port: u16) -> Result<Self> {
        let listener = free_port(port)?;
        let address = listener.local_addr()?;
        let server = Server::from_listener(listener, None)
            .map_err(|error| anyhow!("cannot start the web server: {error}"))?;
        let server = Arc::new(server);
        let site = Arc::new(Site { folder, config });
        let workers = (0..WORKERS)
            .map(|_| {
                let (server, site) = (Arc::clone(&server), Arc::clone(&site));
                thread::spawn(move || server.incoming_requests().for_each(|it| site.answer(it)))
            })
            .collect();
        Ok(Self { server, address, workers })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops to serve and waits for the answers under way.
    pub(crate) fn stop(self) {
        for _ in &self.workers {
            self.server.unblock();
        }
        for worker in self.workers {
            // A worker that panicked has said so already.
            let _ = worker.join();
        }
    }
}

impl Site {
    fn answer(&self, request: Request) {
        let response = self.response(request.method(), request.url());
        // The browser may have gone; that is its right.
        let _ = request.respond(response);
    }

    fn response(&self, method: &Method, url: &str) -> Response<Cursor<Vec<u8>>> {
        if !matches!(method, Method::Get | Method::Head) {
            return refusal(405, "only GET and HEAD");
        }
        let Some((path, kind)) = relative(url) else {
            return refusal(404, "no such file");
        };
        let bytes = if path == Path::new("config.json") {
            Ok(self.config.clone().into_bytes())
        } else {
            fs::read(self.folder.join(path))
        };
        match bytes {
            Ok(bytes) => dress(Response::from_data(bytes), kind),
            Err(error) if error.kind() == io::ErrorKind::NotFound => refusal(404, "no such file"),
            Err(_) => refusal(500, "the file cannot be read"),
        }
    }
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

fn refusal(code: u16, text: &str) -> Response<Cursor<Vec<u8>>> {
    let response = Response::from_data(format!("{text}\n").into_bytes());
    dress(response.with_status_code(StatusCode(code)), "text/plain; charset=utf-8")
}

/// Adds the headers that every answer has.
fn dress(response: Response<Cursor<Vec<u8>>>, kind: &str) -> Response<Cursor<Vec<u8>>> {
    [
        ("Content-Type", kind),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    ]
    .into_iter()
    .fold(response, |response, (name, value)| {
        let header = Header::from_bytes(name, value).expect("our headers are plain ASCII");
        response.with_header(header)
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
