//! Chance worlds against a small reference model: random faults, messages and delays, and what must hold all the same.
//!
//! A seed that finds a fault is kept as a scenario of its own. `SHARDWIRE_SEEDS=5000` looks further.

use std::{collections::BTreeMap, time::Duration};

use shardwire::{
    proto::{Command, Compression, Event, Fault, Input, Instant, Opcode, Random, Status},
    testing::{self, Client, GatewayOptions, Host, KeyOrder, Nothing, World},
};

use crate::support::*;

const INTERVAL: Duration = Duration::from_secs(20);

/// How long a send limit that is used to the last may hold a heartbeat back: the limiter's margin.
const HELD_BACK: Duration = Duration::from_millis(500);

/// A world with chance at its side, and what the model remembers.
struct Model {
    world: World,
    chance: Random,
    shards: usize,
    /// Shards that may identify at the same time.
    concurrency: usize,
    /// Events emitted so far; each carries its number.
    emitted: u64,
    /// Whether clocks jumped: late timers excuse late heartbeats.
    has_slept: bool,
    /// The session of each shard when last looked at: id and sequence.
    cursors: BTreeMap<usize, (String, u64)>,
    /// What was done, for whoever reads a failure.
    acts: Vec<String>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut chance = Random::new(seed);
        let shards = 1 + usize::try_from(seed % 3).expect("small");
        let concurrency = 1 + usize::try_from(seed % 2).expect("small");
        let options = GatewayOptions {
            seed,
            guilds: u32::try_from(seed % 4).expect("small"),
            heartbeat_interval: INTERVAL,
            max_concurrency: u32::try_from(concurrency).expect("small"),
            session_lifetime: Duration::from_secs(90),
            ..options()
        };
        let config = |number: usize| {
            let compression =
                if seed.is_multiple_of(5) { Compression::None } else { Compression::ZlibStream };
            let number = u32::try_from(number).expect("small");
            let total = u32::try_from(shards).expect("small");
            config().compression(compression).shard(number, total)
        };
        let mut world = World::new(options, config(0));
        for number in 1..shards {
            world = world.and_shard(config(number).build().expect("valid"));
        }
        let mut world = world.seed(seed);
        world.delay(chance.bits() % 200);
        world.jitter(chance.bits() % 200);
        world.start();
        Self {
            world,
            chance,
            shards,
            concurrency,
            emitted: 0,
            has_slept: false,
            cursors: BTreeMap::new(),
            acts: Vec::new(),
        }
    }

    fn below(&mut self, most: u64) -> u64 {
        self.chance.bits() % most
    }

    fn act(&mut self) {
        let act = match self.below(20) {
            0..=6 => self.emit(),
            7..=11 => self.pass(),
            12..=15 => self.fault(),
            16..=17 => self.wire(),
            18 => self.command(),
            _ => self.wish(),
        };
        self.acts.push(act);
    }

    fn emit(&mut self) -> String {
        let count = 1 + self.below(20);
        for _ in 0..count {
            self.emitted += 1;
            self.world.emit("NUMBERED", &format!(r#"{{"n":{}}}"#, self.emitted));
        }
        format!("emit {count}")
    }

    fn pass(&mut self) -> String {
        let most = [50, 1000, 5_000, 30_000][usize::try_from(self.below(4)).expect("small")];
        let millis = self.below(most);
        self.world.pass_ms(millis);
        format!("pass {millis} ms")
    }

    fn fault(&mut self) -> String {
        use testing::Fault as F;
        let times = 1 + u32::try_from(self.below(3)).expect("small");
        let resumable =
            [None, Some(true), Some(false)][usize::try_from(self.below(3)).expect("small")];
        let fault = match self.below(24) {
            0 => F::Close { code: 4000, reason: "x".into() },
            1 => F::Close { code: 4009, reason: String::new() },
            2 => F::Close { code: 1001, reason: String::new() },
            3 => F::CloseWithoutCode,
            4 => F::Cut,
            5 => F::Reconnect,
            6 => F::InvalidSession { resumable },
            7 => F::HeartbeatRequest,
            8 => F::Silence { ms: Some(self.below(60_000)) },
            9 => F::NoAcks { times },
            10 => F::Delay { ms: self.below(3_000) },
            11 => F::Split { parts: 1 + times, times },
            12 => F::Corrupt { times },
            13 => F::Garbage { bytes: 64 },
            14 => F::BigMessage { bytes: 200_000 },
            15 => F::RefuseHandshake { status: 503, host: None, times },
            16 => F::DeadResumeHost { ms: Some(self.below(60_000)) },
            17 => F::NoHello { times },
            18 => F::ReconnectInsteadOfHello { times },
            19 => F::NeverReady { times },
            20 => F::NeverResumed { times },
            21 => F::RefuseResume { resumable, times },
            22 => F::DuplicateLast { times },
            _ => {
                F::KeyOrder { order: KeyOrder::OpTDS, nothing: Nothing::Absent, times: Some(times) }
            }
        };
        let act = format!("{fault:?}");
        self.world.inject(fault);
        act
    }

    fn wire(&mut self) -> String {
        match self.below(7) {
            0..=1 => {
                self.world.cut();
                "cut".into()
            }
            2 => {
                self.world.half_open();
                "half open".into()
            }
            3 => {
                let secs = self.below(40);
                self.world.unplug();
                self.world.pass(secs);
                self.world.plug_in();
                format!("unplugged for {secs} s")
            }
            4 => {
                self.world.refuse(Host::Resume, 2);
                "refuse".into()
            }
            5 => {
                self.world.ignore(None, 1);
                "ignore".into()
            }
            _ => {
                let secs = self.below(100);
                self.world.suspend(secs);
                self.has_slept |= secs > 0;
                format!("sleep {secs} s")
            }
        }
    }

    fn command(&mut self) -> String {
        let count = self.below(60);
        let command = Command::raw(Opcode(31), r#"{"guild_ids":["1"]}"#).expect("JSON");
        for _ in 0..count {
            let _ = self.world.send(&command);
        }
        format!("{count} commands")
    }

    fn wish(&mut self) -> String {
        let shard = usize::try_from(self.below(self.shards as u64)).expect("small");
        match self.below(3) {
            0 => {
                self.world.input_to_shard(shard, Input::Reconnect);
                format!("shard {shard} reconnects")
            }
            1 => {
                self.world.input_to_shard(shard, Input::Pause);
                let millis = self.below(2_000);
                self.world.pass_ms(millis);
                self.world.input_to_shard(shard, Input::Start);
                format!("shard {shard} pauses {millis} ms")
            }
            _ => {
                let seed = self.chance.bits();
                self.world.restart(shard, seed);
                format!("shard {shard} moves to another process")
            }
        }
    }

    /// What holds at every moment.
    fn check(&mut self) {
        for shard in 0..self.shards {
            let client = self.world.shard(shard);
            let Some(session) = client.machine().session() else { continue };
            let new = (session.id, session.sequence);
            if let Some(old) = self.cursors.get(&shard) {
                assert!(
                    old.0 != new.0 || old.1 <= new.1,
                    "expected the sequence not to go back from {} to {}",
                    old.1,
                    new.1
                );
            }
            self.cursors.insert(shard, new);
        }
    }

    /// Lets the trouble end, and looks at everything that happened.
    fn finish(&mut self) {
        self.world.plug_in();
        self.world.pass(3600);
        // An op 9 that the gateway said into a silence was never heard; a new connection tells.
        self.world.cut();
        self.world.pass(3600);
        self.world.until_ready();
        self.emit();
        self.world.pass(60);
        self.world.until_ready();
        for shard in 0..self.shards {
            let client = self.world.shard(shard);
            assert_order(client);
            assert_limit(client);
            assert_eq!(last_number(client), Some(self.emitted), "the last event came");
            if !self.has_slept {
                assert_heartbeats(client, self.world.now());
            }
            assert!(client.opened().len() < 300, "{} connections", client.opened().len());
        }
        self.assert_identifies();
        self.assert_manners();
    }

    /// At most one identify in five seconds and bucket, and only at the base address.
    fn assert_identifies(&self) {
        let buckets = self.buckets();
        for mut times in buckets.into_values() {
            times.sort_unstable();
            for pair in times.windows(2) {
                let gap = pair[1].saturating_since(pair[0]);
                assert!(gap >= Duration::from_secs(5), "identifies {gap:?} apart");
            }
        }
    }

    fn buckets(&self) -> BTreeMap<usize, Vec<Instant>> {
        let mut buckets: BTreeMap<usize, Vec<Instant>> = BTreeMap::new();
        for shard in 0..self.shards {
            let identifies =
                self.world.shard(shard).sends().iter().filter(|sent| sent.op == Opcode::IDENTIFY);
            buckets
                .entry(shard % self.concurrency)
                .or_default()
                .extend(identifies.map(|sent| sent.at));
        }
        buckets
    }

    /// The gateway has nothing to complain about, but for what a dead path or a lost session explains.
    fn assert_manners(&self) {
        let excused = ["no heartbeat in time", "before identify", "resumed on another connection"];
        let breaches: Vec<String> = violations(&self.world)
            .into_iter()
            .filter(|line| !excused.iter().any(|excuse| line.contains(excuse)))
            .collect();
        assert_eq!(breaches, [""; 0]);
    }
}

/// Each session's events come exactly once and in order, from READY on without a gap.
fn assert_order(client: &Client) {
    let mut expected = None;
    let mut newest = 0;
    for dispatch in client.dispatches() {
        if &*dispatch.name == "READY" {
            expected = Some(1);
        }
        let number = expected.expect("READY comes first");
        assert_eq!(dispatch.sequence, number, "{} after {}", dispatch.sequence, number - 1);
        expected = Some(number + 1);
        if let Some(number) = numbered(dispatch) {
            assert!(number > newest, "event {number} after {newest}");
            newest = number;
        }
    }
}

fn numbered(dispatch: &shardwire::proto::Dispatch) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Numbered {
        n: u64,
    }
    let is_it = &*dispatch.name == "NUMBERED";
    is_it.then(|| dispatch.deserialize::<Numbered>().expect("as it was sent").n)
}

fn last_number(client: &Client) -> Option<u64> {
    client.dispatches().into_iter().rev().find_map(numbered)
}

/// Never more than 120 messages in any minute of one connection.
fn assert_limit(client: &Client) {
    let mut connections: BTreeMap<usize, Vec<Instant>> = BTreeMap::new();
    for sent in client.sends() {
        connections.entry(sent.nth).or_default().push(sent.at);
    }
    for times in connections.into_values() {
        for window in times.windows(121) {
            let took = window[120].saturating_since(window[0]);
            assert!(took >= Duration::from_secs(60), "121 messages in {took:?}");
        }
    }
}

/// Heartbeats are never later than the interval, from HELLO to the end of the connection.
fn assert_heartbeats(client: &Client, now: Instant) {
    let mut times: BTreeMap<usize, Vec<Instant>> = BTreeMap::new();
    for sent in client.sends() {
        if sent.op == Opcode::HEARTBEAT || sent.op == Opcode::RESUME {
            times.entry(sent.nth).or_default().push(sent.at);
        }
    }
    for (nth, mut times) in times {
        let next = client.opened().get(nth + 1).map_or(now, |opened| opened.at);
        let first = times[0];
        let end = client
            .timed_events()
            .iter()
            .find(|(at, event)| *at >= first && is_end(event))
            .map_or(next, |(at, _)| next.min(*at));
        times.push(end);
        for pair in times.windows(2) {
            let gap = pair[1].saturating_since(pair[0]);
            assert!(gap <= INTERVAL + HELD_BACK, "{gap:?} without a heartbeat");
        }
    }
}

fn is_end(event: &Event) -> bool {
    match event {
        Event::Disconnected { .. } | Event::Stopped { .. } => true,
        Event::StatusChanged { status, .. } => matches!(status, Status::Closing | Status::Idle),
        _ => false,
    }
}

/// Runs one seed; on a failure says which, and what was done.
fn run(seed: u64) {
    let mut model = Model::new(seed);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for _ in 0..80 {
            model.act();
            model.check();
        }
        model.finish();
    }));
    if let Err(panic) = outcome {
        let acts = model.acts.join("\n  ");
        eprintln!("seed {seed}:\n  {acts}\n{}", model.world.story());
        std::panic::resume_unwind(panic);
    }
}

