//! The task that owns the gateway: feeds it what the connections tell and carries out what it asks for. Knows no HTTP and no
//! WebSocket.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{Notify, Semaphore, mpsc, oneshot},
    task::{AbortHandle, JoinSet},
    time,
};

use super::http::accept;
use crate::{
    proto::{Close, Frame, Instant},
    testing::{Gateway, Host, Notice, Peer, ServerInput, ServerOutput, State},
};

/// Bytes waiting for one client above which it gets no steady events, below which it does again, and above which it is cut.
const HIGH: usize = 1 << 20;
pub(super) const LOW: usize = HIGH / 2;
const FULL: usize = 256 << 20;
/// What a message weighs besides its payload.
const MESSAGE: usize = 128;
/// How long a closed connection may take to say goodbye.
pub(super) const GOODBYE: Duration = Duration::from_secs(2);

/// What the owner of the gateway is asked to do.
pub(super) enum Ask {
    /// Do this with the gateway, carry out what comes of it, then give the answer.
    Run(Box<dyn Errand>),
    Connected {
        host: Host,
        query: String,
        line: Line,
        reply: oneshot::Sender<Peer>,
    },
    Received(Peer, Frame),
    Relieved(Peer),
    Gone(Peer, Option<Close>),
    Shutdown(oneshot::Sender<State>),
}

/// Something to do with the gateway.
pub(super) trait Errand: Send {
    fn run(self: Box<Self>, gateway: &mut Gateway, now: Instant) -> Answer;
}

impl<F: FnOnce(&mut Gateway, Instant) -> Answer + Send> Errand for F {
    fn run(self: Box<Self>, gateway: &mut Gateway, now: Instant) -> Answer {
        self(gateway, now)
    }
}

/// Gives the result of an [`Ask::Run`] to whoever asked.
pub(super) struct Answer(Box<dyn FnOnce() + Send>);

pub(super) async fn ask<T: Send + 'static>(
    asks: &mpsc::Sender<Ask>,
    what: impl FnOnce(&mut Gateway, Instant) -> T + Send + 'static,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    let run = move |gateway: &mut Gateway, now| {
        let result = what(gateway, now);
        Answer(Box::new(move || drop(reply.send(result))))
    };
    asks.send(Ask::Run(Box::new(run))).await.ok()?;
    answer.await.ok()
}

/// The way to one connection's task.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) outputs: mpsc::Sender<ServerOutput>,
    pub(super) load: Arc<Load>,
}

/// What is waiting to be written to one client.
#[derive(Default)]
pub(super) struct Load {
    pub(super) bytes: AtomicUsize,
    pub(super) is_congested: AtomicBool,
    pub(super) cut: Notify,
}

/// The task that owns the gateway.
pub(super) struct Owner {
    pub(super) gateway: Gateway,
    pub(super) started: time::Instant,
    pub(super) inbox: mpsc::Receiver<Ask>,
    pub(super) notify: mpsc::Sender<Notice>,
    pub(super) lines: HashMap<Peer, Line>,
    pub(super) next_peer: u64,
    pub(super) resume: ResumeHost,
    /// Stop with the owner.
    pub(super) listeners: JoinSet<()>,
}

/// The second listener, which a fault can take away.
pub(super) struct ResumeHost {
    pub(super) address: SocketAddr,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) listening: Option<AbortHandle>,
    /// Keeps the port while nobody listens: somebody else's server there would be worse than a dead one.
    pub(super) kept: Option<TcpSocket>,
}

