//! Servers that speak this protocol otherwise than the documents say. Conformance, section 2: one test a row.

use std::time::Duration;

use shardwire::{
    proto::{Close, Compression, Event, Fault, Opcode},
    testing::{self, Heard, Host, KeyOrder, Nothing, World},
};

use crate::support::*;

const ORDERS: [KeyOrder; 4] = [KeyOrder::TSOpD, KeyOrder::OpTSD, KeyOrder::OpTDS, KeyOrder::OpDTS];

/// The polite server, but for what `react` says when it returns `true`.
fn odd(
    mut react: impl FnMut(&Heard, &mut testing::Line) -> bool + 'static,
) -> World<testing::ByHand> {
    by_hand(move |heard, line| {
        if !react(heard, line) {
            polite(heard, line);
        }
    })
}

#[test]
fn keys_of_the_envelope_come_in_any_order_and_look_alikes_inside_the_data_fool_nobody() {
    let data = r#"{"op":9,"s":999,"t":"X","d":{"op":7},"content":"\"op\":9,\"s\":1}]\\"}"#;
    for order in ORDERS {
        for nothing in [Nothing::Null, Nothing::Absent] {
            for compression in [Compression::None, Compression::ZlibStream] {
                let mut world = World::new(options(), config().compression(compression));
                world.inject(testing::Fault::KeyOrder { order, nothing, times: None });
                world.start();
                world.until_ready();
                world.emit("A", data);
                world.pass(100);
                let names: Vec<String> =
                    world.names().into_iter().filter(|name| name != "heartbeat").collect();
                assert_eq!(names, [FIRST, &["A 2"]].concat());
                assert_eq!(&*world.dispatches()[1].data, data);
                assert_eq!(world.session().map(|session| session.sequence), Some(2));
            }
        }
    }
}

#[test]
fn a_sequence_behind_large_data_is_found() {
    let mut world = ready();
    let order = KeyOrder::OpTDS;
    world.inject(testing::Fault::KeyOrder { order, nothing: Nothing::Null, times: None });
    world.inject(testing::Fault::BigMessage { bytes: 1 << 20 });
    world.pass(1);
    assert_names(&mut world, &[&["MOCK_BIG_MESSAGE 2"]]);
    assert_eq!(world.session().map(|session| session.sequence), Some(2));
}

