//! What can be done with a fleet, and with single shards of it, while it runs.

use std::collections::BTreeMap;

use futures::{FutureExt, StreamExt, future::Either, pin_mut, stream};
use shardwire::{
    driver::{CloseMode, RouteError, ShardEvent},
    proto::{Event, OnlineStatus, Presence, Session, ShardId, Shards, Status},
    testing::{Fault, ServerInput},
};

use crate::{
    net::Net,
    starts::{Manager, fleet, options},
};

/// Runs a fleet that was told to end to its end, and gives the sessions that are left.
pub fn drain(net: &Net, manager: Manager) -> BTreeMap<u32, Session> {
    finish(net, manager.shutdown(CloseMode::KeepSession))
}

/// Runs time until `future` is done.
fn finish<F: Future>(net: &Net, future: F) -> F::Output {
    let mut once = Box::pin(future.into_stream());
    net.next(&mut once).expect("a future gives one value")
}

fn until(net: &Net, manager: &mut Manager, mut is_it: impl FnMut(&ShardEvent) -> bool) {
    while !is_it(&net.next(manager).expect("the fleet lives")) {}
}

fn ready(net: &Net, count: u32) -> Manager {
    let mut manager = fleet(net, &Shards::of(count), 16, BTreeMap::new());
    let mut left = count;
    until(net, &mut manager, |told| {
        let is_ready = matches!(told.event, Event::StatusChanged { status: Status::Ready, .. });
        left -= u32::from(is_ready);
        left == 0
    });
    manager
}

#[test]
fn one_shard_is_stopped_and_gives_its_session_while_the_others_go_on() {
    let net = Net::new(options(16));
    let mut manager = ready(&net, 3);
    let handle = manager.handle();
    let session = {
        let stop = handle.stop(1, CloseMode::KeepSession);
        pin_mut!(stop);
        let events = stream::poll_fn(|cx| match stop.poll_unpin(cx) {
            std::task::Poll::Ready(session) => std::task::Poll::Ready(Some(Either::Left(session))),
            std::task::Poll::Pending => {
                manager.poll_next_unpin(cx).map(|event| event.map(Either::Right))
            }
        });
        pin_mut!(events);
        loop {
            match net.next(&mut events).expect("the fleet lives") {
                Either::Left(session) => break session.expect("it had one"),
                Either::Right(ShardEvent { shard, .. }) => assert_eq!(shard.number(), 1),
            }
        }
    };
    assert_eq!(session.shard, ShardId::new(1, 3).expect("below"));
    assert_eq!(handle.numbers(), [0, 2]);
    assert!(handle.shard(1).is_none());
    assert!(manager.health().is_whole() && manager.health().ready == 2);

    // What it missed is brought by another fleet, or another process.
    net.lock().gateway.emit("TYPING_START", "{}");
    let mut other = fleet(&net, &Shards::of(3).only(1), 16, BTreeMap::from([(1, session)]));
    until(&net, &mut other, |told| matches!(told.event, Event::Resumed { replayed: 1 }));
    assert_eq!(net.lock().gateway.identifies(), 3);
}

#[test]
fn one_shard_is_started_anew_with_its_session() {
    let net = Net::new(options(16));
    let mut manager = ready(&net, 2);
    manager.handle().restart(1);
    let mut seen = Vec::new();
    until(&net, &mut manager, |told| {
        assert_eq!(told.shard.number(), 1);
        seen.push(told.event.clone());
        matches!(told.event, Event::Resumed { .. })
    });
    assert!(seen.iter().any(|event| matches!(event, Event::Stopped { .. })));
    until(&net, &mut manager, |told| {
        matches!(told.event, Event::StatusChanged { status: Status::Ready, .. })
    });
    assert!(manager.health().is_whole() && manager.health().ready == 2);
    assert_eq!(net.lock().gateway.identifies(), 2);
}

#[test]
fn guilds_lead_to_their_shard_and_to_no_other() {
    let net = Net::new(options(16));
    let manager = fleet(&net, &Shards::of(3).only(1), 16, BTreeMap::new());
    let handle = manager.handle();
    assert!(handle.for_guild(&(1_u64 << 22).to_string()).is_ok());
    let elsewhere = handle.for_guild(&(2_u64 << 22).to_string()).expect_err("on another shard");
    assert_eq!(elsewhere, RouteError::NotHere { shard: ShardId::new(2, 3).expect("below") });
    assert_eq!(elsewhere.to_string(), "expected a shard that runs here, not [2, 3]");
    assert_eq!(handle.for_guild("a guild").expect_err("no number"), RouteError::BadGuildId);
}

#[test]
fn a_presence_is_shown_on_all_shards() {
    let net = Net::new(options(16));
    let mut manager = ready(&net, 3);
    let presence = Presence { status: OnlineStatus::Dnd, ..Presence::default() };
    assert_eq!(manager.handle().update_presence(&presence), []);
    // Nothing comes back for a presence; a heartbeat request makes every shard stir.
    net.tell(ServerInput::Inject(Fault::HeartbeatRequest));
    let soon = net.lock().now + std::time::Duration::from_secs(1);
    while net.before(Some(soon), &mut manager).is_ok() {}
    let net = net.lock();
    let shown = net.gateway.received().filter(|received| received.op == Some(3));
    assert_eq!(shown.count(), 3);
}

#[test]
fn a_fleet_that_is_closed_ends_with_its_last_shard() {
    let net = Net::new(options(1));
    let mut manager = fleet(&net, &Shards::of(5), 1, BTreeMap::new());
    let handle = manager.handle();
    until(&net, &mut manager, |told| {
        matches!(told.event, Event::StatusChanged { status: Status::Ready, .. })
    });
    handle.close(CloseMode::EndSession);
    let mut stopped = Vec::new();
    while let Some(told) = net.next(&mut manager) {
        stopped.extend(matches!(told.event, Event::Stopped { .. }).then_some(told.shard.number()));
    }
    stopped.sort_unstable();
    assert_eq!(stopped, [0, 1, 2, 3, 4], "those that had not started yet, too");
    assert_eq!(handle.numbers(), [0; 0]);
    assert_eq!(finish(&net, handle.stop(0, CloseMode::KeepSession)), None);
    assert_eq!(net.lock().gateway.state().connections, 0);
}
