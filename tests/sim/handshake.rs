//! HELLO, identify, resume, READY, RESUMED. Conformance 18 to 26.

use std::time::Duration;

use shardwire::{
    proto::{
        Activity, Awaited, Config, ConfigError, Fault, IdentifyProperties, Input, Intents,
        OnlineStatus, Opcode, Presence, Session, ShardId, Status,
    },
    testing::{self, Heard, Host, World},
};

use crate::support::*;

fn properties() -> IdentifyProperties {
    IdentifyProperties { os: "linux".into(), browser: "b".into(), device: "d".into() }
}

#[test]
fn a_first_message_that_is_not_hello_ends_the_connection() {
    for first in [READY, r#"{"op":2,"d":{}}"#, r#"{"op":99}"#, &dispatch("RESUMED", 5)] {
        let mut connections = 0;
        let first = first.to_owned();
        let mut world = by_hand(move |heard, line| {
            connections += u32::from(matches!(heard, Heard::Connected(_)));
            if *heard == Heard::Connected(Host::Base) && connections == 1 {
                line.text(first.as_str());
            } else {
                polite(heard, line);
            }
        });
        world.until_ready();
        let lost = [
            "status connecting",
            "status awaiting-hello",
            "disconnected unexpected-message identify",
        ];
        assert_names(&mut world, &[&lost, ANEW]);
        assert_eq!(world.close_codes(), [4000]);
        let close = &world.shard(0).closed()[0].close;
        assert!(!close.reason.is_empty(), "some runtimes send no code without a reason");
    }
}

#[test]
fn op_1_may_come_before_hello_and_is_answered() {
    let mut world = by_hand(|heard, line| {
        if matches!(heard, Heard::Connected(_)) {
            line.text(r#"{"op":1,"d":null}"#);
            line.text(ACK);
        }
        polite(heard, line);
    });
    world.until_ready();
    assert_names(&mut world, &[FIRST]);
    let beats = world.sent(Opcode::HEARTBEAT);
    assert_eq!((beats.len(), beats[0].data()), (1, "null"));
}

#[test]
fn op_7_may_come_before_hello_or_in_its_place_and_means_a_new_connection() {
    for fault in [
        testing::Fault::ReconnectInsteadOfHello { times: 1 },
        testing::Fault::ReconnectBeforeHello { times: 1 },
    ] {
        let mut world = world();
        world.inject(fault);
        world.start();
        world.until_ready();
        let lost = [
            "status connecting",
            "status awaiting-hello",
            "disconnected reconnect-requested identify",
        ];
        assert_names(&mut world, &[&lost, ANEW]);
        assert_eq!(world.close_codes(), [4000]);
    }
}

#[test]
fn after_hello_a_new_shard_identifies_and_its_heart_beats() {
    let mut world = ready();
    let ops: Vec<Opcode> = world.shard(0).sends().iter().map(|sent| sent.op).collect();
    assert_eq!(ops[0], Opcode::IDENTIFY);
    world.pass(42);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1);
    assert_eq!(world.sent(Opcode::RESUME).len(), 0);
    assert!(!world.sent(Opcode::HEARTBEAT).is_empty());
}

#[test]
fn after_hello_a_shard_with_a_session_resumes_and_its_heart_beats() {
    let mut world = ready();
    world.cut();
    world.until_ready();
    let connection = world.shard(0).opened()[1].connection;
    world.pass(42);
    let ops: Vec<Opcode> = world
        .shard(0)
        .sends()
        .iter()
        .filter(|sent| sent.connection == connection)
        .map(|sent| sent.op)
        .collect();
    assert_eq!(ops[0], Opcode::RESUME);
    assert!(ops[1..].iter().all(|op| *op == Opcode::HEARTBEAT) && ops.len() > 1, "{ops:?}");
}

#[test]
fn identify_carries_what_must_be_said_and_nothing_else() {
    let config = config().properties(properties());
    let mut world = World::new(options(), config);
    world.start();
    world.until_ready();
    assert_eq!(
        world.sent(Opcode::IDENTIFY)[0].text,
        concat!(
            r#"{"op":2,"d":{"token":"Bot abc.def.secret","properties":{"os":"linux","browser":"b","#,
            r#""device":"d"},"intents":1}}"#
        )
    );
}

