//! Messages that cannot be taken in, and that a replay brings again: without sense, broken by themselves, too large.

use flate2::{Compress, FlushCompress};
use shardwire::{
    proto::{
        Compression, ConfigBuilder, Encoding, EnvelopeError, Event, Fault, Frame, Limits, Notice,
        Opcode,
    },
    testing::{self, ByHand, Heard, Line, World},
};

use crate::support::*;

/// Event data whose bracket never closes, so that nobody can tell where the event ends.
const OPEN: &str = r#"{"a":"#;

/// Stands for a message that is broken by itself, whatever that is in the form it has.
const SPOILT: &str = "spoilt";

/// What a user sees of a lost connection until the replay begins.
fn lost(what: &str) -> Vec<String> {
    let lost = format!("disconnected {what} resume/resume");
    [&[lost.as_str()], BACK].concat().into_iter().map(str::to_owned).collect()
}

#[track_caller]
fn assert_lost_once<S: testing::Server>(world: &mut World<S>, what: &str, then: &[&str]) {
    let lost = lost(what);
    let lost: Vec<&str> = lost.iter().map(String::as_str).collect();
    assert_names(world, &[&lost, then]);
}

/// A polite server, but for its answer to each resume, which is told how many there were.
fn with_replay(replay: impl Fn(u64, &mut Line) + 'static) -> World<ByHand> {
    let mut resumes = 0;
    let mut world = by_hand(move |heard, line| {
        if matches!(heard, Heard::Message(Opcode::RESUME, _)) {
            resumes += 1;
            replay(resumes, line);
        } else {
            polite(heard, line);
        }
    });
    world.until_ready();
    assert_names(&mut world, &[FIRST]);
    world
}

#[test]
fn an_event_that_cannot_be_read_costs_one_connection_and_is_then_passed_over() {
    for (compression, encoding) in [
        (Compression::None, Encoding::Json),
        (Compression::Payload, Encoding::Json),
        (Compression::ZlibStream, Encoding::Json),
        (Compression::None, Encoding::Etf),
        (Compression::ZstdStream, Encoding::Etf),
    ] {
        let config = config().compression(compression).encoding(encoding);
        let mut world = ready_with(options(), config);
        world.emit("BAD", OPEN);
        world.emit("GOOD", "{}");
        world.pass_ms(100);
        world.until_ready();
        let told = [
            "notice unreadable-message",
            "notice sequence-gap",
            "GOOD 3",
            "RESUMED 4",
            "resumed 1",
            "status ready",
        ];
        assert_lost_once(&mut world, "bad-envelope", &told);
        assert_eq!(world.info().counters.gaps, 1);
        world.emit("BETTER", "{}");
        world.pass_ms(100);
        assert_names(&mut world, &[&["BETTER 5"]]);
        assert_eq!(violations(&world), [""; 0]);
    }
}

#[test]
fn the_notice_says_what_was_expected() {
    let mut world = ready();
    world.emit("BAD", OPEN);
    world.pass_ms(100);
    world.until_ready();
    let expected = Notice::Unreadable(EnvelopeError("expected the object to end"));
    assert!(world.events().contains(&&Event::Notice(expected.clone())));
    assert_eq!(
        expected.to_string(),
        "passed over a message that is not a gateway message: expected the object to end"
    );
}

#[test]
fn a_fresh_connection_may_bring_an_event_right() {
    let mut world = with_replay(|_, line| {
        line.text(dispatch("A", 2));
        line.text(dispatch("RESUMED", 3));
    });
    say(&mut world, r#"{"t":"A","s":2,"op":0,"d":{"#);
    world.until_ready();
    let told = ["A 2", "RESUMED 3", "resumed 1", "status ready"];
    assert_lost_once(&mut world, "bad-envelope", &told);
}

#[test]
fn one_connection_is_lost_to_any_number_of_unreadable_events_in_a_replay() {
    let mut world = ready();
    for _ in 0..50 {
        world.emit("BAD", OPEN);
        world.emit("GOOD", "{}");
    }
    world.pass_ms(100);
    world.until_ready();
    assert_eq!(faults(&world).len(), 1);
    let names = world.names();
    let count = |name: &str| names.iter().filter(|seen| seen.starts_with(name)).count();
    assert_eq!((count("notice unreadable-message"), count("GOOD ")), (50, 50));
    assert_eq!(world.info().counters.gaps, 50);
    assert_eq!(world.sent(Opcode::RESUME).len(), 1);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1);
}

