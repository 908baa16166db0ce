//! Close codes, refusals, retries, starting and stopping. Conformance 45 to 49.

use std::time::Duration;

use shardwire::{
    proto::{
        BudgetSpent, Close, CloseCode, Event, Fault, Input, Opcode, SessionStartLimit, Status,
        StopReason, Verdict,
    },
    testing::{self, Host, World},
};

use crate::support::*;

fn closed_with(code: u16) -> World {
    let mut world = ready();
    world.pass(1);
    world.inject(testing::Fault::Close { code, reason: "why not".into() });
    world.pass(30);
    world
}

/// Without heartbeats, whose moments are chance.
fn names(world: &mut World) -> Vec<String> {
    world.names().into_iter().filter(|name| name != "heartbeat").collect()
}

#[test]
fn every_close_code_does_what_the_table_says() {
    let mut codes: Vec<u16> = CloseCode::all().iter().map(|row| row.code).collect();
    codes.extend([0, 3000, 3999, 4015, 4016, 4019, 4020, 4099, 4200, 4900, 4999, 5000]);
    for code in codes {
        let mut world = closed_with(code);
        let names = names(&mut world);
        match CloseCode::of(code).verdict {
            Verdict::Resume => {
                let lost = format!("disconnected closed-{code} resume/resume");
                let back = ["RESUMED 2", "resumed 0", "status ready"];
                assert_eq!(names, [&[lost.as_str()], BACK, &back].concat(), "{code}");
                assert_eq!(world.hosts(), [Host::Base, Host::Resume], "{code}");
            }
            Verdict::Identify => {
                let lost = format!("disconnected closed-{code} identify");
                assert_eq!(names, [&[lost.as_str()], ANEW].concat(), "{code}");
                assert_eq!(world.hosts(), [Host::Base, Host::Base], "{code}");
            }
            Verdict::Stop => {
                let lost = format!("disconnected closed-{code} stop");
                let stopped = format!("stopped fatal-{code}");
                assert_eq!(names, [lost.as_str(), "status stopped", &stopped], "{code}");
                assert_eq!(world.hosts(), [Host::Base], "{code}");
            }
        }
        assert_eq!(violations(&world), [""; 0], "{code}");
    }
}

#[test]
fn the_documented_codes_have_the_documented_verdicts() {
    let verdict = |code| CloseCode::of(code).verdict;
    for code in [1000, 1001, 1005, 1006, 1011, 4000, 4001, 4002, 4005, 4008, 4015, 4999, 0, 5000] {
        assert_eq!(verdict(code), Verdict::Resume, "{code}");
    }
    for code in [4003, 4006, 4007, 4009] {
        assert_eq!(verdict(code), Verdict::Identify, "{code}");
    }
    for code in [4004, 4010, 4011, 4012, 4013, 4014] {
        assert_eq!(verdict(code), Verdict::Stop, "{code}");
    }
}

#[test]
fn a_fatal_code_opens_nothing_more_whatever_happens() {
    for code in [4004, 4010, 4011, 4012, 4013, 4014] {
        let mut world = closed_with(code);
        let opened = world.opened_urls().len();
        for wish in WISHES {
            world.input(wish);
            world.pass(3600);
        }
        assert_eq!(world.opened_urls().len(), opened, "{code}");
        assert_eq!(world.status(), Status::Stopped);
        assert_eq!(world.shard(0).wakes_at(), None);
    }
}

#[test]
fn a_fatal_code_is_told_with_its_number_its_reason_and_what_it_means() {
    let world = closed_with(4014);
    let Some(Event::Stopped { reason }) = world.events().last().copied() else { panic!("stopped") };
    let close = Close { code: 4014, reason: "why not".into() };
    assert_eq!(*reason, StopReason::Fatal(close));
    let text = reason.to_string();
    assert!(text.contains("4014") && text.contains("privileged intent"), "{text}");
}

#[test]
fn the_gateways_own_refusals_come_back_as_distinct_reasons() {
    let cases: [(testing::GatewayOptions, shardwire::proto::ConfigBuilder, u16); 3] = [
        (testing::GatewayOptions { token: Some("other".into()), ..options() }, config(), 4004),
        (testing::GatewayOptions { guilds: 3, guilds_per_shard: 2, ..options() }, config(), 4011),
        (
            testing::GatewayOptions { privileged_intents: 0, ..options() },
            shardwire::proto::Config::builder(TOKEN, shardwire::proto::Intents::GUILD_MEMBERS)
                .compression(shardwire::proto::Compression::None),
            4014,
        ),
    ];
    for (options, config, code) in cases {
        let mut world = World::new(options, config);
        world.start();
        world.until_stopped();
        let lost = format!("disconnected closed-{code} stop");
        let stopped = format!("stopped fatal-{code}");
        let names = world.names();
        assert_eq!(names, [&FIRST[..4], &[&lost, "status stopped", &stopped]].concat());
        assert_eq!(world.server().state().connects, 1);
    }
}

