//! `shardwire tail`: follows one shard until somebody has seen enough. Decides nothing about the protocol, and never prints a
//! token.

use std::{
    fs, io,
    path::Path,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use shardwire::{
    driver::{CloseMode, DiscoverError, GatewayInfo, ShardHandle},
    native::{
        self, ConnectOptions, NativeShard,
        mock::{MockOptions, MockServer},
    },
    proto::{Config, ConfigError, Dispatch, Event, Session, SessionStartLimit, StopReason},
    testing::GatewayOptions,
};
use tokio::sync::Notify;

use super::{
    arguments::TailArgs,
    output::{Output, note},
    recorder::Recorder,
    summary::Summary,
};

/// The exit status of shells for Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Why there is nothing more to see.
pub enum Failure {
    /// An option is no good.
    Usage(String),
    /// It went wrong on the way.
    Stopped(String),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<DiscoverError> for Failure {
    fn from(error: DiscoverError) -> Self {
        match error {
            DiscoverError::BadApiUrl | DiscoverError::InsecureApiUrl => {
                Self::Usage(error.to_string())
            }
            error => Self::Stopped(error.to_string()),
        }
    }
}

/// Follows a shard as `args` say.
pub async fn run(args: TailArgs) -> Result<(), Failure> {
    if args.lacks_token() {
        let why = "expected a bot token: set DISCORD_TOKEN, or pass --token; --mock needs none";
        return Err(Failure::Usage(why.into()));
    }
    let mock = if args.mock { Some(start_mock(&args).await?) } else { None };
    let found = discover(&args).await?;
    let url = found.as_ref().map(|found| &*found.url);
    let config = args.config(mock.as_ref().map(MockServer::url).as_deref(), url)?;
    let limit = found.and_then(|found| found.bot).map(|bot| bot.session_start_limit);
    let recorder = args.record.as_deref().map(create_recorder).transpose()?;
    let (shard, handle) = start(config, limit.unwrap_or_default(), args.session.as_deref())?;
    let session = args.session.clone();
    let mut tail = Tail::new(&args, shard, handle, recorder);
    let reason = tail.follow(args.duration).await;
    note(&tail.tell());
    if let Some(path) = &session {
        keep_session(path, tail.shard.session().as_ref())?;
    }
    if let Some(mock) = mock {
        mock.shutdown().await;
    }
    tail.finish_recording()?;
    match reason {
        StopReason::Requested => Ok(()),
        reason => Err(Failure::Stopped(reason.to_string())),
    }
}

async fn start_mock(args: &TailArgs) -> Result<MockServer, Failure> {
    let gateway = GatewayOptions {
        seed: args.seed,
        rate: args.rate,
        guilds: args.guilds,
        events: args.events,
        ..GatewayOptions::default()
    };
    let bound = MockServer::bind(MockOptions { gateway, ..MockOptions::default() }).await;
    bound.map_err(|error| Failure::Stopped(format!("the mock gateway could not start: {error}")))
}

async fn discover(args: &TailArgs) -> Result<Option<GatewayInfo>, Failure> {
    let Some(discovery) = args.discovery()? else { return Ok(None) };
    let found = native::discover_gateway(&discovery, &ConnectOptions::new()).await?;
    if let Some(bot) = found.bot {
        let limit = bot.session_start_limit;
        note(&format!(
            "discovered {}: {} shards recommended, {} of {} identifies left",
            found.url, bot.shards, limit.remaining, limit.total
        ));
    }
    Ok(Some(found))
}

fn start(
    config: Config,
    limit: SessionStartLimit,
    session: Option<&Path>,
) -> Result<(NativeShard, ShardHandle), Failure> {
    let session = session.map(load_session).transpose()?.flatten();
    let (shard, handle) = native::connect_with(config, native::slots(limit));
    Ok(match session {
        Some(session) => (shard.resume_from(session)?, handle),
        None => (shard, handle),
    })
}

fn load_session(path: &Path) -> Result<Option<Session>, Failure> {
    let refuse = |why: &str| Failure::Usage(format!("no session in {}: {why}", path.display()));
    match fs::read_to_string(path) {
        Ok(text) => {
            let session = serde_json::from_str(&text);
            session.map(Some).map_err(|error| refuse(&error.to_string()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refuse(&error.to_string())),
    }
}

fn create_recorder(path: &Path) -> Result<Recorder, Failure> {
    Recorder::create(path)
        .map_err(|error| Failure::Usage(format!("no recording in {}: {error}", path.display())))
}

/// Writes the session, or takes away a file whose session is over.
fn keep_session(path: &Path, session: Option<&Session>) -> Result<(), Failure> {
    let kept = match session {
        Some(session) => write_whole(path, session),
        None => match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        },
    };
    kept.map_err(|error| {
        Failure::Stopped(format!("the session was not kept in {}: {error}", path.display()))
    })
}

/// Writes beside the file and then puts it in place, so that there is never half a session.
fn write_whole(path: &Path, session: &Session) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    fs::write(new, serde_json::to_string(session)?)?;
    fs::rename(new, path)
}

/// A shard that is being followed.
struct Tail {
    shard: NativeShard,
    handle: ShardHandle,
    output: Output,
    /// Nobody reads any more.
    is_unread: bool,
    recorder: Option<Recorder>,
    /// Why the recording is not whole.
    lost: Option<io::Error>,
    summary: Summary,
    started: Instant,
    most: Option<u64>,
    mode: CloseMode,
    is_closing: bool,
}

impl Tail {
    fn new(
        args: &TailArgs,
        shard: NativeShard,
        handle: ShardHandle,
        recorder: Option<Recorder>,
    ) -> Self {
        let keeps = args.session.is_some();
        Self {
            shard,
            handle,
            output: Output::new(args.format, args.dispatch_only),
            is_unread: false,
            recorder,
            lost: None,
            summary: Summary::default(),
            started: Instant::now(),
            most: args.count,
            mode: if keeps { CloseMode::KeepSession } else { CloseMode::EndSession },
            is_closing: false,
        }
    }

    /// Prints events until the shard has stopped, and says why it has.
    async fn follow(&mut self, duration: Option<Duration>) -> StopReason {
        if self.most == Some(0) {
            self.close();
        }
        let interrupted = watch_interrupts();
        let mut deadline = pin!(deadline(duration));
        let mut reason = StopReason::Requested;
        loop {
            tokio::select! {
                biased;
                () = interrupted.notified() => self.close(),
                () = &mut deadline, if !self.is_closing => self.close(),
                event = self.shard.next_event() => match event {
                    None => break,
                    Some(Event::Stopped { reason: why }) => {
                        reason = why.clone();
                        self.on_event(&Event::Stopped { reason: why });
                    }
                    Some(event) => self.on_event(&event),
                },
                // Nothing more at hand: what was printed may be seen.
                () = std::future::ready(()), if self.output.is_dirty() => self.flush(),
            }
        }
        self.flush();
        reason
    }

    fn on_event(&mut self, event: &Event) {
        if !self.is_unread {
            let printed = self.output.print(event);
            self.check(printed);
        }
        match event {
            Event::Dispatch(dispatch) => {
                self.record(dispatch);
                let count = self.summary.count(dispatch);
                if self.most.is_some_and(|most| count >= most) {
                    self.close();
                }
            }
            Event::HeartbeatAcked { round_trip } => self.summary.acknowledge(*round_trip),
            _ => {}
        }
    }

    /// A recording with a gap is worth nothing, so the first failure ends it all.
    fn record(&mut self, dispatch: &Dispatch) {
        if let Some(Err(error)) = self.recorder.as_mut().map(|it| it.write(dispatch)) {
            self.recorder = None;
            self.lost = Some(error);
            self.close();
        }
    }

    fn finish_recording(&mut self) -> Result<(), Failure> {
        let finished = self.recorder.take().map_or(Ok(()), Recorder::finish);
        let error = self.lost.take().map_or(finished, Err);
        error.map_err(|error| Failure::Stopped(format!("the recording is not whole: {error}")))
    }

    fn flush(&mut self) {
        let flushed = self.output.flush();
        self.check(flushed);
    }

    /// Ends quietly once nobody reads, as `head` does when it has enough.
    fn check(&mut self, written: io::Result<()>) {
        let Err(error) = written else { return };
        if !self.is_unread && error.kind() != io::ErrorKind::BrokenPipe {
            note(&format!("events could not be printed: {error}"));
        }
        self.is_unread = true;
        self.close();
    }

    fn close(&mut self) {
        if !self.is_closing {
            self.is_closing = true;
            self.handle.close(self.mode);
        }
    }

    fn tell(&mut self) -> String {
        self.summary.tell(self.started.elapsed(), &self.shard.info())
    }
}

async fn deadline(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

/// Tells of the first interrupt; the second ends the program at once, even while printing is stuck.
fn watch_interrupts() -> Arc<Notify> {
    let first = Arc::new(Notify::new());
    let tell = first.clone();
    tokio::spawn(async move {
        interrupt().await;
        tell.notify_one();
        interrupt().await;
        std::process::exit(INTERRUPTED);
    });
    first
}

/// Ctrl-C, or what a supervisor sends in its place.
async fn interrupt() {
    let asked = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals there is only the hard way.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = asked => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