impl Owner {
    pub(super) async fn run(mut self, resume: TcpListener) {
        self.resume.listen(resume, &mut self.listeners);
        loop {
            let wait = self.carry_out();
            self.keep_resume_host().await;
            tokio::select! {
                ask = self.inbox.recv() => match ask {
                    Some(Ask::Shutdown(reply)) => return self.shut_down(reply).await,
                    Some(Ask::Run(errand)) => self.run_and_answer(errand).await,
                    Some(ask) => self.on_ask(ask),
                    None => return,
                },
                () = until(self.started, wait) => {
                    let now = self.now();
                    self.gateway.handle(ServerInput::TimePassed, now);
                }
            }
        }
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.started.elapsed())
    }

    fn on_ask(&mut self, ask: Ask) {
        let input = match ask {
            Ask::Connected { host, query, line, reply } => {
                let peer = Peer(self.next_peer);
                self.next_peer += 1;
                self.lines.insert(peer, line);
                // A connection that has already gone says so itself.
                let _ = reply.send(peer);
                ServerInput::Connected { peer, host, query }
            }
            Ask::Received(peer, frame) => ServerInput::Received(peer, frame),
            Ask::Relieved(peer) => ServerInput::Relieved(peer),
            Ask::Gone(peer, close) => {
                self.lines.remove(&peer);
                ServerInput::Disconnected(peer, close)
            }
            Ask::Run(_) | Ask::Shutdown(_) => return,
        };
        let now = self.now();
        self.gateway.handle(input, now);
    }

    async fn run_and_answer(&mut self, errand: Box<dyn Errand>) {
        let now = self.now();
        let Answer(answer) = errand.run(&mut self.gateway, now);
        self.carry_out();
        self.keep_resume_host().await;
        answer();
    }

    /// Hands on what the gateway puts out, and says when it wants to be woken.
    fn carry_out(&mut self) -> Option<Instant> {
        let wait = loop {
            match self.gateway.poll_output() {
                ServerOutput::Wait(until) => break until,
                output => self.hand_on(output),
            }
        };
        while let Some(notice) = self.gateway.poll_notice() {
            // Whoever does not listen misses it.
            let _ = self.notify.try_send(notice);
        }
        wait
    }

    fn hand_on(&mut self, output: ServerOutput) {
        let (Some(peer), size) = (output.peer(), size(&output)) else { return };
        let Some(Line { outputs, load }) = self.lines.get(&peer) else { return };
        let waiting = load.bytes.fetch_add(size, Ordering::AcqRel) + size;
        if waiting > FULL || outputs.try_send(output).is_err() {
            load.cut.notify_one();
        } else if waiting > HIGH && !load.is_congested.swap(true, Ordering::AcqRel) {
            // The writer may have caught up before it could see the flag.
            let has_caught_up = load.bytes.load(Ordering::Acquire) < LOW;
            if !(has_caught_up && load.is_congested.swap(false, Ordering::AcqRel)) {
                let now = self.now();
                self.gateway.handle(ServerInput::Congested(peer), now);
            }
        }
    }

    /// Takes the resume listener away or brings it back, as faults want it.
    async fn keep_resume_host(&mut self) {
        let is_dead = self.gateway.is_resume_host_dead();
        match self.resume.listening.take() {
            Some(listening) if is_dead => {
                listening.abort();
                // The socket is closed when the task has ended.
                while !listening.is_finished() {
                    tokio::task::yield_now().await;
                }
                while self.listeners.try_join_next().is_some() {}
                self.resume.kept = bound(self.resume.address).ok();
            }
            None if !is_dead => {
                self.resume.kept = None;
                if let Ok(listener) = TcpListener::bind(self.resume.address).await {
                    self.resume.listen(listener, &mut self.listeners);
                }
            }
            unchanged => self.resume.listening = unchanged,
        }
    }

    async fn shut_down(mut self, reply: oneshot::Sender<State>) {
        let state = self.gateway.state();
        self.listeners.abort_all();
        for (peer, line) in &self.lines {
            let close = Close::new(1001, "the mock gateway stops");
            if line.outputs.try_send(ServerOutput::Close(*peer, close)).is_err() {
                line.load.cut.notify_one();
            }
        }
        let goodbyes = async {
            while !self.lines.is_empty() {
                if let Some(Ask::Gone(peer, _)) = self.inbox.recv().await {
                    self.lines.remove(&peer);
                }
            }
        };
        // Whoever does not answer the close frame in time is left behind.
        let _ = time::timeout(GOODBYE, goodbyes).await;
        // Nobody may be waiting any more.
        let _ = reply.send(state);
    }
}

impl ResumeHost {
    fn listen(&mut self, listener: TcpListener, listeners: &mut JoinSet<()>) {
        let task = accept(listener, Host::Resume, self.asks.clone(), self.slots.clone());
        self.listening = Some(listeners.spawn(task));
    }
}

/// A socket that has a port and does not listen, so that whoever connects is refused.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections that came in by it may still be open.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn until(started: time::Instant, wait: Option<Instant>) {
    match wait.and_then(|wait| started.checked_add(wait.since_epoch())) {
        Some(at) => time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Bytes of payload, and some for the message itself, so that tiny ones fill no line unnoticed.
pub(super) fn size(output: &ServerOutput) -> usize {
    MESSAGE
        + match output {
            ServerOutput::Send(_, frame) => frame.len(),
            ServerOutput::SendFragments(_, fragments) => fragments.parts.iter().map(Vec::len).sum(),
            _ => 0,
        }
}
