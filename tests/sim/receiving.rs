//! Dispatches, sequence numbers, and the opcodes that the server sends. Conformance 38 to 44.

use std::time::Duration;

use shardwire::{
    proto::{Dispatch, Event, Notice, Opcode},
    testing::{self, Host},
};

use crate::support::*;

fn sequence(world: &shardwire::testing::World<testing::ByHand>) -> Option<u64> {
    world.session().map(|session| session.sequence)
}

#[test]
fn the_sequence_follows_every_dispatch_even_if_it_jumps() {
    let mut world = polite_and_ready();
    for (number, expected) in [(2, 2), (3, 3), (10, 10), (11, 11)] {
        say(&mut world, dispatch("A", number));
        assert_eq!(sequence(&world), Some(expected));
    }
    assert_names(&mut world, &[&["A 2", "A 3", "notice sequence-gap", "A 10", "A 11"]]);
    let gaps: Vec<&Event> = world
        .events()
        .into_iter()
        .filter(|event| **event == Event::Notice(Notice::SequenceGap { missing: 6 }))
        .collect();
    assert_eq!(gaps.len(), 1);
    assert_eq!(world.info().counters.gaps, 6);
}

#[test]
fn the_sequence_never_goes_back_and_null_leaves_it_alone() {
    let mut world = polite_and_ready();
    say(&mut world, dispatch("A", 7));
    for message in [
        r#"{"t":"B","s":null,"op":0,"d":1}"#,
        r#"{"t":"C","op":0,"d":1}"#,
        r#"{"op":11,"s":0}"#,
        r#"{"op":1,"s":3,"d":4}"#,
    ] {
        say(&mut world, message);
        assert_eq!(sequence(&world), Some(7), "{message}");
    }
}

