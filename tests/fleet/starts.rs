//! How a fleet starts: in which order, how far apart, and how long it takes.

use std::{collections::BTreeMap, time::Duration};

use shardwire::{
    driver::{Shard, ShardEvent, ShardManager, SharedSlots},
    proto::{Compression, Config, Event, Intents, Session, SessionStartLimit, Shards, Status},
    testing::GatewayOptions,
};

use crate::net::{Net, NetTimer, NetTransport, TRIP};

pub type Manager = ShardManager<NetTransport, NetTimer>;

/// A gateway that does not punish quiet clients for hours: thousands of shards would beat millions of times.
pub fn options(max_concurrency: u32) -> GatewayOptions {
    GatewayOptions {
        url: "wss://gateway.mock".into(),
        resume_gateway_url: "wss://resume.mock".into(),
        guilds: 0,
        heartbeat_interval: Duration::from_secs(3 * 60 * 60),
        session_starts: 100_000,
        session_lifetime: Duration::from_secs(24 * 60 * 60),
        max_concurrency,
        ..GatewayOptions::default()
    }
}

pub fn config() -> Config {
    let config = Config::builder("abc.def.secret", Intents::GUILDS).url("wss://gateway.mock");
    config.compression(Compression::None).build().expect("valid")
}

/// A ledger for fleets against `net`.
pub fn slots(net: &Net, max_concurrency: u32) -> SharedSlots {
    let limit = SessionStartLimit {
        total: 100_000,
        remaining: 100_000,
        max_concurrency,
        ..SessionStartLimit::default()
    };
    SharedSlots::new(limit, net.lock().now)
}

/// The fleet of `shards` against `net`, whose identifies are counted in a ledger of their own.
pub fn fleet(
    net: &Net,
    shards: &Shards,
    max_concurrency: u32,
    sessions: BTreeMap<u32, Session>,
) -> Manager {
    fleet_sharing(&slots(net, max_concurrency), net, shards, max_concurrency, sessions)
}

/// Like [`fleet`], with a ledger that others use too.
pub fn fleet_sharing(
    slots: &SharedSlots,
    net: &Net,
    shards: &Shards,
    max_concurrency: u32,
    sessions: BTreeMap<u32, Session>,
) -> Manager {
    let (net, config, slots) = (net.clone(), config(), slots.clone());
    let set = shards.resolve(None).expect("right shards");
    let make = move |id, session: Option<Session>| {
        let (transport, timer) = (net.transport(), net.timer());
        let (config, seed) = (config.for_shard(id), u64::from(id.number()));
        let (shard, handle) = Shard::new(config, seed, slots.clone(), transport, timer);
        match session {
            Some(session) => Ok((shard.resume_from(session)?, handle)),
            None => Ok((shard, handle)),
        }
    };
    ShardManager::new(&set, max_concurrency, sessions, make).expect("right options")
}

/// Runs until every one of `count` shards was ready, and gives when each of them identified, in order.
fn start(net: &Net, manager: &mut Manager, count: usize) -> Vec<(u32, Duration)> {
    let (mut identified, mut ready) = (Vec::new(), 0);
    while ready < count {
        let ShardEvent { shard, event } = net.next(manager).expect("the fleet lives");
        match event {
            Event::StatusChanged { status: Status::Identifying, .. } => {
                identified.push((shard.number(), net.lock().passed()));
            }
            Event::StatusChanged { status: Status::Ready, .. } => ready += 1,
            Event::Disconnected { fault, .. } => panic!("{shard} was disconnected: {fault}"),
            _ => {}
        }
    }
    identified
}

#[test]
fn a_fleet_of_any_size_starts_in_order_and_takes_no_longer_than_it_must() {
    for count in [1, 16, 100, 4096] {
        for max_concurrency in [1, 16, 64] {
            let net = Net::new(options(max_concurrency));
            let mut manager = fleet(&net, &Shards::of(count), max_concurrency, BTreeMap::new());
            let identified = start(&net, &mut manager, count as usize);

            let what = format!("{count} shards, {max_concurrency} at once");
            let by_bucket = |bucket| {
                identified.iter().filter(move |(number, _)| number % max_concurrency == bucket)
            };
            for bucket in 0..max_concurrency.min(count) {
                let of_bucket: Vec<_> = by_bucket(bucket).collect();
                assert!(of_bucket.is_sorted(), "{what}: bucket {bucket} in order");
                for pair in of_bucket.windows(2) {
                    let apart = pair[1].1.saturating_sub(pair[0].1);
                    assert!(apart >= Duration::from_secs(5), "{what}: {pair:?}");
                    assert!(apart < Duration::from_secs(6), "{what}: {pair:?}");
                }
            }
            // The spacing has a margin of a quarter of a second, as the gateway counts arrivals.
            let steps = (count - 1) / max_concurrency;
            let fewest = Duration::from_secs(5) * steps;
            let most = Duration::from_millis(5_250) * steps + 4 * TRIP + Duration::from_secs(5);
            let took = identified.last().expect("at least one").1;
            assert!(
                took >= fewest && took <= most,
                "{what}: {took:?}, expected {fewest:?} to {most:?}"
            );
            let net = net.lock();
            assert_eq!(net.gateway.identifies(), u64::from(count), "{what}");
            assert_eq!(net.gateway.violations().count(), 0, "{what}");
        }
    }
}

#[test]
fn sockets_do_not_stand_open_long_before_their_turn() {
    let net = Net::new(options(2));
    let mut manager = fleet(&net, &Shards::of(20), 2, BTreeMap::new());
    let mut most = 0;
    for _ in 0..60 {
        net.next(&mut manager).expect("the fleet lives");
        most = most.max(manager.health().connecting);
    }
    // Those that identify, and those that stand ready for the next turn.
    assert!(most <= 4, "{most} were open without a session");
    assert!(manager.health().waiting > 0);
}

#[test]
fn some_of_the_shards_of_a_bot_run_here() {
    let net = Net::new(options(1));
    let mut manager = fleet(&net, &Shards::of(16).only(9).only_range(2..=3), 1, BTreeMap::new());
    let identified = start(&net, &mut manager, 3);
    assert_eq!(identified.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3, 9]);
    let shards: Vec<_> = net.lock().gateway.sessions().map(|session| session.shard).collect();
    assert_eq!(shards, [[2, 16], [3, 16], [9, 16]]);
    assert!(manager.health().is_whole());
}

#[test]
fn sessions_go_on_at_once_and_cost_no_identify() {
    let net = Net::new(options(1));
    let mut manager = fleet(&net, &Shards::of(8), 1, BTreeMap::new());
    start(&net, &mut manager, 8);
    let handle = manager.handle();
    handle.close(shardwire::driver::CloseMode::KeepSession);
    let sessions = crate::control::drain(&net, manager);
    assert_eq!(sessions.len(), 8);

    let before = net.lock().passed();
    let mut manager = fleet(&net, &Shards::of(8), 1, sessions);
    start(&net, &mut manager, 8);
    let net = net.lock();
    assert!(net.passed() < before + Duration::from_secs(2), "nobody waited for a turn");
    assert_eq!(net.gateway.identifies(), 8);
    assert_eq!(net.gateway.resumes(), 8);
}