#[test]
fn a_connection_that_was_no_better_passes_over_at_once_and_the_next_one_is_given_its_chance() {
    let mut world = ready();
    world.emit("BAD", OPEN);
    world.pass_ms(100);
    world.until_ready();
    world.emit("BAD", OPEN);
    world.pass(1);
    assert_eq!(faults(&world).len(), 1);
    world.cut();
    world.until_ready();
    world.emit("GOOD", "{}");
    world.emit("BAD", OPEN);
    world.pass(1);
    world.until_ready();
    let codes: Vec<&str> = faults(&world).iter().map(Fault::code).collect();
    assert_eq!(codes, ["bad-envelope", "closed", "bad-envelope"]);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1);
}

#[test]
fn a_session_outlives_a_server_that_spoils_another_event_in_each_replay() {
    let mut world = with_replay(|resumes, line| {
        (2..=resumes).for_each(|sequence| line.text(dispatch("A", sequence)));
        if resumes < 8 {
            line.text(r#"{"t":"A","s":"#);
        } else {
            line.text(dispatch("RESUMED", resumes + 1));
        }
    });
    say(&mut world, "");
    world.until_ready();
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1);
    assert_eq!(world.session().map(|session| session.sequence), Some(9));
}

#[test]
fn without_a_session_each_unreadable_message_costs_its_connection() {
    for awaited in [Opcode::HEARTBEAT, Opcode::IDENTIFY] {
        let mut world = by_hand(move |heard, line| match heard {
            Heard::Connected(_) if awaited == Opcode::HEARTBEAT => line.text(&HELLO[..40]),
            Heard::Message(Opcode::IDENTIFY, _) => line.text(&READY[..80]),
            heard => polite(heard, line),
        });
        world.pass(600);
        let faults = faults(&world);
        assert!(faults.len() > 5, "{}", faults.len());
        assert!(faults.iter().all(|fault| fault.code() == "bad-envelope"));
        assert_eq!(world.info().counters.resumes, 0);
    }
}

/// A session with one event that is spoilt on every connection: it costs the first of them, and nothing else is lost.
#[track_caller]
fn assert_only_it_is_lost(
    config: ConfigBuilder,
    mut write: impl FnMut(&str, bool) -> Frame + 'static,
) {
    let react = move |heard: &Heard, line: &mut Line| match heard {
        Heard::Connected(_) => line.frame(write(HELLO, true)),
        Heard::Message(Opcode::HEARTBEAT, _) => line.frame(write(ACK, false)),
        Heard::Message(opcode @ (Opcode::IDENTIFY | Opcode::RESUME), _) => {
            if *opcode == Opcode::IDENTIFY {
                line.frame(write(READY, false));
            }
            for text in [SPOILT, &dispatch("B", 3), &dispatch("RESUMED", 4)] {
                line.frame(write(text, false));
            }
        }
        _ => {}
    };
    let mut world = World::against(ByHand::new(react), config.build().expect("valid"));
    world.start();
    world.pass(10);
    let told = [
        "notice unreadable-message",
        "notice sequence-gap",
        "B 3",
        "RESUMED 4",
        "resumed 1",
        "status ready",
    ];
    let lost = lost("bad-envelope");
    let lost: Vec<&str> = lost.iter().map(String::as_str).collect();
    assert_names(&mut world, &[FIRST, &lost, &told]);
}

/// Makes the messages of a zlib stream; the second argument tells whether a connection begins.
fn deflate() -> impl FnMut(&[u8], bool) -> Frame {
    let mut deflater = Compress::new(flate2::Compression::default(), true);
    move |text, is_fresh| {
        if is_fresh {
            deflater.reset();
        }
        let mut out = Vec::with_capacity(text.len() + 1024);
        deflater.compress_vec(text, &mut out, FlushCompress::Sync).expect("in memory");
        Frame::Binary(out)
    }
}

