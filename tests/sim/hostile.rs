//! Servers that mean harm, or are broken beyond sense. Nothing may panic, storm or grow without bound.

use std::time::Duration;

use shardwire::{
    proto::{
        Close, CloseCode, Compression, Config, Fault, Frame, Input, Instant, Limits, Opcode,
        Output, Random, ShardMachine, Status, Verdict,
    },
    testing::{ByHand, Heard, Host, Line, World},
};

use crate::support::*;

/// A world whose server first does what `react` says, and else what is expected.
fn world_with(react: impl Fn(&Heard, &mut Line) + 'static) -> World<ByHand> {
    by_hand(move |heard, line| {
        react(heard, line);
        polite(heard, line);
    })
}

/// How many messages left in the fullest minute of one connection.
fn fullest_minute(world: &World<ByHand>) -> usize {
    let sends = world.shard(0).sends();
    let within = |first: usize| {
        let end = sends[first].at + Duration::from_secs(60);
        sends[first..]
            .iter()
            .take_while(|sent| sent.at < end)
            .filter(|sent| sent.connection == sends[first].connection)
            .count()
    };
    (0..sends.len()).map(within).max().unwrap_or_default()
}

#[test]
fn texts_that_are_no_gateway_messages_end_the_connection_and_the_session_is_resumed() {
    for garbage in [
        "",
        " ",
        "null",
        "[]",
        "{}",
        "{",
        "}",
        "\"",
        "<html><body>502 Bad Gateway</body></html>",
        r#"{"op":"0"}"#,
        r#"{"op":-1}"#,
        r#"{"op":0.5}"#,
        r#"{"op":0,"s":"1"}"#,
        r#"{"op":0,"s":-1}"#,
        r#"{"op":0,"s":18446744073709551616}"#,
        r#"{"op":0,"t":5}"#,
        r#"{"op":11}{"op":11}"#,
        "{\"op\":11,\"d\":\"\u{0}\"",
        "\u{feff}{\"op\":11}",
    ] {
        let mut world = polite_and_ready();
        say(&mut world, garbage);
        assert_eq!(faults(&world).len(), 1, "{garbage}");
        assert_eq!(faults(&world)[0].code(), "bad-envelope", "{garbage}");
        world.until_ready();
        assert_eq!(world.sent(Opcode::RESUME).len(), 1, "{garbage}");
    }
}

#[test]
fn chance_bytes_in_any_phase_never_panic_and_the_shard_comes_back() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut noise = move || -> Vec<u8> {
            let length = random.bits() % 200;
            (0..length).map(|_| u8::try_from(random.bits() & 0xFF).expect("a byte")).collect()
        };
        let compression = [
            Compression::None,
            Compression::ZlibStream,
            Compression::ZstdStream,
            Compression::Payload,
        ];
        let compression = compression[usize::try_from(seed % 4).expect("small")];
        let config = config().compression(compression).build().expect("valid");
        let mut world = World::against(ByHand::new(polite), config);
        world.start();
        for _ in 0..30 {
            let bytes = noise();
            let frame = match seed % 3 {
                0 => Frame::Binary(bytes),
                _ => Frame::Text(String::from_utf8_lossy(&bytes).into_owned()),
            };
            world.server_mut().line().frame(frame);
            world.pass_ms(seed * 7);
        }
        assert_ne!(world.status(), Status::Stopped);
        let events = world.events().len();
        assert!(events < 500, "{events}");
    }
}

#[test]
fn every_beginning_of_a_message_is_refused_and_none_panics() {
    for whole in [HELLO, READY, ACK] {
        for end in 0..whole.len() {
            let mut world = polite_and_ready();
            say(&mut world, &whole[..end]);
            assert_eq!(faults(&world).len(), 1, "{}", &whole[..end]);
        }
    }
}

