//! Who gets which event, and in which order, whatever subscribers do: read slowly, fail, leave, come later.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{FutureExt as _, StreamExt as _};
use shardwire::{
    driver::{
        Broadcast, Demand, Dispatcher, Lagged, LineOptions, Overflow, Partition, ShardEvent,
        Subscription,
    },
    proto::{Dispatch, Event, ShardId, Shards, Status},
};

use crate::{
    net::Net,
    starts::{fleet, options},
};

fn event(shard: u32, sequence: u64) -> Arc<ShardEvent> {
    let dispatch = Dispatch {
        name: "MESSAGE_CREATE".into(),
        sequence,
        data: "{}".into(),
        has_wide_integers: false,
    };
    let shard = ShardId::new(shard, 16).expect("below");
    Arc::new(ShardEvent { shard, event: Event::Dispatch(dispatch) })
}

fn sequence(event: &ShardEvent) -> u64 {
    match &event.event {
        Event::Dispatch(dispatch) => dispatch.sequence,
        _ => 0,
    }
}

/// What is there to be read right now: numbers, or how many are missing.
fn ready(subscription: &mut Subscription) -> Vec<Result<u64, u64>> {
    let mut read = Vec::new();
    while let Some(Some(next)) = subscription.next().now_or_never() {
        read.push(next.map(|event| sequence(&event)).map_err(|Lagged { dropped }| dropped));
    }
    read
}

fn line(capacity: usize, overflow: Overflow) -> LineOptions {
    LineOptions { capacity, overflow }
}

#[test]
fn everybody_gets_everything_that_they_want_in_order() {
    let broadcast = Broadcast::new();
    broadcast.dispatch(&event(0, 1));
    let mut all = broadcast.subscribe(LineOptions::default(), |_| true);
    let mut even =
        broadcast.subscribe(LineOptions::default(), |event| sequence(event).is_multiple_of(2));
    (2..6).for_each(|number| broadcast.dispatch(&event(0, number)));
    assert_eq!(ready(&mut all), [Ok(2), Ok(3), Ok(4), Ok(5)]);
    assert_eq!(ready(&mut even), [Ok(2), Ok(4)]);
    drop(all);
    broadcast.dispatch(&event(0, 6));
    assert_eq!(ready(&mut even), [Ok(6)]);
    broadcast.end();
    assert_eq!(even.next().now_or_never(), Some(None));
}

#[test]
fn a_slow_subscriber_harms_no_other() {
    let broadcast = Broadcast::new();
    let mut dropping = broadcast.subscribe(line(3, Overflow::DropOldest), |_| true);
    let mut failing = broadcast.subscribe(line(3, Overflow::Fail), |_| true);
    let mut quick = broadcast.subscribe(LineOptions::default(), |_| true);
    (1..=10).for_each(|number| broadcast.dispatch(&event(0, number)));
    assert!(!broadcast.is_full(), "nobody has to wait for them");
    assert_eq!(ready(&mut dropping), [Err(7), Ok(8), Ok(9), Ok(10)]);
    assert_eq!(ready(&mut failing), [Ok(1), Ok(2), Ok(3), Err(1)]);
    assert_eq!(failing.next().now_or_never(), Some(None), "it has ended");
    assert_eq!(ready(&mut quick).len(), 10);
    broadcast.dispatch(&event(0, 11));
    assert_eq!(ready(&mut dropping), [Ok(11)]);
}

#[test]
fn each_event_goes_to_one_of_those_who_are_ready() {
    let demand = Demand::new(LineOptions::default());
    (1..=3).for_each(|number| demand.dispatch(&event(0, number)));
    let (mut one, mut other) = (demand.subscribe(), demand.subscribe());
    let next = |subscription: &mut Subscription| {
        subscription.next().now_or_never().flatten().map(|event| event.map(|it| sequence(&it)))
    };
    assert_eq!(next(&mut one), Some(Ok(1)));
    assert_eq!(next(&mut other), Some(Ok(2)));
    // Who leaves takes nothing along that it was not given.
    drop(one);
    assert_eq!(next(&mut other), Some(Ok(3)));
    demand.dispatch(&event(0, 4));
    assert_eq!(next(&mut demand.subscribe()), Some(Ok(4)));
    assert_eq!(next(&mut other), None);
}

