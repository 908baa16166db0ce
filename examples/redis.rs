//! A part of a bot's shards on this host, and the others on others: one identify queue for all of them, and their sessions in
//! Redis, so that any host can take over what another left.
//!
//! ```sh
//! shardwire queue --max-concurrency 1 &
//! DISCORD_TOKEN=… cargo run --features native --example redis -- redis://127.0.0.1/ http://127.0.0.1:8585/ 0 3 8
//! ```
//!
//! runs shards 0 to 3 of 8. A last argument is another Gateway than Discord's. Prints each event's shard, number and name.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    io::{self, Write as _},
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::{BoxFuture, FutureExt as _};
use redis::{AsyncCommands as _, aio::MultiplexedConnection};
use shardwire::{
    driver::{CloseMode, SessionStore, StoreError},
    native::{ConnectOptions, FleetBuilder, HttpQueue},
    proto::{Config, DEFAULT_GATEWAY_URL, Event, Intents, Session, ShardId, Shards},
};
use tokio::{sync::Notify, task::JoinHandle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut argument = |what: &str| arguments.next().ok_or_else(|| format!("expected {what}"));
    let redis = redis::Client::open(argument("the address of Redis")?)?;
    let queue = HttpQueue::new(&argument("the queue's address")?, ConnectOptions::new())?;
    let numbers = argument("a first shard")?.parse()?..=argument("a last shard")?.parse()?;
    let total = argument("a total")?.parse()?;
    let url = argument("a Gateway").unwrap_or_else(|_| DEFAULT_GATEWAY_URL.into());

    let config = Config::builder(env::var("DISCORD_TOKEN")?, Intents::NON_PRIVILEGED).url(url);
    let connection = redis.get_multiplexed_async_connection().await?;
    let (store, writer) = RedisSessions::new(connection, format!("shardwire:sessions:{total}"));
    let mut manager = FleetBuilder::new(config.build()?)
        .shards(Shards::of(total).only_range(numbers))
        .queue(queue)
        .sessions(store)
        .start()
        .await?;

    let handle = manager.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.close(CloseMode::KeepSession);
        }
    });
    let mut out = io::stdout().lock();
    while let Some(told) = manager.next_event().await {
        match told.event {
            Event::Dispatch(event) => {
                writeln!(out, "{} {} {}", told.shard.number(), event.sequence, event.name)?;
            }
            other => eprintln!("{} {other:?}", told.shard),
        }
    }
    // The store goes with the manager; its last words are written before the program ends.
    drop(manager);
    Ok(writer.await?)
}

/// Sessions in a hash of Redis, one field a shard. What shards tell is taken at once and written behind their backs; of what
/// comes meanwhile only the newest of each shard is.
struct RedisSessions {
    connection: MultiplexedConnection,
    key: String,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    /// A session, or that it is over.
    news: Mutex<BTreeMap<u32, Option<String>>>,
    told: Notify,
}

impl RedisSessions {
    /// The store, and the task that writes: it ends once the store is gone and all is written.
    fn new(connection: MultiplexedConnection, key: String) -> (Self, JoinHandle<()>) {
        let line = Arc::new(Line::default());
        let writer = write_all(connection.clone(), key.clone(), Arc::clone(&line));
        (Self { connection, key, line }, tokio::spawn(writer))
    }

    fn tell(&self, shard: ShardId, news: Option<String>) {
        let mut line = self.line.news.lock().unwrap_or_else(PoisonError::into_inner);
        line.insert(shard.number(), news);
    }
}

impl SessionStore for RedisSessions {
    fn load(&mut self) -> BoxFuture<'_, Result<Vec<Session>, StoreError>> {
        async {
            let kept: BTreeMap<u32, String> = self.connection.hgetall(&self.key).await?;
            let sessions = kept.values().map(|text| serde_json::from_str(text));
            Ok(sessions.collect::<Result<_, _>>()?)
        }
        .boxed()
    }

    fn save(&mut self, session: &Session) {
        self.tell(session.shard, serde_json::to_string(session).ok());
    }

    fn remove(&mut self, shard: ShardId) {
        self.tell(shard, None);
    }

    fn flush(&mut self) {
        self.line.told.notify_one();
    }
}

impl Drop for RedisSessions {
    fn drop(&mut self) {
        self.line.told.notify_one();
    }
}

async fn write_all(mut connection: MultiplexedConnection, key: String, line: Arc<Line>) {
    loop {
        line.told.notified().await;
        let is_last = Arc::strong_count(&line) == 1;
        let news = std::mem::take(&mut *line.news.lock().unwrap_or_else(PoisonError::into_inner));
        for (number, news) in news {
            let written: Result<(), _> = match news {
                Some(session) => connection.hset(&key, number, session).await,
                None => connection.hdel(&key, number).await,
            };
            if let Err(error) = written {
                eprintln!("shard {number} is not kept: {error}");
            }
        }
        if is_last {
            return;
        }
    }
}
