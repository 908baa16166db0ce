//! A fleet on tokio, put together: what Discord recommends, the ledger, the sessions of before. Decides nothing about shards.

use std::{collections::BTreeMap, error::Error, fmt, sync::Arc};

use super::{ConnectOptions, NativeTransport, TokioTimer, connect_using, discover_gateway, slots};
use crate::{
    driver::{
        BotGateway, DiscoverError, Discovery, IdentifyQueue, SessionStore, ShardManager, StoreError,
    },
    proto::{Config, ConfigError, SessionStartLimit, Shards, ShardsError},
};

/// All shards of a bot that run here, on tokio.
pub type NativeManager = ShardManager<NativeTransport, TokioTimer>;

/// A fleet on the way to its start.
///
/// ```no_run
/// use shardwire::{
///     native::{FleetBuilder, SessionFile},
///     proto::{Config, Intents, Shards},
/// };
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::builder(std::env::var("DISCORD_TOKEN")?, Intents::GUILDS).build()?;
/// let mut manager = FleetBuilder::new(config)
///     .shards(Shards::recommended())
///     .sessions(SessionFile::new("sessions.json", |error| eprintln!("{error}")))
///     .start()
///     .await?;
/// while let Some(told) = manager.next_event().await {
///     println!("{} {:?}", told.shard, told.event);
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a fleet does nothing until `start`"]
pub struct FleetBuilder {
    config: Config,
    shards: Shards,
    gateway: Option<BotGateway>,
    discovery: Discovery,
    queue: Option<Arc<dyn IdentifyQueue>>,
    store: Option<Box<dyn SessionStore>>,
    options: ConnectOptions,
}

impl FleetBuilder {
    /// Shards that are all configured like this, but for their numbers: as many as Discord recommends.
    pub fn new(config: Config) -> Self {
        Self {
            discovery: Discovery::bot(config.token().clone()),
            config,
            shards: Shards::recommended(),
            gateway: None,
            queue: None,
            store: None,
            options: ConnectOptions::new(),
        }
    }

    /// Which shards run here.
    pub fn shards(mut self, shards: Shards) -> Self {
        self.shards = shards;
        self
    }

    /// What `/gateway/bot` said just now, so that it is not asked again.
    pub const fn gateway(mut self, gateway: BotGateway) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// How it is asked; by the configuration's token at Discord unless set.
    pub fn discovery(mut self, discovery: Discovery) -> Self {
        self.discovery = discovery;
        self
    }

    /// Who spaces the identifies; a ledger in this process unless set. Needed when the bot's shards are on several processes.
    pub fn queue(mut self, queue: impl IdentifyQueue + 'static) -> Self {
        self.queue = Some(Arc::new(queue));
        self
    }

    /// Where the sessions are kept: a fleet that is started again resumes them. Nowhere unless set.
    pub fn sessions(mut self, store: impl SessionStore + 'static) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// How connections are made.
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
        self
    }

    /// Asks Discord and the store, and gives the fleet, which connects when it is polled.
    ///
    /// # Errors
    ///
    /// See [`FleetError`].
    pub async fn start(self) -> Result<NativeManager, FleetError> {
        let Self { config, shards, gateway, discovery, queue, store, options } = self;
        let gateway = match gateway {
            Some(gateway) => Some(gateway),
            // Without a queue of the user's, the limits have to be known.
            None if queue.is_none() || shards.needs_recommendation() => {
                discover_gateway(&discovery, &options).await?.bot
            }
            None => None,
        };
        let set = shards.resolve(gateway.map(|gateway| gateway.shards))?;
        let limit = gateway.map_or_else(SessionStartLimit::default, |it| it.session_start_limit);
        let queue = queue.unwrap_or_else(|| Arc::new(slots(limit)));
        let mut store = store;
        let kept = match &mut store {
            Some(store) => store.load().await.map_err(FleetError::Store)?,
            None => Vec::new(),
        };
        // Those of another total belong to other guilds.
        let kept = kept.into_iter().filter(|session| session.shard.total() == set.total());
        let sessions: BTreeMap<_, _> =
            kept.map(|session| (session.shard.number(), session)).collect();
        let make = move |id, session| {
            let config = config.for_shard(id);
            let (shard, handle) = connect_using(config, Arc::clone(&queue), options.clone());
            match session {
                Some(session) => Ok((shard.resume_from(session)?, handle)),
                None => Ok((shard, handle)),
            }
        };
        let manager = ShardManager::new(&set, limit.max_concurrency, sessions, make)?;
        Ok(match store {
            Some(store) => manager.keep_in(store, TokioTimer::new()),
            None => manager,
        })
    }

    /// Like [`start`](Self::start), but each shard runs in a task of its own: on a runtime with several threads, all of them
    /// read messages. Everything else is the same, the ledger, the handle and the one stream of events among it.
    ///
    /// # Errors
    ///
    /// See [`FleetError`].
    pub async fn spawn(self) -> Result<NativeManager, FleetError> {
        let manager = self.start().await?;
        Ok(manager.in_tasks(|shard| drop(tokio::spawn(shard))))
    }
}

impl fmt::Debug for FleetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetBuilder").field("shards", &self.shards).finish_non_exhaustive()
    }
}

/// Why a fleet cannot be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum FleetError {
    /// A configuration or a kept session that is not right.
    Config(ConfigError),
    /// Discord could not be asked.
    Discover(DiscoverError),
    /// Shards that cannot be.
    Shards(ShardsError),
    /// The store could not be read.
    Store(StoreError),
}

impl From<ConfigError> for FleetError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<DiscoverError> for FleetError {
    fn from(error: DiscoverError) -> Self {
        Self::Discover(error)
    }
}

impl From<ShardsError> for FleetError {
    fn from(error: ShardsError) -> Self {
        Self::Shards(error)
    }
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Discover(error) => error.fmt(f),
            Self::Shards(error) => error.fmt(f),
            Self::Store(error) => write!(f, "the kept sessions cannot be read: {error}"),
        }
    }
}

impl Error for FleetError {}