#[test]
fn a_deeply_nested_message_does_no_harm() {
    let mut world = polite_and_ready();
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    say(&mut world, format!(r#"{{"op":0,"t":"DEEP","s":2,"d":{deep}}}"#));
    assert_names(&mut world, &[&["DEEP 2"]]);
    for (opcode, fault) in [(9, "invalid-session"), (10, "")] {
        let mut world = polite_and_ready();
        say(&mut world, format!(r#"{{"op":{opcode},"d":{deep}}}"#));
        let codes: Vec<&str> = faults(&world).iter().map(Fault::code).collect();
        assert_eq!(codes.concat(), fault);
    }
}

#[test]
fn a_message_above_the_limit_is_refused_before_it_is_read() {
    let limits = Limits { message_bytes: 1000, ..Limits::default() };
    let config = config().limits(limits).build().expect("valid");
    let mut world = World::against(ByHand::new(polite), config);
    world.start();
    world.until_ready();
    let long = |bytes: usize| {
        let rest = dispatch("A", 2).len();
        format!(r#"{{"t":"A","s":2,"op":0,"d":{{}}{}}}"#, " ".repeat(bytes - rest))
    };
    say(&mut world, long(1000));
    assert_eq!(faults(&world), []);
    say(&mut world, long(1001));
    assert_eq!(faults(&world), [Fault::Oversized { limit: 1000 }]);
}

#[test]
fn many_tiny_messages_are_all_taken() {
    let mut world = polite_and_ready();
    for _ in 0..20_000 {
        world.server_mut().line().text(r#"{"op":11}"#);
    }
    world.pass(1);
    assert_names(&mut world, &[]);
    assert_eq!(world.status(), Status::Ready);
}

#[test]
fn a_flood_of_op_1_never_makes_more_than_120_messages_a_minute() {
    let mut world = polite_and_ready();
    for _ in 0..300 {
        for _ in 0..20 {
            world.server_mut().line().text(r#"{"op":1}"#);
        }
        world.pass(1);
    }
    assert!(fullest_minute(&world) <= 120, "{}", fullest_minute(&world));
    assert_eq!(faults(&world), []);
}

#[test]
fn a_flood_of_op_1_before_hello_and_before_identify_counts_too() {
    let mut world = world_with(|heard, line| {
        if matches!(heard, Heard::Connected(_)) {
            (0..200).for_each(|_| line.text(r#"{"op":1}"#));
        }
    });
    // The turn to identify comes later than the flood.
    world.pass(1);
    assert!(!world.sent(Opcode::HEARTBEAT).is_empty());
    for _ in 0..600 {
        world.server_mut().line().text(r#"{"op":1}"#);
        world.pass_ms(100);
    }
    assert!(fullest_minute(&world) <= 120, "{}", fullest_minute(&world));
}

#[test]
fn a_flood_of_op_1_while_the_turn_to_identify_is_awaited_leaves_room_for_the_identify() {
    let mut is_first = true;
    let mut world = by_hand(move |heard, line| match heard {
        // The first session dies at once, so that the second identify has to wait for its turn.
        Heard::Message(Opcode::IDENTIFY, _) if is_first => {
            is_first = false;
            line.text(r#"{"op":9,"d":false}"#);
        }
        Heard::Message(Opcode::IDENTIFY, _) => {}
        heard => {
            polite(heard, line);
            if matches!(heard, Heard::Connected(_)) && !is_first {
                (0..500).for_each(|_| line.text(r#"{"op":1}"#));
            }
        }
    });
    world.pass(30);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 2, "{}", world.story());
    assert!(fullest_minute(&world) <= 120, "{}", fullest_minute(&world));
}

#[test]
fn op_7_after_each_ready_and_resumed_is_followed_at_a_bearable_pace() {
    let mut world = by_hand(|heard, line| {
        polite(heard, line);
        if matches!(heard, Heard::Message(Opcode::IDENTIFY | Opcode::RESUME, _)) {
            line.text(r#"{"op":7}"#);
        }
    });
    world.pass(600);
    let connects = world.opened_urls().len();
    assert!(connects <= 10 * 120, "{connects}");
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1);
}

#[test]
fn op_7_in_place_of_every_hello_is_followed_ever_more_slowly() {
    let mut world = by_hand(|heard, line| {
        if matches!(heard, Heard::Connected(_)) {
            line.text(r#"{"op":7}"#);
        }
    });
    world.pass(3600);
    let connects = world.opened_urls().len();
    assert!((60..=130).contains(&connects), "{connects}");
}

#[test]
fn op_9_after_each_ready_never_identifies_faster_than_every_five_seconds_and_spares_the_token() {
    for data in ["true", "false"] {
        let mut world = by_hand(move |heard, line| {
            polite(heard, line);
            if matches!(heard, Heard::Message(Opcode::IDENTIFY | Opcode::RESUME, _)) {
                line.text(format!(r#"{{"op":9,"d":{data}}}"#));
            }
        });
        world.pass(6 * 3600);
        let identifies = world.sent(Opcode::IDENTIFY);
        assert!(identifies.len() <= 1000, "{data}: {}", identifies.len());
        for pair in identifies.windows(2) {
            assert!(pair[1].at.saturating_since(pair[0].at) >= Duration::from_secs(5));
        }
        if data == "false" {
            assert!(world.names().contains(&"notice identify-held-back".to_owned()));
        }
    }
}

#[test]
fn a_ready_without_a_session_id_is_a_fault_and_no_session() {
    for data in ["null", "{}", "[]", r#"{"session_id":null}"#, r#"{"session_id":5}"#] {
        let ready = format!(r#"{{"op":0,"t":"READY","s":1,"d":{data}}}"#);
        let mut world = by_hand(move |heard, line| match heard {
            Heard::Message(Opcode::IDENTIFY, _) => line.text(ready.as_str()),
            heard => polite(heard, line),
        });
        world.pass(2);
        assert_eq!(world.session(), None, "{data}");
        assert_eq!(faults(&world)[0].code(), "bad-payload", "{data}");
        world.pass(3600);
        let identifies = world.sent(Opcode::IDENTIFY).len();
        assert!((40..=60).contains(&identifies), "{data}: {identifies}");
    }
}

#[test]
fn an_absurd_heartbeat_interval_makes_neither_a_panic_nor_a_flood() {
    for interval in ["1", "2", "50", "4294967296", "18446744073709551615"] {
        let hello = format!(r#"{{"op":10,"d":{{"heartbeat_interval":{interval}}}}}"#);
        let mut world = by_hand(move |heard, line| match heard {
            Heard::Connected(_) => line.text(hello.as_str()),
            heard => polite(heard, line),
        });
        world.delay(0);
        world.pass(600);
        assert!(fullest_minute(&world) <= 120, "{interval}: {}", fullest_minute(&world));
        assert_ne!(world.status(), Status::Stopped);
    }
    for interval in ["0", "-1", "1.5e400", "18446744073709551616", "\"41250\"", "true"] {
        let hello = format!(r#"{{"op":10,"d":{{"heartbeat_interval":{interval}}}}}"#);
        let mut world = by_hand(move |heard, line| match heard {
            Heard::Connected(_) => line.text(hello.as_str()),
            heard => polite(heard, line),
        });
        world.pass(3600);
        assert!(faults(&world).iter().all(|fault| fault.code() == "bad-payload"), "{interval}");
        let connects = world.opened_urls().len();
        assert!((60..=130).contains(&connects), "{interval}: {connects}");
    }
}

#[test]
fn a_resume_address_that_is_foreign_or_less_safe_is_told_and_never_opened() {
    for url in [
        "ws://resume.mock",
        "http://resume.mock",
        "https://resume.mock",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "wss://user:password@resume.mock",
        "wss://",
        "wss://resume.mock/\\r\\nX: y",
        "//resume.mock",
        "",
    ] {
        let ready = READY.replace("wss://resume.mock", url);
        let mut world = by_hand(move |heard, line| match heard {
            Heard::Message(Opcode::IDENTIFY, _) => line.text(ready.as_str()),
            heard => polite(heard, line),
        });
        world.until_ready();
        let told = [&FIRST[..4], &["notice bad-resume-url"], &FIRST[4..]].concat();
        assert_names(&mut world, &[&told]);
        world.cut();
        world.until_ready();
        assert_eq!(world.hosts(), [Host::Base, Host::Base], "{url}");
        assert_eq!(world.sent(Opcode::RESUME).len(), 1, "{url}");
        let lost = ["disconnected closed-1006 resume/base"];
        assert_names(&mut world, &[&lost, BACK, &["RESUMED 2", "resumed 0", "status ready"]]);
    }
}

#[test]
fn every_close_code_there_is_has_a_meaning_and_none_panics() {
    for code in 0..=u16::MAX {
        let config = config().build().expect("valid");
        let mut machine = ShardMachine::new(config, 1);
        machine.handle(Input::Start, Instant::ZERO);
        let Output::Open(id, _) = machine.poll_output() else { panic!("expected a socket") };
        machine.handle(Input::Opened(id), Instant::ZERO);
        machine.handle(Input::Closed(id, Some(Close::new(code, ""))), Instant::ZERO);
        let is_over = machine.status() == Status::Stopped;
        assert_eq!(is_over, CloseCode::of(code).verdict == Verdict::Stop, "{code}");
    }
}

#[test]
fn a_reason_or_an_error_of_any_length_takes_bounded_memory() {
    let long = "x".repeat(1 << 20);
    let error = shardwire::proto::TransportError::new(long);
    assert!(error.to_string().len() < 400);
}

#[test]
fn a_flood_of_unknown_opcodes_is_told_one_by_one_and_the_connection_lives() {
    let mut world = polite_and_ready();
    for _ in 0..1000 {
        world.server_mut().line().text(r#"{"op":99}"#);
    }
    world.pass(1);
    assert_eq!(world.names().len(), 1000);
    assert_eq!(world.status(), Status::Ready);
}

#[test]
fn a_second_ready_on_a_live_connection_begins_another_session_without_a_crash() {
    let mut world = polite_and_ready();
    say(&mut world, dispatch("A", 7));
    say(&mut world, READY.replace("abc", "other"));
    let session = world.session().expect("a session");
    assert_eq!((session.id.as_str(), session.sequence), ("other", 1));
    assert_eq!(world.status(), Status::Ready);
}

#[test]
fn a_resumed_that_nobody_asked_for_is_an_event_like_any_other() {
    let mut world = polite_and_ready();
    say(&mut world, dispatch("RESUMED", 2));
    assert_names(&mut world, &[&["RESUMED 2"]]);
    let mut world = by_hand(|heard, line| match heard {
        Heard::Message(Opcode::IDENTIFY, _) => {
            line.text(dispatch("RESUMED", 1));
            line.text(READY);
        }
        heard => polite(heard, line),
    });
    world.until_ready();
    assert_names(&mut world, &[&FIRST[..4], &["RESUMED 1"], &FIRST[4..]]);
}

#[test]
fn what_a_user_types_as_an_address_cannot_smuggle_anything() {
    for url in [
        "https://gateway.mock",
        "wss://a b",
        "wss://gateway.mock/\r\nX: y",
        "wss://user@gateway.mock",
        "gateway.mock",
        "wss://",
        "ws://gateway.mock",
    ] {
        let built = Config::builder(TOKEN, shardwire::proto::Intents::NONE).url(url).build();
        assert!(built.is_err(), "{url}");
    }
}