fn seeds() -> u64 {
    std::env::var("SHARDWIRE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(150)
}

#[test]
fn in_every_chance_world_the_invariants_hold() {
    (0..seeds()).for_each(run);
}

#[test]
fn in_every_chance_world_a_fatal_code_is_the_end() {
    for seed in 0..seeds() / 5 {
        let mut model = Model::new(seed);
        for _ in 0..20 {
            model.act();
        }
        model.world.plug_in();
        model.world.pass(3600);
        model.world.until_ready();
        let code = [4004, 4010, 4011, 4012, 4013, 4014][usize::try_from(seed % 6).expect("small")];
        model.world.inject(testing::Fault::Close { code, reason: String::new() });
        model.world.pass(10);
        let opened: Vec<usize> =
            (0..model.shards).map(|shard| model.world.shard(shard).opened().len()).collect();
        model.world.pass(3600);
        for (shard, opened) in opened.into_iter().enumerate() {
            let client = model.world.shard(shard);
            assert_eq!(client.status(), Status::Stopped, "seed {seed}");
            assert_eq!(client.opened().len(), opened, "seed {seed}");
            assert_eq!(client.wakes_at(), None, "seed {seed}");
            let fault = client.events().into_iter().rev().find_map(|event| match event {
                Event::Disconnected { fault: Fault::Closed(close), .. } => Some(close.code),
                _ => None,
            });
            assert_eq!(fault, Some(code), "seed {seed}");
        }
    }
}

#[test]
fn a_cursor_saved_at_any_moment_resumes_without_loss_and_without_repetition() {
    for millis in (0..4000).step_by(37) {
        let mut world = World::new(options(), config());
        world.start();
        world.until_ready();
        world.cut();
        for number in 1..=40 {
            world.emit("NUMBERED", &format!(r#"{{"n":{number}}}"#));
            let step = 100;
            if (number * step..(number + 1) * step).contains(&millis) {
                world.pass_ms(millis % step);
                world.restart(0, number);
                world.pass_ms(step - millis % step);
            } else {
                world.pass_ms(step);
            }
        }
        world.until_ready();
        world.pass(1);
        let client = world.shard(0);
        assert_order(client);
        assert_eq!(last_number(client), Some(40), "{millis} ms");
        assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1, "{millis} ms");
    }
}

#[test]
fn equal_seeds_give_equal_stories() {
    let story = |seed| {
        let mut model = Model::new(seed);
        for _ in 0..40 {
            model.act();
        }
        let urls: Vec<String> =
            model.world.shard(0).opened().iter().map(|opened| format!("{opened:?}")).collect();
        (model.acts, model.world.names(), urls)
    };
    assert_eq!(story(11), story(11));
    assert_ne!(story(11), story(14));
}
