//! Compression in each of its forms: whole, split, empty, broken. Conformance 12 to 17.

use flate2::{Compress, FlushCompress};
use shardwire::{
    proto::{
        Compression, Config, Decoder, Dispatch, Encoding, Fault, Frame, Intents, Limits, Opcode,
        Status,
    },
    testing::{self, ByHand, GatewayOptions, Heard, Host, Line, World},
};

use crate::support::*;

/// HELLO and READY as one stream of the reference zlib (level 6, sync flush), in the form that Discord gives them.
const STREAM: [&str; 2] = [
    "789c34c9410ac2301046e1bbfceb4412d1cd5ca52965da0e5a886d994c1509b9bbddf8561fbc0a03ad47ce0ee58f6d07c5e030832a9ec26aa3b00dcb6aa26fcea05bbcdecf3f98f224a00e5dc2834d3efcf5bbcefe285eb858f4a30f6709ae26bc9649b79240e1125a8fbeb51f000000ffff",
    "aa06d9ad14e4eae812a904b6de106237ccea3288338a538b8b33f3f3e23381824a8949c940b545a9c5a5b9a9f1503be34b8b808e522a2f2eb6d2d78748e9e5e627672bd5d602000000ffff",
];
const TEXTS: [&str; 2] = [
    r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250,"_trace":["[\"gateway-prd-us-east1-b-0000\",{\"micros\":0.0}]"]}}"#,
    r#"{"t":"READY","s":1,"op":0,"d":{"v":10,"session_id":"abc","resume_gateway_url":"wss://resume.mock"}}"#,
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).expect("hex")).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("a byte")).collect()
}

fn decoder() -> Decoder {
    Decoder::new(Compression::ZlibStream, Encoding::Json, 1 << 20)
}

/// The messages that come out when `frames` go in.
fn fed(frames: &[&[u8]]) -> Vec<String> {
    let mut decoder = decoder();
    let mut messages = Vec::new();
    for frame in frames {
        let frame = Frame::Binary(frame.to_vec());
        messages.extend(decoder.feed(&frame).expect("a valid stream").map(str::to_owned));
    }
    messages
}

/// The server's half of one stream, by another implementation than the client's.
struct Deflater(Compress);

impl Deflater {
    fn new() -> Self {
        Self(Compress::new(flate2::Compression::default(), true))
    }

    fn message(&mut self, text: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 1024);
        self.0.compress_vec(text.as_bytes(), &mut out, FlushCompress::Sync).expect("in memory");
        out
    }
}

fn zlib() -> shardwire::proto::ConfigBuilder {
    config().compression(Compression::ZlibStream)
}

fn zlib_ready() -> World {
    ready_with(options(), zlib())
}

/// A world whose server deflates what the polite one says, as `send` does it.
fn deflating(mut send: impl FnMut(&mut Line, Vec<u8>) + 'static) -> World<ByHand> {
    let mut deflater = Deflater::new();
    let react = move |heard: &Heard, line: &mut Line| {
        let text = match heard {
            Heard::Connected(_) => {
                deflater = Deflater::new();
                HELLO.to_owned()
            }
            Heard::Message(Opcode::HEARTBEAT, _) => ACK.to_owned(),
            Heard::Message(Opcode::IDENTIFY, _) => READY.to_owned(),
            Heard::Message(Opcode::RESUME, _) => dispatch("RESUMED", 9),
            _ => return,
        };
        send(line, deflater.message(&text));
    };
    let mut world = World::against(ByHand::new(react), zlib().build().expect("valid"));
    world.start();
    world
}

#[test]
fn a_stream_of_the_reference_zlib_decodes_to_the_exact_text() {
    let frames = STREAM.map(bytes);
    assert_eq!(frames[0][..2], [0x78, 0x9C]);
    assert_eq!(fed(&[&frames[0], &frames[1]]), TEXTS);
}