#[test]
fn dispatches_numbered_zero_are_all_taken_and_then_the_numbers_count() {
    let zero = READY.replace("\"s\":1", "\"s\":0");
    let mut world = odd(move |heard, line| {
        let is_identify = matches!(heard, Heard::Message(Opcode::IDENTIFY, _));
        if is_identify {
            line.text(zero.as_str());
            for _ in 0..3 {
                line.text(dispatch("GUILD_CREATE", 0));
            }
            line.text(dispatch("A", 1));
            line.text(dispatch("B", 2));
        }
        is_identify
    });
    world.until_ready();
    let ready = ["READY 0", "status ready", "GUILD_CREATE 0", "GUILD_CREATE 0", "GUILD_CREATE 0"];
    assert_names(&mut world, &[&FIRST[..4], &ready, &["A 1", "B 2"]]);
    assert_eq!(world.session().map(|session| session.sequence), Some(2));
    world.cut();
    world.until_ready();
    assert!(world.sent(Opcode::RESUME)[0].data().ends_with(r#""seq":2}"#));
}

#[test]
fn a_ready_numbered_zero_leaves_a_session_that_can_be_resumed() {
    let mut world = World::new(options(), config());
    world.inject(testing::Fault::SequenceZero { of: testing::Answer::Ready, times: 1 });
    world.start();
    world.until_ready();
    world.emit("A", "{}");
    world.pass(1);
    assert_names(&mut world, &[&FIRST[..4], &["READY 0", "status ready", "A 2"]]);
    world.cut();
    world.until_ready();
    let lost = ["disconnected closed-1006 resume/resume"];
    assert_names(&mut world, &[&lost, BACK, &["RESUMED 3", "resumed 0", "status ready"]]);
}

#[test]
fn a_dispatch_before_ready_is_delivered() {
    let mut world = odd(|heard, line| {
        if matches!(heard, Heard::Message(Opcode::IDENTIFY, _)) {
            line.text(r#"{"op":0,"t":"SESSIONS_REPLACE","s":0,"d":[]}"#);
        }
        false
    });
    world.until_ready();
    assert_names(&mut world, &[&FIRST[..4], &["SESSIONS_REPLACE 0"], &FIRST[4..]]);
    assert_eq!(world.session().map(|session| session.id), Some("abc".into()));
}

#[test]
fn a_resumed_numbered_zero_ends_the_resume_and_never_moves_the_cursor_back() {
    let mut world = ready();
    world.emit("A", "{}");
    world.emit("B", "{}");
    world.pass(1);
    world.inject(testing::Fault::SequenceZero { of: testing::Answer::Resumed, times: 1 });
    world.cut();
    world.until_ready();
    let lost = ["A 2", "B 3", "disconnected closed-1006 resume/resume"];
    assert_names(&mut world, &[&lost, BACK, &["RESUMED 0", "resumed 0", "status ready"]]);
    assert_eq!(world.session().map(|session| session.sequence), Some(3));
    // Its own number was the fourth, which never came: one is missing at most.
    world.emit("C", "{}");
    world.pass(1);
    let names = world.names();
    assert_eq!(names.last().map(String::as_str), Some("C 5"));
    assert!(world.info().counters.gaps <= 1, "{}", world.info().counters.gaps);
}

#[test]
fn a_server_that_counts_anew_after_resumed_is_followed() {
    let mut world = odd(|heard, line| {
        let is_resume = matches!(heard, Heard::Message(Opcode::RESUME, _));
        if is_resume {
            line.text(r#"{"op":0,"t":"RESUMED","s":0,"d":null}"#);
            line.text(dispatch("A", 1));
            line.text(dispatch("B", 2));
        }
        is_resume
    });
    world.until_ready();
    say(&mut world, dispatch("X", 40));
    world.names();
    world.cut();
    world.until_ready();
    world.pass(1);
    let lost = ["disconnected closed-1006 resume/resume"];
    let back = ["RESUMED 0", "resumed 0", "status ready", "A 1", "B 2"];
    assert_names(&mut world, &[&lost, BACK, &back]);
    assert_eq!(world.session().map(|session| session.sequence), Some(40));
}

#[test]
fn a_replay_that_repeats_what_came_before_is_delivered_once_and_counted() {
    let mut world = ready();
    world.emit("A", "{}");
    world.pass(1);
    world.inject(testing::Fault::DuplicateLast { times: 1 });
    world.cut();
    world.pass_ms(100);
    world.emit("B", "{}");
    world.until_ready();
    let lost = ["A 2", "disconnected closed-1006 resume/resume"];
    assert_names(&mut world, &[&lost, BACK, &["B 3", "RESUMED 4", "resumed 1", "status ready"]]);
    assert_eq!(world.info().counters.duplicates, 1);
}

#[test]
fn a_replay_that_repeats_the_resumed_of_the_last_resume_delivers_it_once() {
    let mut world = ready();
    world.cut();
    world.until_ready();
    world.names();
    world.inject(testing::Fault::DuplicateLast { times: 1 });
    world.cut();
    world.until_ready();
    world.emit("A", "{}");
    world.pass(1);
    let numbers: Vec<u64> = world.dispatches().iter().map(|dispatch| dispatch.sequence).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "READY, RESUMED, RESUMED, A");
    assert_eq!(world.info().counters.duplicates, 1);
}

#[test]
fn a_replay_that_repeats_the_resumed_to_another_process_delivers_it_once() {
    let mut world = ready();
    world.cut();
    world.until_ready();
    world.inject(testing::Fault::DuplicateLast { times: 1 });
    world.restart(0, 5);
    world.until_ready();
    world.emit("A", "{}");
    world.pass(1);
    let numbers: Vec<u64> = world.dispatches().iter().map(|dispatch| dispatch.sequence).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "READY, RESUMED, RESUMED, A");
}

#[test]
fn a_resume_that_is_never_answered_moves_to_the_base_address_and_ends_in_an_identify() {
    let mut world = ready();
    world.inject(testing::Fault::NeverResumed { times: 100 });
    world.cut();
    world.pass_ms(100);
    world.until_ready();
    let tried = world.hosts();
    let (resume, base) = (Host::Resume, Host::Base);
    assert_eq!(tried, [base, resume, resume, resume, base, base, base]);
    assert_eq!(world.sent(Opcode::RESUME).len(), 5);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 2);
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn a_resume_answered_with_op_9_while_the_socket_stays_open_leads_to_an_identify() {
    let mut world = odd(|heard, line| {
        let is_resume = matches!(heard, Heard::Message(Opcode::RESUME, _));
        if is_resume {
            line.text(r#"{"op":9,"d":false}"#);
        }
        is_resume
    });
    world.until_ready();
    world.names();
    world.cut();
    world.until(10, |world| faults(world).len() == 2);
    let refused = world.now();
    world.until_ready();
    let lost = ["disconnected closed-1006 resume/resume"];
    let gone = ["disconnected invalid-session identify"];
    assert_names(&mut world, &[&lost, BACK, &gone, ANEW]);
    let identified = world.sent(Opcode::IDENTIFY)[1].at.saturating_since(refused);
    assert!(identified >= Duration::from_secs(1) && identified <= Duration::from_secs(10));
}

#[test]
fn op_9_without_data_and_op_9_followed_by_a_close_mean_false() {
    for (message, code) in [
        (r#"{"op":9}"#, None),
        (r#"{"op":9,"d":null}"#, None),
        (r#"{"op":9,"d":{}}"#, Some(4006)),
        (r#"{"op":9,"d":false}"#, Some(4009)),
    ] {
        let mut world = polite_and_ready();
        world.server_mut().line().text(message);
        if let Some(code) = code {
            world.server_mut().line().close(code, "invalid session");
        }
        world.pass_ms(100);
        assert_eq!(world.session(), None, "{message}");
        world.until_ready();
        assert_names(&mut world, &[&["disconnected invalid-session identify"], ANEW]);
        assert_eq!(world.hosts(), [Host::Base, Host::Base]);
    }
}

#[test]
fn op_7_bare_or_with_odd_companions_and_a_close_reconnects_and_resumes_once() {
    for message in [
        r#"{"op":7}"#,
        r#"{"op":7,"d":null,"s":null,"t":null}"#,
        r#"{"op":7,"s":12,"d":4000}"#,
        r#"{"t":null,"s":0,"op":7,"d":{"reason":1}}"#,
    ] {
        let mut world = polite_and_ready();
        world.server_mut().line().text(message);
        world.server_mut().line().close(1000, "");
        world.pass_ms(100);
        world.until_ready();
        let lost = ["disconnected reconnect-requested resume/resume"];
        assert_names(&mut world, &[&lost, BACK, &["RESUMED 2", "resumed 0", "status ready"]]);
        assert!(world.sent(Opcode::RESUME)[0].data().ends_with(r#""seq":1}"#), "{message}");
    }
}

#[test]
fn an_acknowledgement_of_any_shape_is_one_and_an_unasked_one_is_ignored() {
    for ack in [r#"{"op":11}"#, r#"{"op":11,"d":{}}"#, r#"{"t":null,"s":null,"op":11,"d":null}"#] {
        let mut world = odd(move |heard, line| {
            let is_beat = matches!(heard, Heard::Message(Opcode::HEARTBEAT, _));
            if is_beat {
                line.text(ack);
                line.text(ack);
            }
            is_beat
        });
        world.until_ready();
        world.names();
        world.pass(400);
        assert_eq!(world.names(), ["heartbeat"; 10], "{ack}");
    }
}

#[test]
fn hello_with_a_trace_and_any_usual_interval_is_taken_as_it_is() {
    for millis in [30_000, 41_250, 45_000] {
        let hello = format!(
            r#"{{"op":10,"d":{{"_trace":["[\"gateway\",{{\"micros\":0.0}}]"],"heartbeat_interval":{millis}}}}}"#
        );
        let mut world = odd(move |heard, line| {
            let is_new = matches!(heard, Heard::Connected(_));
            if is_new {
                line.text(hello.as_str());
            }
            is_new
        });
        world.until_ready();
        let interval = world.info().heartbeat.interval;
        assert_eq!(interval, Some(Duration::from_millis(millis)));
    }
}

#[test]
fn a_close_without_code_a_dropped_connection_and_code_0_all_resume() {
    for code in [1005, 1006, 0] {
        let mut world = polite_and_ready();
        let line = world.server_mut().line();
        match code {
            1005 => line.close_without_code(),
            1006 => line.cut(),
            code => line.close(code, ""),
        }
        world.pass_ms(100);
        world.until_ready();
        let lost = format!("disconnected closed-{code} resume/resume");
        let back = ["RESUMED 2", "resumed 0", "status ready"];
        assert_names(&mut world, &[&[&lost], BACK, &back]);
    }
}

#[test]
fn code_0_on_a_refused_handshake_is_one_failure_like_any_other() {
    let mut world = World::against(testing::ByHand::new(polite), config().build().expect("valid"));
    world.ignore(None, 1);
    world.start();
    let connection = world.shard(0).opened()[0].connection;
    world.input(shardwire::proto::Input::Closed(connection, Some(Close::new(0, ""))));
    world.until_ready();
    assert_names(&mut world, &[&["status connecting", "disconnected closed-0 identify"], ANEW]);
}

#[test]
fn heartbeat_silence_is_survived_whatever_code_punishes_it() {
    for (code, next) in [(4009, "identify"), (4000, "resume/resume"), (1000, "resume/resume")] {
        let mut world = polite_and_ready();
        world.server_mut().line().close(code, "heartbeat timeout");
        world.pass_ms(100);
        world.until_ready();
        assert_eq!(world.names()[0], format!("disconnected closed-{code} {next}"));
    }
}

#[test]
fn a_bad_token_told_as_4004_stops_even_on_resume_and_told_as_4000_ends_within_the_cap() {
    let mut world = odd(|heard, line| {
        let is_resume = matches!(heard, Heard::Message(Opcode::RESUME, _));
        if is_resume {
            line.close(4004, "Authentication failed.");
        }
        is_resume
    });
    world.until_ready();
    world.cut();
    world.until_stopped();
    assert_eq!(world.names().last().map(String::as_str), Some("stopped fatal-4004"));

    let mut world = odd(|heard, line| {
        let is_token = matches!(heard, Heard::Message(Opcode::RESUME | Opcode::IDENTIFY, _));
        if is_token {
            line.close(4000, "bad token");
        }
        is_token
    });
    world.pass(3600);
    let identifies = world.sent(Opcode::IDENTIFY).len();
    assert!((40..=60).contains(&identifies), "the storm is broken: {identifies}");
}

#[test]
fn a_resume_that_is_always_closed_ends_in_an_identify_within_the_cap() {
    for code in [4000, 1006, 1000, 4008] {
        let mut world = odd(move |heard, line| {
            let is_resume = matches!(heard, Heard::Message(Opcode::RESUME, _));
            if is_resume {
                line.close(code, "");
            }
            is_resume
        });
        world.until_ready();
        world.cut();
        world.pass_ms(100);
        world.until_ready();
        assert_eq!(world.sent(Opcode::RESUME).len(), 5, "{code}");
        assert_eq!(world.sent(Opcode::IDENTIFY).len(), 2, "{code}");
    }
}

#[test]
fn a_handshake_that_is_refused_again_and_again_is_tried_ever_more_slowly() {
    let mut world = World::new(options(), config());
    world.inject(testing::Fault::RefuseHandshake { status: 429, host: None, times: 1_000_000 });
    world.start();
    world.pass(3600);
    let tries = world.opened_urls().len();
    assert!((60..=130).contains(&tries), "{tries}");
}

#[test]
fn snowflakes_as_numbers_lose_no_digit_on_the_way() {
    let ready = READY.replace(r#""v":10"#, r#""guilds":[{"id":1099511627776123457}],"v":10"#);
    let mut world = odd(move |heard, line| {
        let is_identify = matches!(heard, Heard::Message(Opcode::IDENTIFY, _));
        if is_identify {
            line.text(ready.as_str());
        }
        is_identify
    });
    world.until_ready();
    let Some(Event::Dispatch(ready)) = world.events().get(4).copied() else { panic!("READY") };
    assert!(ready.data.contains(r#"[{"id":1099511627776123457}]"#));
    assert!(ready.has_wide_integers);
    assert!(ready.data_for_javascript().contains(r#"[{"id":"1099511627776123457"}]"#));
}

#[test]
fn unknown_keys_everywhere_and_maps_with_numeric_keys_are_ignored() {
    let ready = concat!(
        r#"{"x":{"op":9},"t":"READY","y":[1],"s":1,"op":0,"d":{"_trace":["[\"a\",{\"b\":1}]"],"auth":{},"#,
        r#""session_type":"normal","geo_ordered_rtc_regions":["a"],"game_relationships":[],"1":{"2":3},"#,
        r#""session_id":"abc","resume_gateway_url":"wss://resume.mock"},"z":null}"#
    );
    let mut world = odd(move |heard, line| {
        let is_identify = matches!(heard, Heard::Message(Opcode::IDENTIFY, _));
        if is_identify {
            line.text(ready);
        }
        is_identify
    });
    world.until_ready();
    assert_names(&mut world, &[FIRST]);
    let data = r#"{"application_command_counts":{"1":5,"2":0}}"#;
    say(&mut world, format!(r#"{{"op":0,"t":"GUILD_CREATE","s":2,"d":{data},"extra":1}}"#));
    assert_eq!(&*world.dispatches()[1].data, data);
}

#[test]
fn identify_says_nothing_that_is_not_documented() {
    let config =
        config().large_threshold(50).shard(1, 2).presence(shardwire::proto::Presence::default());
    let mut world = World::new(options(), config);
    world.start();
    world.until_ready();
    let identify: serde_json::Value =
        serde_json::from_str(world.sent(Opcode::IDENTIFY)[0].data()).expect("JSON");
    let keys: Vec<&String> = identify.as_object().expect("an object").keys().collect();
    let documented = ["intents", "large_threshold", "presence", "properties", "shard", "token"];
    assert_eq!(keys, documented);
    assert_eq!(violations(&world), [""; 0], "the mock punishes what such servers punish");
}

#[test]
fn a_server_that_names_no_resume_address_is_resumed_at_the_base_address() {
    for data in [r#"{"session_id":"abc"}"#, r#"{"session_id":"abc","resume_gateway_url":null}"#] {
        let ready = format!(r#"{{"op":0,"t":"READY","s":1,"d":{data}}}"#);
        let mut world = odd(move |heard, line| {
            let is_identify = matches!(heard, Heard::Message(Opcode::IDENTIFY, _));
            if is_identify {
                line.text(ready.as_str());
            }
            is_identify
        });
        world.until_ready();
        world.names();
        world.cut();
        world.until_ready();
        let lost = ["disconnected closed-1006 resume/base"];
        assert_names(&mut world, &[&lost, BACK, &["RESUMED 2", "resumed 0", "status ready"]]);
    }
}

#[test]
fn faults_are_told_in_words_that_name_what_was_expected() {
    let mut world = polite_and_ready();
    say(&mut world, "<html><body>502 Bad Gateway</body></html>");
    let fault: Fault = faults(&world).remove(0);
    assert_eq!(fault.code(), "bad-envelope");
    assert!(fault.to_string().contains("expected"), "{fault}");
}
