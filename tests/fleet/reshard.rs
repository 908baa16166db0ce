//! From one number of shards to another under load: every event once, in the order of its guild.

use std::{collections::BTreeMap, time::Duration};

use shardwire::{
    driver::{CloseMode, Reshard},
    proto::{Dispatch, Event, Instant, Random, Shards, Status},
    testing::{Fault, GatewayOptions, ServerInput},
};

use crate::{
    net::{Net, NetTimer, NetTransport},
    starts::{Manager, fleet, fleet_sharing, options, slots},
};

type Moving = Reshard<NetTransport, NetTimer>;

const GUILDS: u32 = 50;

/// The numbers of the events of each guild, as they were handed on.
type Seen = BTreeMap<u32, Vec<u32>>;

fn note(dispatch: &Dispatch, seen: &mut Seen) {
    if &*dispatch.name == "MESSAGE_CREATE" {
        let [guild, number]: [u32; 2] = dispatch.deserialize().expect("what was emitted");
        seen.entry(guild).or_default().push(number);
    }
}

/// Events in all guilds, each with the next number of its guild.
struct Load {
    net: Net,
    chance: Random,
    numbers: BTreeMap<u32, u32>,
}

impl Load {
    fn emit(&mut self) {
        let chance = self.chance.below(Duration::from_millis(GUILDS.into())).as_millis();
        let guild = u32::try_from(chance).expect("below the number of guilds");
        let number = self.numbers.entry(guild).or_default();
        *number += 1;
        let data = format!("[{guild},{number}]");
        self.net.lock().gateway.emit_in_guild(u64::from(guild) << 22, "MESSAGE_CREATE", &data);
        self.net.tell(ServerInput::TimePassed);
    }

    fn assert_once_in_order(&self, seen: &Seen) {
        for (guild, last) in &self.numbers {
            let numbers = seen.get(guild).map_or(&[][..], Vec::as_slice);
            assert!(
                numbers.iter().copied().eq(1..=*last),
                "guild {guild}, {last} events: {numbers:?}"
            );
        }
    }
}

fn until_ready(net: &Net, manager: &mut Manager, mut left: u32, seen: &mut Seen) {
    while left > 0 {
        let told = net.next(manager).expect("the fleet lives");
        match told.event {
            Event::StatusChanged { status: Status::Ready, .. } => left -= 1,
            Event::Dispatch(dispatch) => note(&dispatch, seen),
            _ => {}
        }
    }
}

fn gateway() -> GatewayOptions {
    GatewayOptions { heartbeat_interval: Duration::from_secs(10), guilds: 30, ..options(16) }
}

/// Goes from one total to another while events come every 50 ms; `trouble` may strike at each of them, and before the first.
fn reshard(from: u32, to: u32, mut trouble: impl FnMut(u32, &Net)) -> (Net, Moving) {
    let net = Net::new(gateway());
    let mut load =
        Load { net: net.clone(), chance: Random::new(from.into()), numbers: BTreeMap::new() };
    let mut seen = Seen::new();
    let slots = slots(&net, 16);
    let mut old = fleet_sharing(&slots, &net, &Shards::of(from), 16, BTreeMap::new());
    until_ready(&net, &mut old, from, &mut seen);
    (0..100).for_each(|_| load.emit());
    trouble(0, &net);

    let new = fleet_sharing(&slots, &net, &Shards::of(to), 16, BTreeMap::new());
    let mut moving = old.reshard(new);
    let (mut rounds, mut rounds_after) = (0, 0);
    while rounds_after < 200 {
        rounds += 1;
        rounds_after += u32::from(moving.is_over());
        assert!(rounds < 5_000, "it never comes to the turn");
        load.emit();
        trouble(rounds, &net);
        drive(&net, &mut moving, Duration::from_millis(50), &mut seen);
    }
    drive(&net, &mut moving, Duration::from_secs(60), &mut seen);
    load.assert_once_in_order(&seen);
    (net, moving)
}

fn drive(net: &Net, moving: &mut Moving, span: Duration, seen: &mut Seen) {
    let until: Instant = net.lock().now + span;
    while let Ok(Some(told)) = net.before(Some(until), moving) {
        if let Event::Dispatch(dispatch) = told.event {
            note(&dispatch, seen);
        }
    }
}

#[test]
fn four_shards_become_six_and_sixteen_thirty_two_with_every_event_once() {
    for (from, to) in [(4, 6), (16, 32), (6, 4)] {
        let (net, moving) = reshard(from, to, |_, _| {});
        let net = net.lock();
        assert_eq!(net.gateway.identifies(), u64::from(from + to));
        assert_eq!(net.gateway.violations().count(), 0);
        let totals: Vec<_> = net.gateway.sessions().map(|session| session.shard[1]).collect();
        assert_eq!(totals, vec![to; to as usize], "the old sessions are gone");
        assert_eq!(moving.handle().total(), to);
    }
}

#[test]
fn connections_that_break_meanwhile_cost_no_event() {
    for period in [35, 90, 170] {
        let (net, _) = reshard(4, 6, |round, net| {
            // Long enough apart for heartbeats in between.
            if round % (period * 10) == period {
                net.tell(ServerInput::Inject(Fault::Cut));
            }
        });
        assert_eq!(net.lock().gateway.identifies(), 10, "they resumed");
    }
}

#[test]
fn old_shards_that_lag_are_waited_for() {
    for lag in [3_000, 8_000] {
        let (net, _) = reshard(4, 6, |round, net| {
            if round == 0 {
                // The new ones are not there yet.
                net.tell(ServerInput::Inject(Fault::Delay { ms: lag }));
            }
        });
        assert_eq!(net.lock().gateway.identifies(), 10);
    }
}

#[test]
fn a_side_that_is_stuck_ends_the_attempt_and_the_old_shards_go_on() {
    let net = Net::new(GatewayOptions { guilds: 0, ..gateway() });
    let mut seen = Seen::new();
    let mut old = fleet(&net, &Shards::of(1), 16, BTreeMap::new());
    until_ready(&net, &mut old, 1, &mut seen);
    let new = fleet(&net, &Shards::of(2), 16, BTreeMap::new());
    // Nobody reads what the first shard is sent any more, but its copies come.
    old.handle().shard(0).expect("it runs").pause();
    let mut moving = old.reshard(new);
    drive(&net, &mut moving, Duration::from_secs(5), &mut seen);
    for number in 0..70_000 {
        let data = format!("[1,{number}]");
        net.lock().gateway.emit_in_guild(1 << 22, "MESSAGE_CREATE", &data);
        if number % 1000 == 0 {
            drive(&net, &mut moving, Duration::from_millis(1), &mut seen);
        }
    }
    net.tell(ServerInput::TimePassed);
    drive(&net, &mut moving, Duration::from_secs(5), &mut seen);
    assert!(moving.was_given_up() && !moving.is_over());
    assert_eq!(seen.len(), 0);
    assert_eq!(net.lock().gateway.sessions().filter(|session| session.shard[1] == 2).count(), 0);
}

#[test]
fn it_ends_with_both_sides() {
    let net = Net::new(gateway());
    let old = fleet(&net, &Shards::of(1), 16, BTreeMap::new());
    let new = fleet(&net, &Shards::of(2), 16, BTreeMap::new());
    let handles = [old.handle(), new.handle()];
    let mut moving = old.reshard(new);
    for handle in handles {
        handle.close(CloseMode::EndSession);
    }
    let mut stopped = 0;
    while let Some(told) = net.next(&mut moving) {
        stopped += u32::from(matches!(told.event, Event::Stopped { .. }));
    }
    assert_eq!(stopped, 3);
}