#[test]
fn a_whole_message_in_one_frame_is_one_message() {
    let mut world = zlib_ready();
    world.emit("A", r#"{"a":1}"#);
    world.pass(1);
    assert_names(&mut world, &[&["A 2"]]);
    assert_eq!(&*world.dispatches()[1].data, r#"{"a":1}"#);
}

#[test]
fn a_message_may_be_split_anywhere_even_inside_its_suffix() {
    let frames = STREAM.map(bytes);
    let first = &frames[0];
    for cut in 0..=first.len() {
        assert_eq!(fed(&[&first[..cut], &first[cut..], &frames[1]]), TEXTS, "{cut}");
        for second in cut..=first.len().min(cut + 6) {
            let parts = [&first[..cut], &first[cut..second], &first[second..], &frames[1]];
            assert_eq!(fed(&parts), TEXTS, "{cut} {second}");
        }
    }
}

#[test]
fn a_gateway_that_splits_its_messages_is_understood() {
    for parts in [2, 3, 50] {
        let mut world = World::new(GatewayOptions { guilds: 2, ..options() }, zlib());
        world.inject(testing::Fault::Split { parts, times: 1000 });
        world.start();
        world.until_ready();
        world.pass(1);
        assert_names(&mut world, &[FIRST, &["GUILD_CREATE 2", "GUILD_CREATE 3"]]);
        assert!(world.info().counters.messages >= u64::from(parts));
    }
}

#[test]
fn an_empty_frame_and_a_message_without_its_last_two_bytes_mean_not_yet() {
    let frames = STREAM.map(bytes);
    let end = frames[0].len() - 2;
    assert_eq!(fed(&[&[], &frames[0][..end], &[]]), [""; 0]);
    assert_eq!(fed(&[&[], &frames[0][..end], &[], &frames[0][end..], &[], &frames[1]]), TEXTS);
}

#[test]
fn each_connection_has_a_stream_of_its_own() {
    let mut world = zlib_ready();
    for _ in 0..3 {
        world.emit("A", "{}");
        world.pass(1);
        world.cut();
        world.until_ready();
    }
    world.emit("B", "{}");
    world.pass(1);
    assert_eq!(world.names().last().map(String::as_str), Some("B 8"));
    assert!(faults(&world).iter().all(|fault| matches!(fault, Fault::Closed(_))));
}

#[test]
fn a_fresh_stream_in_the_middle_of_another_is_a_fault() {
    let mut world = deflating(Line::binary);
    world.until_ready();
    world.names();
    let fresh = Deflater::new().message(&dispatch("A", 2));
    world.server_mut().line().binary(fresh);
    world.until(10, |world| !faults(world).is_empty());
    let names = world.names();
    assert_eq!(names, ["disconnected bad-compression resume/resume", "status disconnected"]);
}

#[test]
fn data_that_cannot_be_inflated_ends_the_connection_and_the_session_is_resumed() {
    for fault in [
        testing::Fault::RawBytes { hex: b"not zlib at all".to_vec() },
        testing::Fault::RawBytes { hex: vec![0xFF; 64] },
        testing::Fault::Garbage { bytes: 4096 },
    ] {
        let mut world = zlib_ready();
        world.inject(fault.clone());
        // Chance bytes may look like the beginning of a message; the next one tells.
        world.emit("A", "{}");
        world.pass_ms(100);
        world.until_ready();
        let fault = faults(&world).remove(0);
        assert!(matches!(fault.code(), "bad-compression" | "bad-envelope"), "{fault:?}");
        let names = world.names();
        assert!(names[0].ends_with(" resume/resume"), "{names:?}");
        assert!(names.contains(&"A 2".to_owned()), "{names:?}");
        assert_eq!(world.hosts(), [Host::Base, Host::Resume]);
        assert_eq!(world.status(), Status::Ready);
    }
}

#[test]
fn a_corrupt_message_comes_again_whole_in_each_form() {
    for (form, compression, options) in forms() {
        let mut world = ready_with(options, config().compression(compression));
        world.inject(testing::Fault::Corrupt { times: 1 });
        world.emit("A", r#"{"key":"value"}"#);
        world.emit("B", r#"{"key":"value"}"#);
        world.pass_ms(100);
        world.until_ready();
        let seen: Vec<(&str, &str)> = world.dispatches()[1..3]
            .iter()
            .map(|dispatch| (&*dispatch.name, &*dispatch.data))
            .collect();
        assert_eq!(seen, [("A", r#"{"key":"value"}"#), ("B", r#"{"key":"value"}"#)], "{form}");
        assert_eq!(world.hosts(), [Host::Base, Host::Resume], "{form}");
    }
}

#[test]
fn a_finished_stream_is_a_fault_as_the_gateways_stream_never_ends() {
    let mut whole = Vec::with_capacity(1024);
    Compress::new(flate2::Compression::default(), true)
        .compress_vec(HELLO.as_bytes(), &mut whole, FlushCompress::Finish)
        .expect("in memory");
    let mut decoder = decoder();
    assert!(decoder.feed(&Frame::Binary(whole)).is_err());
}

#[test]
fn many_small_messages_in_a_row_and_large_ones_between_all_come_whole_in_each_form() {
    for (form, compression, options) in forms() {
        let mut world = ready_with(options, config().compression(compression));
        for round in 0..16 {
            for _ in 0..50 {
                world.emit("SMALL", "{}");
            }
            world.inject(testing::Fault::BigMessage { bytes: 10_000 << (round % 8) });
            world.pass_ms(100);
        }
        let names: Vec<String> = world.names();
        assert_eq!(names.len(), 16 * 51, "{form}");
        let numbers: Vec<u64> =
            world.dispatches().iter().map(|dispatch| dispatch.sequence).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{form}");
        for dispatch in world.dispatches() {
            let name = &dispatch.name;
            assert!(dispatch.deserialize::<serde_json::Value>().is_ok(), "{form} {name}");
        }
    }
}

#[test]
fn each_form_gives_the_same_events_through_a_cut_and_a_resume() {
    let run = |compression, options| {
        let options = GatewayOptions { guilds: 3, rate: 50.0, events: Some(200), ..options };
        let config = Config::builder(TOKEN, Intents::ALL).compression(compression);
        let mut world = World::new(options, config.url("wss://gateway.mock"));
        world.start();
        world.until_ready();
        world.pass(2);
        world.cut();
        world.until_ready();
        world.pass(4);
        assert_eq!(world.hosts(), [Host::Base, Host::Resume]);
        let told = |dispatch: &&Dispatch| dispatch.name.as_ref() != "RESUMED";
        let events: Vec<_> = world.dispatches().into_iter().filter(told).cloned().collect();
        (events, world.info().counters)
    };
    let [none, others @ ..] = forms();
    let (expected, _) = run(none.1, none.2);
    assert!(expected.len() > 100, "{}", expected.len());
    for (form, compression, options) in others {
        let (events, counters) = run(compression, options);
        assert_eq!(events.len(), expected.len(), "{form}");
        for (event, expected) in events.iter().zip(&expected) {
            let [event, expected] = [event, expected].map(|it| (&it.name, it.sequence, &it.data));
            assert_eq!(event, expected, "{form}");
        }
        assert!(counters.wire_bytes < counters.inflated_bytes, "{form}");
    }
}

#[test]
fn payload_compression_is_asked_for_in_identify_and_read_by_the_kind_of_each_message() {
    let mut world = ready_with(options(), config().compression(Compression::Payload));
    let identify: serde_json::Value =
        serde_json::from_str(world.sent(Opcode::IDENTIFY)[0].data()).expect("JSON");
    assert_eq!(identify["compress"], true);
    let large = format!(r#"{{"text":"{}"}}"#, "again and ".repeat(200));
    let mut ratios = Vec::new();
    for data in [r#"{"a":1}"#, &large, r#"{"a":2}"#, &large] {
        let before = world.info().counters;
        world.emit("A", data);
        world.pass(1);
        let after = world.info().counters;
        assert_eq!(&*world.dispatches().last().expect("an event").data, data);
        let wire = after.wire_bytes - before.wire_bytes;
        ratios.push((after.inflated_bytes - before.inflated_bytes) / wire);
    }
    assert!(ratios[0] == 1 && ratios[1] > 5 && ratios[2] == 1 && ratios[3] > 5, "{ratios:?}");
    assert_eq!(faults(&world), []);
}

#[test]
fn a_large_chunk_that_inflates_a_hundredfold_is_no_bomb_in_any_form() {
    let member = r#"{"roles":[],"nick":null,"mute":false,"deaf":false,"flags":0},"#.repeat(11_000);
    let data = format!("[{}]", member.trim_end_matches(','));
    assert!(data.len() > 650_000);
    for (form, compression, options) in compressed_forms() {
        let mut world = ready_with(options, config().compression(compression));
        let before = world.info().counters;
        world.emit("GUILD_MEMBERS_CHUNK", &data);
        world.pass(1);
        let after = world.info().counters;
        let wire = after.wire_bytes - before.wire_bytes;
        let ratio = (after.inflated_bytes - before.inflated_bytes) / wire;
        assert!(ratio > 60, "{form}: {wire} bytes");
        assert_names(&mut world, &[&["GUILD_MEMBERS_CHUNK 2"]]);
        assert_eq!(&*world.dispatches()[1].data, data, "{form}");
    }
}

#[test]
fn a_message_in_fragments_with_an_empty_last_one_is_one_message_in_each_form() {
    for (form, compression, options) in forms() {
        let mut world = ready_with(options, config().compression(compression));
        world.inject(testing::Fault::Fragments { bytes: 1024, times: 1 });
        world.inject(testing::Fault::BigMessage { bytes: 10_000 });
        world.pass(1);
        assert_eq!(world.names(), ["MOCK_BIG_MESSAGE 2"], "{form}");
    }
}

#[test]
fn a_bomb_bursts_at_the_limit_in_each_form_and_the_next_connection_works() {
    for (_, compression, options) in compressed_forms() {
        let limits = Limits { inflated_bytes: 1 << 20, ..Limits::default() };
        let mut world = ready_with(options, config().compression(compression).limits(limits));
        world.inject(testing::Fault::InflateBomb { bytes: 50 << 20 });
        world.pass_ms(100);
        assert_eq!(faults(&world), [Fault::Oversized { limit: 1 << 20 }]);
        world.until_ready();
        let lost = ["disconnected oversized resume/resume"];
        assert_names(&mut world, &[&lost, BACK, &["RESUMED 2", "resumed 0", "status ready"]]);
    }
}

#[test]
fn a_zstd_message_that_comes_in_pieces_is_a_fault_and_comes_again_whole() {
    for (_, compression, options) in
        compressed_forms().filter(|(form, ..)| form.starts_with("zstd"))
    {
        let mut world = ready_with(options, config().compression(compression));
        world.inject(testing::Fault::Split { parts: 2, times: 1 });
        world.emit("A", r#"{"a":1}"#);
        world.pass_ms(100);
        world.until_ready();
        let lost = ["disconnected bad-compression resume/resume"];
        let back = ["A 2", "RESUMED 3", "resumed 1", "status ready"];
        assert_names(&mut world, &[&lost, BACK, &back]);
    }
}

#[test]
fn a_text_where_a_stream_was_asked_for_is_a_fault_in_each_form() {
    for (form, compression, options) in compressed_forms().filter(|(form, ..)| *form != "payload") {
        let mut world = ready_with(options, config().compression(compression));
        world.inject(testing::Fault::RawText { text: ACK.into() });
        world.pass_ms(100);
        let faults = faults(&world);
        assert_eq!(faults.first().map(Fault::code), Some("bad-compression"), "{form}");
    }
}

#[test]
fn every_split_of_a_conversation_gives_the_same_conversation() {
    for size in 1..40 {
        let mut world = deflating(move |line, packed| {
            packed.chunks(size).for_each(|piece| line.binary(piece));
            line.binary([]);
        });
        world.until_ready();
        assert_names(&mut world, &[FIRST]);
        world.cut();
        world.until_ready();
        let lost = ["disconnected closed-1006 resume/resume"];
        let back = ["notice sequence-gap", "RESUMED 9", "resumed 0", "status ready"];
        assert_names(&mut world, &[&lost, BACK, &back]);
    }
}