#[test]
fn identify_carries_every_optional_part_that_is_set() {
    let config = config()
        .properties(properties())
        .large_threshold(250)
        .shard(3, 4)
        .presence(Presence::new(OnlineStatus::Dnd, Activity::watching("you")));
    let mut world = World::new(options(), config);
    world.start();
    world.until_ready();
    assert_eq!(
        world.sent(Opcode::IDENTIFY)[0].text,
        concat!(
            r#"{"op":2,"d":{"token":"Bot abc.def.secret","properties":{"os":"linux","browser":"b","#,
            r#""device":"d"},"intents":1,"large_threshold":250,"shard":[3,4],"presence":{"since":null,"#,
            r#""activities":[{"name":"you","type":3}],"status":"dnd","afk":false}}}"#
        )
    );
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn resume_carries_exactly_its_three_fields_at_the_resume_address_with_our_parameters() {
    let mut world = ready();
    world.emit("TYPING_START", "{}");
    world.pass(1);
    let session = world.session().expect("a session");
    world.cut();
    world.until_ready();
    assert_eq!(
        world.sent(Opcode::RESUME)[0].text,
        format!(
            r#"{{"op":6,"d":{{"token":"Bot {TOKEN}","session_id":"{}","seq":2}}}}"#,
            session.id
        )
    );
    assert_eq!(
        world.opened_urls(),
        ["wss://gateway.mock/?v=10&encoding=json", "wss://resume.mock/?v=10&encoding=json"]
    );
}

#[test]
fn a_resume_address_keeps_its_own_path_and_query() {
    let options = testing::GatewayOptions {
        resume_gateway_url: "wss://resume.mock/zone?key=1&v=9".into(),
        ..options()
    };
    let mut world = ready_with(options, config());
    world.cut();
    world.until_ready();
    assert_eq!(world.opened_urls()[1], "wss://resume.mock/zone?key=1&v=10&encoding=json");
}

#[test]
fn ready_gives_the_session_its_id_its_sequence_and_its_address() {
    let mut world = by_hand(polite);
    assert_eq!(world.session(), None);
    world.until_ready();
    assert_eq!(
        world.session(),
        Some(Session {
            id: "abc".into(),
            sequence: 1,
            resume_url: Some("wss://resume.mock".into()),
            shard: ShardId::ONE,
            user_id: None,
        })
    );
    assert_eq!(world.status(), Status::Ready);
}

#[test]
fn resumed_ends_the_resume_and_says_how_much_was_replayed() {
    let mut world = ready();
    world.cut();
    world.pass_ms(100);
    world.emit("A", "{}");
    world.emit("B", "{}");
    world.until_ready();
    let lost = ["disconnected closed-1006 resume/resume"];
    let back = ["A 2", "B 3", "RESUMED 4", "resumed 2", "status ready"];
    assert_names(&mut world, &[&lost, BACK, &back]);
    assert_eq!(world.info().counters.replayed, 2);
}

#[test]
fn a_hello_that_says_nothing_useful_ends_the_connection_without_a_crash() {
    for data in
        ["null", "{}", "[]", r#"{"heartbeat_interval":null}"#, r#"{"heartbeat_interval":0}"#]
    {
        let mut is_first = true;
        let first = format!(r#"{{"op":10,"d":{data}}}"#);
        let mut world = by_hand(move |heard, line| {
            if matches!(heard, Heard::Connected(_)) && is_first {
                is_first = false;
                line.text(first.as_str());
            } else {
                polite(heard, line);
            }
        });
        world.until_ready();
        let lost =
            ["status connecting", "status awaiting-hello", "disconnected bad-payload identify"];
        assert_names(&mut world, &[&lost, ANEW]);
    }
}

#[test]
fn a_second_hello_changes_nothing() {
    let mut world = polite_and_ready();
    for hello in [r#"{"op":10}"#, r#"{"op":10,"d":{"heartbeat_interval":1}}"#, HELLO] {
        say(&mut world, hello);
    }
    world.pass(3600);
    let beats = world.sent(Opcode::HEARTBEAT).len();
    assert_eq!(beats, 90, "one each 40 s");
    assert_eq!(world.hosts(), [Host::Base]);
}

#[test]
fn starting_while_started_does_nothing() {
    let mut world = world();
    for _ in 0..3 {
        world.start();
        world.pass_ms(30);
    }
    world.until_ready();
    world.start();
    world.pass(1);
    assert_names(&mut world, &[FIRST]);
    assert_eq!(world.server().state().connects, 1);
}

#[test]
fn a_large_threshold_outside_its_bounds_is_refused() {
    for (members, is_fine) in [(49, false), (50, true), (250, true), (251, false)] {
        let built = config().large_threshold(members).build();
        assert_eq!(built.is_ok(), is_fine, "{members}");
        if !is_fine {
            assert_eq!(built.err(), Some(ConfigError::BadLargeThreshold(members)));
        }
    }
}

#[test]
fn a_token_without_a_prefix_gets_one() {
    for (given, sent) in [("abc", "Bot abc"), ("Bot abc", "Bot abc"), ("Bearer abc", "Bearer abc")]
    {
        let config = Config::builder(given, Intents::NONE);
        let mut world = World::new(options(), config);
        world.start();
        world.until(60, |world| !world.sent(Opcode::IDENTIFY).is_empty());
        let identify = &world.sent(Opcode::IDENTIFY)[0].text;
        assert!(identify.contains(&format!(r#""token":"{sent}""#)), "{identify}");
    }
}

#[test]
fn a_stored_session_is_resumed_in_another_process() {
    let mut world = ready();
    world.emit("A", "{}");
    world.pass(1);
    world.restart(0, 7);
    world.emit("B", "{}");
    world.until_ready();
    let connect = ["status connecting", "status awaiting-hello", "status resuming"];
    let back = ["B 3", "RESUMED 4", "resumed 1", "status ready"];
    assert_names(&mut world, &[&["A 2"], &connect, &back]);
    assert_eq!(world.hosts(), [Host::Base, Host::Resume]);
}

#[test]
fn each_answer_has_its_deadline() {
    let cases = [
        (testing::Fault::NoHello { times: 1 }, Awaited::Hello, 20),
        (testing::Fault::NeverReady { times: 1 }, Awaited::Ready, 30),
    ];
    for (fault, awaited, secs) in cases {
        let mut world = world();
        world.delay(0);
        world.inject(fault);
        world.start();
        world.pass_ms(secs * 1000 - 1);
        assert_eq!(faults(&world), []);
        world.pass_ms(2);
        assert_eq!(faults(&world), [Fault::NoAnswer(awaited)]);
        world.until_ready();
    }
    let mut world = world();
    world.ignore(None, 1);
    world.start();
    world.pass_ms(14_999);
    assert_eq!(faults(&world), []);
    world.pass_ms(2);
    assert_eq!(faults(&world), [Fault::NoAnswer(Awaited::Connect)]);
}

#[test]
fn a_replay_that_goes_on_slowly_is_not_given_up() {
    let mut world = by_hand(|heard, line| {
        if !matches!(heard, Heard::Message(Opcode::RESUME, _)) {
            polite(heard, line);
        }
    });
    world.until_ready();
    world.cut();
    world.until(60, |world| world.status() == Status::Resuming);
    for sequence in 2..12 {
        world.pass(25);
        say(&mut world, dispatch("A", sequence));
    }
    assert_eq!(world.status(), Status::Resuming);
    say(&mut world, dispatch("RESUMED", 12));
    assert_eq!(world.status(), Status::Ready);
    assert_eq!(world.hosts(), [Host::Base, Host::Resume]);
}

#[test]
fn a_filter_holds_back_events_but_not_the_life_cycle() {
    let config = config().filter(shardwire::proto::Filter::only(["B"]));
    let mut world = World::new(options(), config);
    world.start();
    world.until_ready();
    world.emit("A", "{}");
    world.emit("B", "{}");
    world.emit("A", "{}");
    world.pass(1);
    world.cut();
    world.until_ready();
    let lost = ["B 3", "disconnected closed-1006 resume/resume"];
    let first = [&FIRST[..4], &FIRST[5..]].concat();
    assert_names(&mut world, &[&first, &lost, BACK, &["resumed 0", "status ready"]]);
    assert_eq!(world.session().map(|session| session.sequence), Some(5));
    assert_eq!(world.info().counters.filtered, 4);
}

#[test]
fn a_session_of_another_shard_is_refused() {
    let session = Session {
        id: "abc".into(),
        sequence: 1,
        resume_url: None,
        shard: ShardId::ONE,
        user_id: None,
    };
    let config = config().shard(1, 2).build().expect("valid");
    let machine = shardwire::proto::ShardMachine::new(config, 1);
    let error = machine.resume_from(session).expect_err("another shard");
    assert_eq!(error.code(), "bad-session");
}

#[test]
fn a_stored_resume_address_that_is_not_safe_is_not_used() {
    for url in ["ws://resume.mock", "https://resume.mock", "javascript:alert(1)", ""] {
        let session = Session {
            id: "gone".into(),
            sequence: 1,
            resume_url: Some(url.into()),
            shard: ShardId::ONE,
            user_id: None,
        };
        let server = testing::ByHand::new(polite);
        let config = config().build().expect("valid");
        let mut world = World::against(server, config).resume_from(session);
        world.input(Input::Start);
        world.until_ready();
        assert_eq!(world.hosts(), [Host::Base], "{url}");
        assert_eq!(world.sent(Opcode::RESUME).len(), 1);
    }
}

#[test]
fn a_handshake_that_takes_a_while_does_not_shift_the_deadlines() {
    let mut world = world();
    world.delay(5_000);
    world.start();
    world.until_ready();
    assert_eq!(world.now().since_epoch(), Duration::from_secs(20));
}