#[test]
fn sequences_beyond_32_bits_are_kept() {
    let mut world = polite_and_ready();
    let large = u64::from(u32::MAX) + 5;
    say(&mut world, dispatch("A", large));
    world.cut();
    world.until_ready();
    let resume = world.sent(Opcode::RESUME)[0].data().to_owned();
    assert!(resume.ends_with(&format!(r#""seq":{large}}}"#)), "{resume}");
}

#[test]
fn an_unknown_event_is_delivered_with_its_data_byte_for_byte() {
    let mut world = ready();
    let data = r#"{"z": 1.50,  "a":12345678901234567890123,"e":"\u00e9","n":null}"#;
    world.emit("SOMETHING_NEW", data);
    world.pass(1);
    let dispatch = Dispatch {
        name: "SOMETHING_NEW".into(),
        sequence: 2,
        data: data.into(),
        has_wide_integers: true,
    };
    assert_eq!(world.take_events(), [Event::Dispatch(dispatch)]);
}

#[test]
fn a_dispatch_may_have_data_of_any_kind() {
    let mut world = ready();
    let all = ["null", "[]", "[1,2]", "true", "5", r#""text""#, "{}"];
    for data in all {
        world.emit("PRESENCES_REPLACE", data);
    }
    world.pass(1);
    let seen: Vec<&str> = world.dispatches()[1..].iter().map(|dispatch| &*dispatch.data).collect();
    assert_eq!(seen, all);
}

#[test]
fn data_that_does_not_fit_a_users_type_is_the_users_error_alone() {
    let mut world = ready();
    world.emit("A", "null");
    world.pass(1);
    let dispatch = world.dispatches()[1];
    assert!(dispatch.deserialize::<Vec<u8>>().is_err());
    assert_eq!(dispatch.deserialize::<Option<u8>>().ok(), Some(None));
}

#[test]
fn op_7_closes_with_the_session_kept_and_resumes() {
    let mut world = ready();
    world.inject(testing::Fault::Reconnect);
    world.pass_ms(100);
    world.until_ready();
    let lost = ["disconnected reconnect-requested resume/resume"];
    assert_names(&mut world, &[&lost, BACK, &["RESUMED 2", "resumed 0", "status ready"]]);
    assert_eq!(world.close_codes(), [4000]);
    assert_eq!(world.hosts(), [Host::Base, Host::Resume]);
}

#[test]
fn dispatches_between_op_7_and_the_end_of_the_connection_count() {
    let mut world = polite_and_ready();
    let line = world.server_mut().line();
    line.text(r#"{"op":7,"d":null}"#);
    line.text(dispatch("A", 2));
    line.text(dispatch("B", 3));
    world.pass_ms(20);
    let lost =
        ["disconnected reconnect-requested resume/resume", "status disconnected", "A 2", "B 3"];
    assert_names(&mut world, &[&lost]);
    world.until_ready();
    let resume = world.sent(Opcode::RESUME)[0].data();
    assert!(resume.ends_with(r#""seq":3}"#), "{resume}");
}

#[test]
fn op_9_true_keeps_the_session_and_waits_a_moment_before_the_resume() {
    for seed in 0..20 {
        let mut world = testing::World::new(options(), config()).seed(seed);
        world.start();
        world.until_ready();
        let before = world.session();
        world.names();
        world.inject(testing::Fault::InvalidSession { resumable: Some(true) });
        world.pass_ms(21);
        let told = world.now();
        assert_eq!(world.session(), before);
        world.until_ready();
        let waited = world.shard(0).opened()[1].at.saturating_since(told);
        assert!(
            waited >= Duration::from_millis(950) && waited <= Duration::from_secs(5),
            "{waited:?}"
        );
        let lost = ["disconnected invalid-session resume/resume"];
        assert_names(&mut world, &[&lost, BACK, &["RESUMED 2", "resumed 0", "status ready"]]);
    }
}

#[test]
fn op_9_false_forgets_the_session_and_identifies_at_the_base_address_after_a_moment() {
    for seed in 0..20 {
        let mut world = testing::World::new(options(), config()).seed(seed);
        world.start();
        world.until_ready();
        let old = world.session().map(|session| session.id);
        world.names();
        world.pass(10);
        world.inject(testing::Fault::InvalidSession { resumable: Some(false) });
        world.pass_ms(21);
        let told = world.now();
        assert_eq!(world.session(), None);
        world.until_ready();
        let waited = world.shard(0).opened()[1].at.saturating_since(told);
        assert!(
            waited >= Duration::from_millis(950) && waited <= Duration::from_secs(5),
            "{waited:?}"
        );
        assert!(world.session().map(|session| session.id) != old);
        let events = world.names();
        let events: Vec<&str> =
            events.iter().map(String::as_str).filter(|name| *name != "heartbeat").collect();
        assert_eq!(events, [&["disconnected invalid-session identify"], ANEW].concat());
        assert_eq!(world.hosts(), [Host::Base, Host::Base]);
        assert_eq!(violations(&world), [""; 0]);
    }
}

#[test]
fn op_9_true_three_times_in_a_row_counts_as_false() {
    let mut world = ready();
    world.inject(testing::Fault::RefuseResume { resumable: Some(true), times: 10 });
    world.cut();
    world.pass_ms(100);
    world.until_ready();
    assert_eq!(world.sent(Opcode::RESUME).len(), 3);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 2);
    assert_eq!(world.hosts().last(), Some(&Host::Base));
}

#[test]
fn after_a_lost_session_heartbeats_carry_null_again() {
    let mut world = ready();
    world.emit("A", "{}");
    world.pass(60);
    world.inject(testing::Fault::InvalidSession { resumable: Some(false) });
    world.inject(testing::Fault::NeverReady { times: 1 });
    world.until(20, |world| world.sent(Opcode::IDENTIFY).len() == 2);
    world.inject(testing::Fault::HeartbeatRequest);
    world.pass_ms(100);
    assert_eq!(world.sent(Opcode::HEARTBEAT).last().map(|sent| sent.data()), Some("null"));
}

#[test]
fn an_unknown_opcode_is_told_and_the_connection_lives() {
    let mut world = polite_and_ready();
    for opcode in [2, 3, 5, 12, 44, 255, 65_535] {
        say(&mut world, format!(r#"{{"op":{opcode},"d":{{"op":9}},"s":99}}"#));
        let told = world.take_events();
        assert_eq!(told, [Event::Notice(Notice::UnknownOpcode(Opcode(opcode)))]);
    }
    assert_eq!(sequence(&world), Some(1));
    say(&mut world, dispatch("A", 2));
    assert_names(&mut world, &[&["A 2"]]);
}

#[test]
fn rate_limited_is_delivered_and_counts() {
    let mut world = ready();
    let data = r#"{"retry_after":29.5,"opcode":8,"meta":{"guild_id":"1","nonce":"x"}}"#;
    world.emit("RATE_LIMITED", data);
    world.pass(1);
    assert_names(&mut world, &[&["RATE_LIMITED 2"]]);
    assert_eq!(&*world.dispatches()[1].data, data);
    assert_eq!(world.session().map(|session| session.sequence), Some(2));
}

#[derive(serde::Deserialize)]
struct Guild {
    id: String,
}

#[test]
fn a_whole_guild_comes_through_with_every_digit() {
    let mut world = testing::World::new(
        testing::GatewayOptions { guilds: 2, members: 300, ..options() },
        config(),
    );
    world.start();
    world.until_ready();
    world.pass(1);
    let names = world.names();
    assert_eq!(names, [FIRST, &["GUILD_CREATE 2", "GUILD_CREATE 3"]].concat());
    let guild: Guild = world.dispatches()[1].deserialize().expect("a guild");
    assert!(guild.id.parse::<u64>().expect("an id") > 1 << 53);
}

#[test]
fn a_replay_that_the_path_holds_back_comes_whole_afterwards() {
    let mut world = ready();
    world.cut();
    world.pass_ms(100);
    world.emit("A", "{}");
    world.emit("B", "{}");
    world.until(10, |world| !world.sent(Opcode::RESUME).is_empty());
    // The gateway falls silent before the resume reaches it.
    world.inject(testing::Fault::Silence { ms: Some(5_000) });
    world.until_ready();
    let lost = ["disconnected closed-1006 resume/resume"];
    let back = ["A 2", "B 3", "RESUMED 4", "resumed 2", "status ready"];
    assert_names(&mut world, &[&lost, BACK, &back]);
}

/// Found by a chance world: the mock began its replay with the READY that the shard had already.
#[test]
fn a_replay_that_repeats_ready_does_not_begin_the_session_anew() {
    let mut world = ready();
    world.inject(testing::Fault::DuplicateLast { times: 1 });
    world.cut();
    world.until_ready();
    assert_names(
        &mut world,
        &[
            &["disconnected closed-1006 resume/resume"],
            BACK,
            &["RESUMED 2", "resumed 0", "status ready"],
        ],
    );
    assert_eq!(world.info().counters.duplicates, 1);
}
