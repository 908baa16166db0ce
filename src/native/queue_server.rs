//! An identify queue for all processes of a bot, over HTTP. The order is the ledger's; this only keeps callers waiting.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer as HyperTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use super::TokioTimer;
use crate::{
    driver::{SharedSlots, Timer as _},
    proto::ShardId,
};

/// Callers at the same time; more wait until one is answered.
const MOST_CALLERS: usize = 16_384;
/// Callers who send no request within this time are left.
const PATIENCE: Duration = Duration::from_secs(15);
/// An answer is on its way for so long at most: the next turn is counted from its arrival.
const TRIP: Duration = Duration::from_millis(500);

/// Serves one identify ledger to all processes of a bot: `GET /?shard=NUMBER` is answered with 200 once that shard may
/// identify. It is the protocol of twilight's HTTP queue; [`HttpQueue`](super::HttpQueue) asks by it.
///
/// Hanging up gives the place up. While no identify is left, callers wait for the next window. Nobody is asked who they are: it
/// is for a network of one's own. Stops when it is dropped.
#[derive(Debug)]
pub struct QueueServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl QueueServer {
    /// Serves `slots` at `listen`; port 0 takes any. [`slots_in_file`](super::slots_in_file) makes a ledger that outlives the
    /// process.
    ///
    /// # Errors
    ///
    /// If nobody can listen there.
    pub async fn bind(listen: SocketAddr, slots: SharedSlots) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(serve(listener, slots)) })
    }

    /// Where it is asked: `http://ADDRESS:PORT/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for QueueServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, slots: SharedSlots) {
    let callers = Arc::new(Semaphore::new(MOST_CALLERS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(caller) = Arc::clone(&callers).acquire_owned().await else { return };
        let Ok((tcp, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: they come back.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let slots = slots.clone();
        connections.spawn(async move {
            answer_all(tcp, slots).await;
            drop(caller);
        });
    }
}

async fn answer_all(tcp: TcpStream, slots: SharedSlots) {
    let service = service_fn(|request| {
        let slots = slots.clone();
        async move { Ok::<_, Infallible>(answer(&request, slots).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(HyperTimer::new()).header_read_timeout(PATIENCE);
    // A caller that hangs up takes its future along. Whatever else breaks concerns nobody but that caller.
    let _ = builder.serve_connection(TokioIo::new(tcp), service).await;
}

async fn answer(request: &Request<Incoming>, slots: SharedSlots) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    if request.method() != Method::GET {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return response;
    }
    let mut parameters = request.uri().query().unwrap_or_default().split('&');
    let given = parameters.find_map(|pair| pair.strip_prefix("shard="));
    // Bots whose shards all stand in one line need not say which it is.
    match given.map_or(Ok(0), str::parse) {
        Ok(number) => wait(number, slots).await,
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

/// Returns once the shard of this number may identify.
async fn wait(number: u32, slots: SharedSlots) {
    // The total plays no part in whose turn it is.
    let Some(shard) = ShardId::new(number, u32::MAX) else { return };
    let mut timer = TokioTimer::new();
    let place = Place { slots, shard };
    loop {
        let now = timer.now();
        match place.slots.reserve(shard, now) {
            Ok(turn) => {
                sleep(turn.at.saturating_since(now)).await;
                if !turn.is_held_back {
                    break;
                }
            }
            Err(spent) => sleep(spent.retry_in).await,
        }
    }
    place.slots.sent(shard, timer.now() + TRIP, timer.wall());
}

/// A place in the line, which is given up when its caller hangs up.
struct Place {
    slots: SharedSlots,
    shard: ShardId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.slots.give_back(self.shard);
    }
}