#[test]
fn a_close_without_a_code_and_a_broken_connection_resume() {
    for (fault, code) in [(testing::Fault::CloseWithoutCode, 1005), (testing::Fault::Cut, 1006)] {
        let mut world = ready();
        world.inject(fault);
        world.pass_ms(100);
        world.until_ready();
        let lost = format!("disconnected closed-{code} resume/resume");
        let back = ["RESUMED 2", "resumed 0", "status ready"];
        assert_names(&mut world, &[&[&lost], BACK, &back]);
    }
}

#[test]
fn an_expected_close_resumes_too() {
    let mut world = ready();
    world.input(Input::Reconnect);
    world.until_ready();
    let lost = ["disconnected reconnect-wanted resume/resume"];
    let back = ["RESUMED 2", "resumed 0", "status ready"];
    assert_names(&mut world, &[&lost, BACK, &back]);
    assert_eq!(world.close_codes(), [4000]);
}

#[test]
fn refused_connects_are_tried_again_until_they_succeed() {
    let mut world = world();
    world.refuse(None, 6);
    world.start();
    world.until_ready();
    let refused = ["disconnected transport identify", "status disconnected", "status connecting"];
    let all = [&FIRST[..1], &[refused; 6].concat(), &FIRST[1..]].concat();
    assert_names(&mut world, &[&all]);
}

#[test]
fn pauses_between_refused_connects_grow_with_chance_up_to_a_cap() {
    let mut pauses = Vec::new();
    for seed in 0..20 {
        let mut world = world().seed(seed);
        world.delay(0);
        world.refuse(None, u32::MAX);
        world.start();
        world.pass(600);
        let opened = world.shard(0).opened();
        let gaps = opened.windows(2).map(|pair| pair[1].at.saturating_since(pair[0].at));
        pauses.push(gaps.collect::<Vec<_>>());
    }
    for (nth, full) in [1, 2, 4, 8, 16, 32, 60, 60, 60].into_iter().enumerate() {
        let full = Duration::from_secs(full);
        let mut nths: Vec<Duration> = pauses.iter().map(|pauses| pauses[nth]).collect();
        nths.sort();
        assert!(nths.iter().all(|pause| *pause >= full / 2 && *pause <= full), "{nths:?}");
        assert!(
            nths[19].saturating_sub(nths[0]) > full / 8,
            "no two shards return together: {nths:?}"
        );
    }
}

#[test]
fn an_open_socket_or_a_hello_is_no_success_and_does_not_shorten_the_pauses() {
    let mut is_hello = false;
    let mut world = by_hand(move |heard, line| {
        if matches!(heard, testing::Heard::Connected(_)) {
            is_hello = !is_hello;
            if is_hello {
                line.text(HELLO);
            }
            line.close(1011, "no");
        }
    });
    world.pass(600);
    let opened = world.shard(0).opened();
    assert!((14..=25).contains(&opened.len()), "{}", opened.len());
}

#[test]
fn ready_and_resumed_make_the_next_pause_short_again() {
    let mut world = world();
    world.delay(0);
    world.refuse(None, 5);
    world.start();
    world.until_ready();
    for _ in 0..3 {
        let lost = world.now();
        world.cut();
        world.until_ready();
        let opened = world.shard(0).opened().last().expect("opened").at;
        assert!(opened.saturating_since(lost) <= Duration::from_secs(1));
        world.pass(1);
    }
}

#[test]
fn starting_a_stopped_shard_and_closing_one_that_never_started_do_no_harm() {
    let mut world = world();
    world.close(false);
    assert_names(&mut world, &[&["status stopped", "stopped requested"]]);
    world.start();
    world.input(Input::Reconnect);
    world.pass(60);
    assert_names(&mut world, &[]);
    assert_eq!(world.opened_urls(), [""; 0]);
}

#[test]
fn a_shard_that_is_closed_before_it_is_ready_stops() {
    for millis in [0, 10, 30, 50, 70] {
        let mut world = world();
        world.start();
        world.pass_ms(millis);
        world.close(false);
        world.until_stopped();
        world.pass(60);
        assert_eq!(world.names().last().map(String::as_str), Some("stopped requested"), "{millis}");
        assert_eq!(world.server().state().connections, 0, "{millis}");
    }
}

