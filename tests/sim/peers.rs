//! Errors of other clients that must not be ours: one test for each kind that concerns one shard.

use std::time::Duration;

use shardwire::{
    proto::{Command, Compression, Event, Fault, Input, Opcode, Status, StopReason, Turn},
    testing::{self, Heard, Host, Sent, Server, World},
};

use crate::support::*;

fn sounds(number: usize) -> Command {
    Command::raw(Opcode(31), &format!(r#"{{"guild_ids":["{number}"]}}"#)).expect("JSON")
}

// The resume address as a trap.

#[test]
fn a_dead_resume_host_costs_three_tries_and_the_session_is_resumed_at_the_base_address() {
    let mut world = ready();
    let session = world.session().map(|session| session.id);
    world.inject(testing::Fault::DeadResumeHost { ms: None });
    world.cut();
    world.pass_ms(100);
    world.emit("A", "{}");
    world.until_ready();
    let (resume, base) = (Host::Resume, Host::Base);
    assert_eq!(world.hosts(), [base, resume, resume, resume, base]);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1, "no identify is burnt");
    assert_eq!(world.session().map(|session| session.id), session);
    assert_eq!(world.dispatches().last().map(|last| last.sequence), Some(3));
    assert!(world.now().since_epoch() < Duration::from_secs(20));
}

#[test]
fn a_resume_host_that_answers_503_for_good_is_left_too() {
    let mut world = ready();
    let host = Some(Host::Resume);
    world.inject(testing::Fault::RefuseHandshake { status: 503, host, times: 1_000_000 });
    world.cut();
    world.until_ready();
    assert_eq!(world.hosts()[1..], [Host::Resume, Host::Resume, Host::Resume, Host::Base]);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1);
    // Each time anew, as a new connection may have a healthy host.
    world.cut();
    world.until_ready();
    assert_eq!(world.hosts()[5..], [Host::Resume, Host::Resume, Host::Resume, Host::Base]);
}

#[test]
fn a_resume_host_that_accepts_and_stays_silent_is_left_too() {
    let mut world = by_hand(|heard, line| match heard {
        Heard::Connected(Host::Resume) => {}
        heard => polite(heard, line),
    });
    world.until_ready();
    world.cut();
    world.until_ready();
    assert_eq!(world.hosts()[1..], [Host::Resume, Host::Resume, Host::Resume, Host::Base]);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1);
}

#[test]
fn identifies_go_to_the_base_address_only() {
    let mut world = by_hand(|heard, line| match heard {
        // Every session dies at once, on whichever host.
        Heard::Message(Opcode::RESUME, _) => line.text(r#"{"op":9,"d":false}"#),
        heard => polite(heard, line),
    });
    world.until_ready();
    for _ in 0..5 {
        world.cut();
        world.until_ready();
    }
    for identify in world.sent(Opcode::IDENTIFY) {
        let opened = world.shard(0).opened();
        let at = opened.iter().find(|opened| opened.connection == identify.connection);
        assert_eq!(at.map(|opened| opened.host), Some(Host::Base));
    }
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 6);
}

#[test]
fn a_network_that_is_away_for_an_hour_neither_ends_the_session_nor_makes_a_storm() {
    let options =
        testing::GatewayOptions { session_lifetime: Duration::from_secs(7200), ..options() };
    let mut world = ready_with(options, config());
    world.unplug();
    world.pass(3600);
    let tries = world.opened_urls().len();
    assert!((50..=120).contains(&tries), "{tries}");
    world.plug_in();
    world.until_ready();
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1);
}

// Missing deadlines.

#[test]
fn no_phase_waits_for_ever() {
    // A server that falls silent after so many words.
    for words in 0..4 {
        let mut said = 0;
        let mut world = by_hand(move |heard, line| {
            if matches!(heard, Heard::Connected(_)) {
                said = 0;
            }
            if said < words {
                polite(heard, line);
            }
            said += 1;
        });
        world.pass(3600);
        let tries = world.opened_urls().len();
        assert!(tries >= 20, "{words} words: {tries}\n{}", world.story());
    }
}

// Commands lost or hanging.