/// `text` as a term, or a term that breaks off.
fn term(text: &str) -> Vec<u8> {
    let is_spoilt = text == SPOILT;
    let text = if is_spoilt { dispatch("A", 2) } else { text.to_owned() };
    let Ok(Frame::Binary(mut term)) = Encoding::Etf.encode(text) else {
        panic!("expected JSON to have a form in ETF")
    };
    if is_spoilt {
        term.pop();
    }
    term
}

#[test]
fn an_inflated_message_that_is_no_text_is_unreadable_and_the_stream_goes_on_behind_it() {
    let mut deflate = deflate();
    assert_only_it_is_lost(config().compression(Compression::ZlibStream), move |text, is_fresh| {
        let no_text = b"{\"t\":\"A\",\"s\":2,\"op\":0,\"d\":\"\xFF\"}";
        deflate(if text == SPOILT { no_text } else { text.as_bytes() }, is_fresh)
    });
}

#[test]
fn a_term_that_cannot_be_read_is_unreadable_and_the_stream_goes_on_behind_it() {
    let etf = config().encoding(Encoding::Etf);
    assert_only_it_is_lost(etf.clone(), |text, _| Frame::Binary(term(text)));
    let mut deflate = deflate();
    assert_only_it_is_lost(etf.compression(Compression::ZlibStream), move |text, is_fresh| {
        deflate(&term(text), is_fresh)
    });
}

#[test]
fn a_compressed_payload_that_cannot_be_inflated_is_unreadable_and_spoils_no_other() {
    for spoilt in [&b""[..], b"no zlib", &[0x78, 0x9C, 0xAB, 0x56]] {
        assert_only_it_is_lost(config().compression(Compression::Payload), move |text, _| {
            if text == SPOILT { Frame::Binary(spoilt.to_vec()) } else { Frame::Text(text.into()) }
        });
    }
}

#[test]
fn a_session_is_resumed_behind_an_event_that_is_too_large_twice() {
    let received = || Limits { message_bytes: 1000, ..Limits::default() };
    let inflated = || Limits { inflated_bytes: 1000, ..Limits::default() };
    for (compression, encoding, limits) in [
        (Compression::None, Encoding::Json, received()),
        (Compression::Payload, Encoding::Json, inflated()),
        (Compression::ZlibStream, Encoding::Json, inflated()),
        (Compression::None, Encoding::Etf, inflated()),
        (Compression::ZlibStream, Encoding::Etf, inflated()),
    ] {
        let config = config().compression(compression).encoding(encoding).limits(limits);
        let mut world = ready_with(options(), config);
        world.inject(testing::Fault::BigMessage { bytes: 5000 });
        world.emit("GOOD", "{}");
        world.pass_ms(100);
        world.until_ready();
        assert_eq!(faults(&world), [const { Fault::Oversized { limit: 1000 } }; 2]);
        let again = lost("oversized");
        let again: Vec<&str> = again.iter().map(String::as_str).collect();
        // The RESUMED that the first resume did not live to see is replayed to the second.
        let told = ["notice sequence-gap", "GOOD 3", "RESUMED 4", "resumed 1", "status ready"];
        let late = ["RESUMED 5"];
        assert_names(&mut world, &[&again, &["notice oversized-message"], &again, &told, &late]);
        assert_eq!(world.sent(Opcode::IDENTIFY).len(), 1);
        assert_eq!(violations(&world), [""; 0]);
    }
}

#[test]
fn a_server_that_says_something_too_large_after_every_resume_gets_a_new_session() {
    let limits = Limits { message_bytes: 1000, ..Limits::default() };
    let react = |heard: &Heard, line: &mut Line| match heard {
        Heard::Message(Opcode::RESUME, _) => line.text(" ".repeat(1001)),
        heard => polite(heard, line),
    };
    let config = config().limits(limits).build().expect("valid");
    let mut world = World::against(ByHand::new(react), config);
    world.start();
    world.until_ready();
    world.cut();
    world.until_ready();
    assert_eq!(world.sent(Opcode::RESUME).len(), 5);
    assert_eq!(world.sent(Opcode::IDENTIFY).len(), 2);
}
