//! What a user may hook in, and what the bot looks like after a new identify.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde_json::Value;
use shardwire::{
    proto::{
        Activity, Command, Event, Fault, IdentifyProperties, Input, Next, Notice, OnlineStatus,
        Opcode, Presence, Status, StopReason, Tap,
    },
    testing::{self, World},
};

use crate::support::*;

fn identifies(world: &World) -> Vec<Value> {
    let data = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")["d"].clone();
    world.sent(Opcode::IDENTIFY).iter().map(|sent| data(&sent.text)).collect()
}

fn status_of(identify: &Value) -> Option<&str> {
    identify["presence"]["status"].as_str()
}

fn lose_session(world: &mut World) {
    world.inject(testing::Fault::InvalidSession { resumable: Some(false) });
    world.pass(60);
    world.until_ready();
}

#[test]
fn a_presence_function_is_called_at_each_identify_with_the_shard() {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let config = config().shard(0, 2).presence_with(move |shard| {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        let name = format!("call {call} of shard {}", shard.number());
        Presence::new(OnlineStatus::Dnd, Activity::playing(name))
    });
    let mut world = ready_with(options(), config);
    world.cut();
    world.until_ready();
    lose_session(&mut world);
    let names: Vec<_> = identifies(&world)
        .iter()
        .map(|identify| identify["presence"]["activities"][0]["name"].clone())
        .collect();
    assert_eq!(names, ["call 0 of shard 0", "call 1 of shard 0"]);
}

#[test]
fn the_presence_that_was_sent_last_is_restored_by_a_new_identify() {
    let mut world =
        ready_with(options(), config().presence(Presence::new(OnlineStatus::Online, None)));
    let idle = Presence::idle(5, Activity::custom("away"));
    world.send(&Command::UpdatePresence(idle.clone())).expect("valid");
    world.pass(1);
    lose_session(&mut world);
    let identifies = identifies(&world);
    assert_eq!(status_of(&identifies[0]), Some("online"));
    assert_eq!(identifies[1]["presence"], serde_json::to_value(&idle).expect("plain data"));
}

#[test]
fn a_presence_that_is_no_good_is_told_and_the_fixed_one_is_used() {
    let fixed = Presence::new(OnlineStatus::Idle, None);
    let bad = Presence::new(OnlineStatus::Online, Activity::playing("x".repeat(200)));
    let config = config().presence(fixed).presence_with(move |_| bad.clone());
    let mut world = World::new(options(), config);
    world.start();
    world.until_ready();
    assert_eq!(status_of(&identifies(&world)[0]), Some("idle"));
    let notices = world
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::Notice(Notice::BadHook(_))));
    assert_eq!(notices.count(), 1);
}

#[test]
fn a_hook_may_change_address_and_properties_before_each_connection() {
    let config = config().before_connect(|plan| {
        if plan.attempt == 1 {
            plan.url = "wss://other.mock/path".into();
        }
        plan.properties = IdentifyProperties { os: "hooked".into(), ..plan.properties.clone() };
    });
    let mut world = World::new(options(), config);
    world.refuse(None, 1);
    world.start();
    world.until_ready();
    let urls = world.opened_urls();
    assert!(urls[0].starts_with("wss://gateway.mock"), "{}", urls[0]);
    assert_eq!(urls[1], "wss://other.mock/path?v=10&encoding=json");
    assert_eq!(identifies(&world)[0]["properties"]["os"], "hooked");
}

#[test]
fn a_hook_cannot_send_the_token_to_an_address_that_is_not_safe() {
    for url in ["ws://other.mock", "https://other.mock", "", "wss://user:password@other.mock"] {
        let config = config().build().expect("valid");
        let config = shardwire::proto::Config::builder(TOKEN, config.intents())
            .compression(config.compression())
            .url("wss://gateway.mock")
            .before_connect(move |plan| plan.url = url.into())
            .build()
            .expect("valid");
        let mut world = World::against(testing::ByHand::new(polite), config);
        world.start();
        world.until_ready();
        assert!(world.opened_urls()[0].starts_with("wss://gateway.mock"), "{url}");
        let is_told = |event: &&Event| matches!(event, Event::Notice(Notice::BadHook(_)));
        assert_eq!(world.events().into_iter().filter(is_told).count(), 1, "{url}");
    }
}

#[test]
fn a_tap_sees_every_message_before_it_is_processed() {
    let seen = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&seen);
    let config = config().tap(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Tap::Pass
    });
    let world = ready_with(options(), config);
    assert_eq!(seen.load(Ordering::Relaxed), world.info().counters.messages);
}

#[test]
fn what_a_tap_drops_is_not_processed_and_does_not_come_again() {
    let config =
        config().tap(|text| if text.contains("SECRET_EVENT") { Tap::Drop } else { Tap::Pass });
    let mut world = ready_with(options(), config);
    world.emit("SECRET_EVENT", "{}");
    world.emit("OTHER", "{}");
    world.pass(1);
    world.emit("SECRET_EVENT", "{}");
    world.pass(1);
    world.cut();
    world.until_ready();
    let names = world.names();
    assert_eq!(names.iter().filter(|name| name.contains("SECRET")).count(), 0);
    assert!(names.contains(&"OTHER 3".to_owned()), "{names:?}");
    let counters = world.info().counters;
    assert_eq!((counters.tapped, counters.gaps, counters.replayed), (2, 0, 0));
}

#[test]
fn a_tap_may_stop_the_shard_and_the_message_comes_again_in_the_next_process() {
    let config = config().tap(|text| if text.contains("\"LAST\"") { Tap::Stop } else { Tap::Pass });
    let mut world = ready_with(options(), config);
    let before = world.session().expect("ready");
    world.emit("LAST", "{}");
    world.until_stopped();
    assert_eq!(world.session(), Some(before));
    let end: Vec<_> = world.take_events().into_iter().rev().take(5).collect();
    assert_eq!(end[0], Event::Stopped { reason: StopReason::Requested });
    assert!(end.contains(&Event::Disconnected { fault: Fault::Tapped, next: Next::Stop }));
}

#[test]
fn a_sleep_costs_a_resume_at_once_and_no_pause() {
    let mut world = ready();
    world.half_open();
    world.input(Input::Suspended(std::time::Duration::from_secs(4000)));
    assert_eq!(world.status(), Status::Connecting);
    world.until_ready();
    assert_eq!(world.sent(Opcode::RESUME).len(), 1);
    assert_eq!(world.hosts(), [testing::Host::Base, testing::Host::Resume]);
}

#[test]
fn a_sleep_ends_the_pause_between_two_connections() {
    let mut world = World::new(options(), config());
    world.refuse(None, 8);
    world.start();
    world.pass(60);
    let opened = world.opened_urls().len();
    assert!(matches!(world.status(), Status::Disconnected { .. }));
    world.input(Input::Suspended(std::time::Duration::from_secs(100)));
    assert_eq!(world.opened_urls().len(), opened + 1);
}

#[test]
fn a_proxy_before_the_gateway_is_kept_for_resumes_too() {
    let mut world = ready_with(options(), config().keep_url(true));
    world.cut();
    world.until_ready();
    assert_eq!(world.hosts(), [testing::Host::Base, testing::Host::Base]);
    assert_eq!(world.sent(Opcode::RESUME).len(), 1);
}

#[test]
fn capabilities_are_said_in_identify_and_left_out_if_there_are_none() {
    let world = ready_with(options(), config().capabilities(1 << 15));
    assert_eq!(identifies(&world)[0]["capabilities"], 32768);
    assert_eq!(identifies(&ready())[0].get("capabilities"), None);
}