#[test]
fn a_command_sent_in_any_phase_leaves_exactly_once_and_in_order() {
    let mut world = World::new(options(), config());
    let mut number = 0;
    let mut say = |world: &mut World| {
        world.send(&sounds(number)).expect("room");
        number += 1;
    };
    say(&mut world);
    world.start();
    for _ in 0..9 {
        say(&mut world);
        world.pass_ms(10);
    }
    world.until_ready();
    world.inject(testing::Fault::Reconnect);
    for _ in 0..40 {
        say(&mut world);
        world.pass_ms(40);
    }
    world.until_ready();
    world.inject(testing::Fault::InvalidSession { resumable: Some(false) });
    world.pass_ms(50);
    for _ in 0..20 {
        say(&mut world);
        world.pass_ms(500);
    }
    world.until_ready();
    world.pass(1);
    let sent: Vec<&str> = world.sent(Opcode(31)).into_iter().map(Sent::data).collect();
    let expected: Vec<String> =
        (0..70).map(|number| format!(r#"{{"guild_ids":["{number}"]}}"#)).collect();
    assert_eq!(sent, expected);
}

#[test]
fn a_command_made_ready_by_resumed_does_not_wait_for_the_next_ready() {
    let mut world = ready();
    world.cut();
    world.pass_ms(100);
    world.send(&sounds(1)).expect("room");
    world.until_ready();
    assert_eq!(world.sent(Opcode(31)).len(), 1);
}

// Limiter faults.

#[test]
fn a_full_line_of_commands_starves_neither_heartbeats_nor_the_life_cycle() {
    let options =
        testing::GatewayOptions { heartbeat_interval: Duration::from_secs(5), ..options() };
    let mut world = ready_with(options, config());
    for round in 0..600 {
        while world.send(&sounds(1)).is_ok() {}
        if round % 100 == 50 {
            world.inject(testing::Fault::Reconnect);
        }
        world.pass(1);
    }
    assert_eq!(violations(&world), [""; 0]);
    assert!(faults(&world).iter().all(|fault| *fault == Fault::ReconnectRequested));
    assert_eq!(faults(&world).len(), 6);
}

// Heartbeat faults.

#[test]
fn a_requested_heartbeat_is_no_protocol_error_in_any_phase() {
    let ask = r#"{"op":1,"d":null}"#;
    let mut world = by_hand(move |heard, line| {
        line.text(ask);
        polite(heard, line);
        line.text(ask);
    });
    world.until_ready();
    world.cut();
    world.until_ready();
    world.pass(100);
    let closed = |fault: &Fault| matches!(fault, Fault::Closed(close) if close.code == 1006);
    assert!(faults(&world).iter().all(closed), "{:?}", faults(&world));
}

#[test]
fn a_dead_link_is_noticed_within_two_intervals_wherever_it_dies() {
    for secs in [1, 20, 41, 60, 100] {
        let mut world = ready();
        world.pass(secs);
        world.half_open();
        let died = world.now();
        world.until(200, |world| !faults(world).is_empty());
        let took = world.now().saturating_since(died);
        assert!(took <= Duration::from_millis(2 * 41_250), "{took:?}");
        world.until_ready();
    }
}

// Close code faults.

#[test]
fn only_the_six_fatal_codes_end_a_shard() {
    for code in (1000..1016).chain(3000..3010).chain(4000..4030).chain([4900, 4999, 5000]) {
        let mut world = ready();
        world.inject(testing::Fault::Close { code, reason: String::new() });
        world.pass(20);
        let is_fatal = matches!(code, 4004 | 4010..=4014);
        assert_eq!(world.status() == Status::Stopped, is_fatal, "{code}");
        assert_eq!(world.status() == Status::Ready, !is_fatal, "{code}");
    }
}

#[test]
fn a_gap_in_the_numbers_is_told_and_nothing_is_sent_because_of_it() {
    let mut world = polite_and_ready();
    let before = world.shard(0).sends().len();
    say(&mut world, dispatch("A", 50));
    assert_names(&mut world, &[&["notice sequence-gap", "A 50"]]);
    assert_eq!(world.shard(0).sends().len(), before);
    assert_eq!(world.status(), Status::Ready);
}

#[test]
fn an_invalid_session_is_never_answered_at_once() {
    for resumable in [None, Some(false), Some(true)] {
        let mut world = ready();
        world.pass(10);
        world.inject(testing::Fault::InvalidSession { resumable });
        world.pass_ms(20);
        let told = world.now();
        let before = world.shard(0).sends().len();
        world.until(30, |world| {
            world.shard(0).sends()[before..].iter().any(|sent| sent.op != Opcode::HEARTBEAT)
        });
        assert!(world.now().saturating_since(told) >= Duration::from_secs(1), "{resumable:?}");
    }
}

// Storms.

/// How many connections a shard makes in an hour of this.
fn connects_in_an_hour<S: Server>(world: &mut World<S>) -> usize {
    world.start();
    world.pass(3600);
    world.opened_urls().len()
}

#[test]
fn a_host_that_accepts_and_closes_makes_no_storm() {
    for code in [1000, 1001, 1006, 1011, 4000, 4008] {
        let mut world = by_hand(move |heard, line| {
            if matches!(heard, Heard::Connected(_)) {
                line.close(code, "");
            }
        });
        let connects = connects_in_an_hour(&mut world);
        assert!((60..=130).contains(&connects), "{code}: {connects}");
    }
}

#[test]
fn a_host_that_closes_after_hello_makes_no_storm_and_takes_no_turns() {
    let mut world = by_hand(|heard, line| {
        if matches!(heard, Heard::Connected(_)) {
            line.text(HELLO);
            line.close(1011, "");
        }
    });
    let connects = connects_in_an_hour(&mut world);
    assert!((40..=130).contains(&connects), "{connects}");
}

#[test]
fn a_refusal_of_every_identify_makes_no_storm() {
    for resumable in [None, Some(true), Some(false)] {
        let mut world = World::new(options(), config());
        world.inject(testing::Fault::RefuseIdentify { resumable, times: 1_000_000 });
        let connects = connects_in_an_hour(&mut world);
        assert!((40..=60).contains(&connects), "{connects}");
    }
}

#[test]
fn many_shards_that_fail_together_do_not_return_together() {
    let mut world = World::new(options(), config().shard(0, 20));
    for number in 1..20 {
        world = world.and_shard(config().shard(number, 20).build().expect("valid"));
    }
    world.start();
    world.until_ready();
    world.cut();
    world.pass(5);
    let mut returns: Vec<u128> =
        (0..20).map(|shard| millis(world.shard(shard).opened()[1].at)).collect();
    returns.sort_unstable();
    let spread = returns[19] - returns[0];
    assert!(spread > 200, "{returns:?}");
    returns.dedup();
    assert!(returns.len() > 15, "{returns:?}");
}

// Inflate faults: see `compression`.

#[test]
fn large_guilds_and_small_messages_in_turn_come_whole_through_compression() {
    let options = testing::GatewayOptions { guilds: 20, members: 400, ..options() };
    let mut world = World::new(options, config().compression(Compression::ZlibStream));
    world.start();
    world.until_ready();
    world.pass(1);
    let guilds: Vec<_> = world.dispatches().into_iter().skip(1).collect();
    assert_eq!(guilds.len(), 20);
    for guild in guilds {
        let guild: serde_json::Value = guild.deserialize().expect("whole");
        assert!(guild["members"].as_array().is_some_and(|members| !members.is_empty()));
    }
}

// Panics.

#[test]
fn nothing_told_after_the_end_does_anything() {
    let mut world = ready();
    let connection = world.shard(0).opened()[0].connection;
    world.close(false);
    world.until_stopped();
    world.names();
    let sends = world.shard(0).sends().len();
    for input in [
        Input::Start,
        Input::Reconnect,
        Input::Pause,
        Input::Opened(connection),
        Input::Received(connection, text(HELLO)),
        Input::Received(connection, text("{")),
        Input::Closed(connection, None),
        Input::Failed(connection, shardwire::proto::TransportError::new("late")),
        Input::IdentifyAt(Ok(Turn { at: world.now(), is_held_back: false })),
        Input::TimePassed,
        Input::Close { keep_session: true },
    ] {
        world.input(input);
        world.pass(60);
    }
    assert_names(&mut world, &[]);
    assert_eq!(world.shard(0).sends().len(), sends);
}

#[test]
fn inputs_that_do_not_fit_the_moment_are_harmless_in_every_phase() {
    for millis in [0, 30, 50, 70, 1000] {
        let mut world = World::new(options(), config());
        world.start();
        world.pass_ms(millis);
        let connection = world.shard(0).opened()[0].connection;
        for input in [
            Input::Opened(connection),
            Input::Opened(connection.next()),
            Input::IdentifyAt(Ok(Turn { at: world.now(), is_held_back: false })),
            Input::IdentifyAt(Err(
                shardwire::proto::BudgetSpent { retry_in: Duration::ZERO }.into()
            )),
            Input::Received(connection.next(), text("garbage of another connection")),
            Input::Closed(connection.next(), None),
        ] {
            // A socket that opens twice is told before it is open: only the driver can do that.
            if millis == 30 && matches!(input, Input::Opened(id) if id == connection) {
                continue;
            }
            if millis == 0 && input == Input::Opened(connection) {
                continue;
            }
            world.input(input);
        }
        world.until_ready();
        assert_eq!(faults(&world), [], "{millis}");
    }
}

// Secrets.

#[test]
fn the_end_by_a_bad_token_does_not_print_the_token() {
    let options = testing::GatewayOptions { token: Some("other".into()), ..options() };
    let mut world = World::new(options, config());
    world.start();
    world.until_stopped();
    let Some(Event::Stopped { reason }) = world.events().last().copied() else { panic!("stopped") };
    assert!(matches!(reason, StopReason::Fatal(close) if close.code == 4004));
    for shown in [reason.to_string(), format!("{reason:?}"), world.story()] {
        assert!(!shown.contains(TOKEN), "{shown}");
    }
}

// Latency readings.

#[test]
fn latency_is_never_seeded_negative_or_taken_from_the_wrong_beat() {
    let mut world = ready();
    world.delay(200);
    world.inject(testing::Fault::HeartbeatRequest);
    world.pass_ms(500);
    assert_eq!(world.info().heartbeat.last, None, "the requested beat is still open");
    // Two beats are open at once: which of them does an acknowledgement answer?
    for _ in 0..5 {
        world.inject(testing::Fault::HeartbeatRequest);
    }
    world.pass(600);
    let exact = Duration::from_millis(400);
    let latency = world.info().heartbeat;
    assert_eq!((latency.last, latency.average), (Some(exact), Some(exact)));
    assert!(latency.history.iter().all(|trip| *trip == exact), "{latency:?}");
}