#[test]
fn the_same_key_is_the_same_subscriber_in_order() {
    let parts = 4;
    let partition =
        Partition::new(parts, LineOptions::default(), |event| event.shard.number().into());
    let mut subscribers: Vec<_> =
        (0..parts).map(|part| partition.subscribe(part).expect("free")).collect();
    assert!(partition.subscribe(0).is_none(), "somebody has it");
    assert!(partition.subscribe(parts).is_none(), "there is none");
    for number in 1..=100 {
        (0..16).for_each(|shard| partition.dispatch(&event(shard, number)));
    }
    // One leaves in the middle, and another takes its part over.
    let mut seen: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let mut owners: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for part in 0..parts {
        for read in 0.. {
            if read == 10 {
                let left = subscribers.remove(part);
                drop(left);
                subscribers.insert(part, partition.subscribe(part).expect("it left"));
            }
            let Some(Some(next)) = subscribers[part].next().now_or_never() else { break };
            let event = next.expect("nothing is dropped");
            seen.entry(event.shard.number()).or_default().push(sequence(&event));
            owners.entry(event.shard.number()).or_default().insert(part);
        }
    }
    assert_eq!(seen.len(), 16);
    assert!(
        seen.values().all(|numbers| numbers.iter().copied().eq(1..=100)),
        "each once, in order"
    );
    assert!(owners.values().all(|parts| parts.len() == 1));
    let busy: BTreeSet<_> = owners.into_values().flatten().collect();
    assert_eq!(busy.len(), parts, "the keys are spread");
}

#[test]
fn shards_wait_for_a_slow_subscriber_and_nothing_is_lost() {
    let net = Net::new(options(16));
    let broadcast = Broadcast::new();
    let mut slow = broadcast
        .subscribe(line(10, Overflow::Pause), |event| matches!(event.event, Event::Dispatch(_)));
    let mut statuses = broadcast.subscribe(LineOptions::default(), |event| {
        matches!(event.event, Event::StatusChanged { .. })
    });
    let manager = fleet(&net, &Shards::of(2), 16, BTreeMap::new());
    let handle = manager.handle();
    let mut run = Box::pin(manager.run(broadcast.clone()).into_stream());
    let mut pass = |seconds| {
        let until = net.lock().now + std::time::Duration::from_secs(seconds);
        assert!(net.before(Some(until), &mut run).is_err(), "it goes on");
    };
    let is = |wanted: Status, statuses: &mut Subscription| {
        let mut count = 0;
        while let Some(Some(Ok(told))) = statuses.next().now_or_never() {
            if let Event::StatusChanged { status, .. } = told.event {
                count += usize::from(status == wanted);
            }
        }
        count
    };
    pass(5);
    assert_eq!(is(Status::Ready, &mut statuses), 2);
    for _ in 0..30 {
        net.lock().gateway.emit("TYPING_START", "{}");
    }
    net.tell(shardwire::testing::ServerInput::TimePassed);
    pass(60);
    assert_eq!(is(Status::Idle, &mut statuses), 2, "both have left off");

    let mut seen: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for _ in 0..20 {
        while let Some(Some(next)) = slow.next().now_or_never() {
            let event = next.expect("nothing is dropped");
            seen.entry(event.shard.number()).or_default().push(sequence(&event));
        }
        pass(5);
    }
    for (shard, numbers) in seen {
        // READY, 30 more, and a RESUMED for each time that it left off.
        assert!(numbers.len() > 31, "shard {shard}: {numbers:?}");
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "shard {shard}: {numbers:?}");
    }
    assert_eq!(net.lock().gateway.identifies(), 2, "sessions were kept");
    handle.close(shardwire::driver::CloseMode::EndSession);
    assert_eq!(net.next(&mut run), Some(()));
}