#[test]
fn a_day_of_troubles_is_survived_until_somebody_says_stop() {
    let mut world = ready();
    for hour in 0..24 {
        for fault in [
            testing::Fault::Reconnect,
            testing::Fault::Cut,
            testing::Fault::Close { code: 4000, reason: String::new() },
            testing::Fault::InvalidSession { resumable: Some(true) },
            testing::Fault::InvalidSession { resumable: Some(false) },
            testing::Fault::Close { code: 4009, reason: String::new() },
        ] {
            world.inject(fault);
            world.pass(600);
            assert_eq!(world.status(), Status::Ready, "hour {hour}\n{}", world.story());
        }
    }
    assert_eq!(violations(&world), [""; 0]);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1 + 2 * 24);
    world.close(false);
    world.until_stopped();
    assert_eq!(world.server().state().sessions, 0, "1000 ends the session");
}

#[test]
fn a_close_that_keeps_the_session_lets_another_process_resume() {
    let mut world = ready();
    world.close(true);
    world.until_stopped();
    assert_eq!(world.close_codes(), [4000]);
    assert_eq!(world.server().state().sessions, 1);
    world.emit("A", "{}");
    world.names();
    world.restart(0, 9);
    world.until_ready();
    let connect = ["status connecting", "status awaiting-hello", "status resuming"];
    assert_names(&mut world, &[&connect, &["A 2", "RESUMED 3", "resumed 1", "status ready"]]);
}

#[test]
fn a_close_that_ends_the_session_leaves_nothing_to_resume() {
    let mut world = ready();
    world.close(false);
    world.until_stopped();
    assert_eq!(world.session(), None);
    assert_eq!(world.server().state().sessions, 0);
}

#[test]
fn the_servers_reason_is_shown_as_text_and_never_read() {
    let reasons = [
        "Session (expired): {'op': 9, 'd': True}",
        "Traceback (most recent call last):\n  File \"gateway.py\"",
        "4004 authentication failed",
        "\"}],\u{0}\u{1f600}",
    ];
    for reason in reasons {
        let mut world = ready();
        world.inject(testing::Fault::Close { code: 4000, reason: reason.into() });
        world.pass_ms(100);
        let close = Close { code: 4000, reason: reason.into() };
        assert_eq!(faults(&world), [Fault::Closed(close)]);
        let json = serde_json::to_value(&faults(&world)[0]).expect("plain data");
        assert_eq!(json["closeReason"], reason);
        world.until_ready();
    }
}

#[test]
fn a_pause_keeps_the_session_and_a_start_resumes_it() {
    let mut world = ready();
    world.input(Input::Pause);
    world.pass(30);
    assert_names(&mut world, &[&["status closing", "status idle"]]);
    world.emit("A", "{}");
    world.start();
    world.until_ready();
    let connect = ["status connecting", "status awaiting-hello", "status resuming"];
    assert_names(&mut world, &[&connect, &["A 2", "RESUMED 3", "resumed 1", "status ready"]]);
}

#[test]
fn a_start_during_the_pauses_close_goes_on_at_once() {
    let mut world = ready();
    world.input(Input::Pause);
    world.start();
    world.until_ready();
    assert_eq!(world.hosts(), [Host::Base, Host::Resume]);
}

#[test]
fn a_spent_identify_budget_stops_the_shard_and_says_for_how_long() {
    let limit = SessionStartLimit {
        remaining: 0,
        reset_after_ms: 3_600_000,
        ..SessionStartLimit::default()
    };
    let mut world = World::new(options(), config()).limit(limit);
    world.start();
    world.until_stopped();
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 0);
    let Some(Event::Stopped { reason }) = world.events().last().copied() else { panic!("stopped") };
    let left = Duration::from_millis(3_600_000 - 40);
    assert_eq!(*reason, StopReason::IdentifyBudgetSpent(BudgetSpent { retry_in: left }));
}

#[test]
fn a_fatal_code_counts_though_the_connection_was_being_left_for_another_reason() {
    let mut world = by_hand(polite);
    world.until_ready();
    world.server_mut().line().text("{");
    world.server_mut().line().close(4004, "");
    world.pass(3600);
    assert_eq!(world.status(), Status::Stopped);
    assert_eq!(world.opened_urls().len(), 1);
    assert_eq!(world.names().last().map(String::as_str), Some("stopped fatal-4004"));
}
