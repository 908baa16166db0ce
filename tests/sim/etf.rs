//! `encoding=etf`: the same life in another notation. Conformance "Genuine bytes".

use serde_json::Value;
use shardwire::{
    proto::{
        Command, CommandError, Compression, Config, ConfigBuilder, Encoding, Frame, Intents,
        Opcode, Presence, Status,
    },
    testing::{self, ByHand, GatewayOptions, Heard, Host, Line, World},
};

use crate::{support::*, wide_integers::with_wide_integers_as_texts};

fn etf() -> ConfigBuilder {
    config().encoding(Encoding::Etf)
}

// Terms by hand, as Erlang writes them.

fn atom(name: &str) -> Vec<u8> {
    [&[100, 0, u8::try_from(name.len()).expect("short")], name.as_bytes()].concat()
}

fn binary(text: &str) -> Vec<u8> {
    [&[109, 0, 0, 0, u8::try_from(text.len()).expect("short")], text.as_bytes()].concat()
}

fn small(number: u8) -> Vec<u8> {
    vec![97, number]
}

/// An id or a time: eight bytes, the lowest first.
fn big(number: u64) -> Vec<u8> {
    [&[110, 8, 0], number.to_le_bytes().as_slice()].concat()
}

/// Erlang's short form of lists of small integers.
fn string(items: &[u8]) -> Vec<u8> {
    [&[107, 0, u8::try_from(items.len()).expect("short")], items].concat()
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let count = u8::try_from(items.len()).expect("few");
    [&[108, 0, 0, 0, count], items.concat().as_slice(), &[106]].concat()
}

const EMPTY_LIST: [u8; 1] = [106];

fn map<const COUNT: usize>(pairs: [(Vec<u8>, Vec<u8>); COUNT]) -> Vec<u8> {
    let mut term = vec![116, 0, 0, 0, u8::try_from(COUNT).expect("few")];
    term.extend(pairs.into_iter().flat_map(|(key, value)| [key, value]).flatten());
    term
}

fn message(name: Vec<u8>, sequence: Vec<u8>, op: u8, data: Vec<u8>) -> Vec<u8> {
    let envelope =
        map([(atom("d"), data), (atom("op"), small(op)), (atom("s"), sequence), (atom("t"), name)]);
    [vec![131], envelope].concat()
}

fn hello() -> Vec<u8> {
    let data = map([
        (atom("_trace"), list(&[binary(r#"["gateway-prd",{"micros":0.0}]"#)])),
        // 41250 as INTEGER_EXT.
        (atom("heartbeat_interval"), vec![98, 0, 0, 0xA1, 0x22]),
    ]);
    message(atom("nil"), atom("nil"), 10, data)
}

fn ready_by_hand() -> Vec<u8> {
    let guild =
        map([(atom("id"), big(1_099_511_627_776_123_457)), (atom("unavailable"), atom("true"))]);
    let data = map([
        (atom("_trace"), list(&[binary("[]")])),
        (atom("guilds"), list(&[guild])),
        (atom("presences"), EMPTY_LIST.to_vec()),
        (atom("resume_gateway_url"), binary("wss://resume.mock")),
        (atom("session_id"), binary("abc")),
        (atom("session_type"), atom("normal")),
        (atom("shard"), string(&[0, 1])),
        (
            atom("user"),
            map([(atom("avatar"), atom("nil")), (atom("id"), big(1_099_511_627_776_123_456))]),
        ),
        (atom("v"), small(10)),
    ]);
    message(atom("READY"), small(1), 0, data)
}

/// A server that says what a server must, in the form that Discord's own bytes have.
fn genuine(heard: &Heard, line: &mut Line) {
    match heard {
        Heard::Connected(_) => line.binary(hello()),
        Heard::Message(Opcode::HEARTBEAT, _) => {
            line.binary(message(atom("nil"), atom("nil"), 11, atom("nil")));
        }
        Heard::Message(Opcode::IDENTIFY, _) => line.binary(ready_by_hand()),
        Heard::Message(Opcode::RESUME, _) => {
            line.binary(message(atom("RESUMED"), big(1 << 32 | 1), 0, map([])));
        }
        _ => {}
    }
}

fn genuine_and_ready() -> World<ByHand> {
    let mut world = World::against(ByHand::new(genuine), etf().build().expect("valid"));
    world.start();
    world.until_ready();
    assert_names(&mut world, &[FIRST]);
    world
}

fn say_term(world: &mut World<ByHand>, name: &str, sequence: Vec<u8>, data: Vec<u8>) {
    world.server_mut().line().binary(message(atom(name), sequence, 0, data));
    world.pass_ms(100);
}

#[test]
fn discords_own_form_is_read_through_the_whole_machine() {
    let mut world = genuine_and_ready();
    assert!(world.opened_urls()[0].contains("v=10&encoding=etf"), "{:?}", world.opened_urls());
    assert_eq!(
        &*world.dispatches()[0].data,
        concat!(
            r#"{"_trace":["[]"],"guilds":[{"id":"1099511627776123457","unavailable":true}],"presences":[],"#,
            r#""resume_gateway_url":"wss://resume.mock","session_id":"abc","session_type":"normal","#,
            r#""shard":[0,1],"user":{"avatar":null,"id":"1099511627776123456"},"v":10}"#
        )
    );
    assert!(!world.dispatches()[0].has_wide_integers);

    let presence = map([
        (atom("activities"), EMPTY_LIST.to_vec()),
        (atom("since"), big(1_770_595_006_719)),
        (atom("status"), atom("online")),
    ]);
    say_term(&mut world, "PRESENCE_UPDATE", small(2), presence);
    assert_eq!(
        &*world.dispatches()[1].data,
        r#"{"activities":[],"since":"1770595006719","status":"online"}"#
    );

    let text = map([
        (binary("content"), binary("a \"b\"\n")),
        (binary("id"), big(1_099_511_627_776_123_458)),
        (binary("nonce"), binary("1099511627776123459")),
        (atom("pinned"), atom("false")),
        (small(7), string(b"text")),
    ]);
    say_term(&mut world, "MESSAGE_CREATE", small(3), text);
    assert_eq!(
        &*world.dispatches()[2].data,
        concat!(
            r#"{"content":"a \"b\"\n","id":"1099511627776123458","nonce":"1099511627776123459","#,
            r#""pinned":false,"7":[116,101,120,116]}"#
        )
    );
    assert_eq!(faults(&world), []);
}

#[test]
fn a_sequence_that_outgrows_31_bits_is_counted_beaten_and_resumed_from() {
    let mut world = genuine_and_ready();
    say_term(&mut world, "A", big(1 << 32), map([]));
    assert_eq!(world.dispatches()[1].sequence, 1 << 32);
    world.pass(60);
    assert_eq!(world.sent(Opcode::HEARTBEAT).last().expect("a beat").data(), "4294967296");
    world.cut();
    world.until_ready();
    let resume: Value = serde_json::from_str(world.sent(Opcode::RESUME)[0].data()).expect("JSON");
    assert_eq!(resume["seq"], 1_u64 << 32);
    assert_eq!(world.session().expect("a session").sequence, 1 << 32 | 1);
}

#[test]
fn with_each_compression_the_same_story_gives_the_events_of_json_but_for_wide_integers() {
    let tell = |encoding, compression| {
        let options = GatewayOptions { guilds: 3, rate: 50.0, events: Some(200), ..options() };
        let config = Config::builder(TOKEN, Intents::ALL)
            .url("wss://gateway.mock")
            .encoding(encoding)
            .compression(compression);
        let mut world = World::new(options, config);
        world.start();
        world.until_ready();
        world.pass(2);
        world.send(&Command::UpdatePresence(Presence::default())).expect("room");
        world.emit(
            "WIDE",
            r#"{"since":1770595006719,"near":-2147483649,"far":-2147483648,"n":1.5}"#,
        );
        world.cut();
        world.until_ready();
        world.pass(4);
        world.inject(testing::Fault::InvalidSession { resumable: Some(false) });
        world.pass(10);
        assert_eq!(world.hosts(), [Host::Base, Host::Resume, Host::Base]);
        assert_eq!(world.status(), Status::Ready);
        assert_eq!(violations(&world), [""; 0]);
        assert_eq!(world.sent(Opcode::PRESENCE_UPDATE).len(), 1);
        world
            .dispatches()
            .into_iter()
            .filter(|dispatch| &*dispatch.name != "RESUMED")
            .map(|dispatch| {
                let data: Value = dispatch.deserialize().expect("JSON");
                (dispatch.name.clone(), dispatch.sequence, data)
            })
            .collect::<Vec<_>>()
    };
    let by_json = tell(Encoding::Json, Compression::None);
    assert!(by_json.len() > 200, "{}", by_json.len());
    for compression in [Compression::None, Compression::ZlibStream, Compression::ZstdStream] {
        let by_etf = tell(Encoding::Etf, compression);
        assert_eq!(by_etf.len(), by_json.len(), "{compression:?}");
        for ((name, sequence, data), (json_name, json_sequence, json)) in
            by_etf.iter().zip(&by_json)
        {
            assert_eq!((name, sequence), (json_name, json_sequence), "{compression:?}");
            let expected = with_wide_integers_as_texts(json.clone());
            assert_eq!(data, &expected, "{compression:?} {name}");
        }
    }
}

#[test]
fn what_the_client_sends_is_etf_with_texts_as_keys() {
    // The mock reads the tags of the keys by a reader of its own; atoms would be a violation with 4002.
    let mut world = ready_with(options(), etf());
    world.send(&Command::UpdatePresence(Presence::default())).expect("room");
    world.pass(50);
    assert_eq!(violations(&world), [""; 0]);
    for op in [Opcode::IDENTIFY, Opcode::PRESENCE_UPDATE, Opcode::HEARTBEAT] {
        assert!(!world.sent(op).is_empty(), "{op}");
    }
    assert_eq!(faults(&world), []);
}

#[test]
fn a_command_that_etf_has_no_form_for_is_refused_and_not_sent() {
    let mut world = ready_with(options(), etf());
    let raw = |data: &str| Command::raw(Opcode(31), data).expect("JSON");
    for (data, expected) in [
        ("[1e999]".to_owned(), "expected numbers that a float can hold"),
        ("[".repeat(200) + &"]".repeat(200), "expected values that are less deeply nested"),
    ] {
        let refused = world.send(&raw(&data)).expect_err("no form");
        assert_eq!(refused, CommandError::Inexpressible(expected));
        assert_eq!((refused.code(), refused.to_string().as_str()), ("bad-command", expected));
    }
    world.send(&raw(r#"{"guild_ids":["1"]}"#)).expect("room");
    world.pass(1);
    assert_eq!(world.sent(Opcode(31)).len(), 1);
    assert_eq!(violations(&world), [""; 0]);
    // JSON takes any number.
    let mut world = ready();
    world.send(&raw("[1e999]")).expect("room");
}

#[test]
fn texts_broken_terms_and_other_tags_end_the_connection_and_the_session_is_resumed() {
    let bad = [
        Frame::Text(ACK.into()),
        Frame::Binary(ACK.into()),
        Frame::Binary(Vec::new()),
        Frame::Binary(vec![131]),
        Frame::Binary(vec![131, 106]),
        Frame::Binary(vec![131, 88, 0, 0]),
        Frame::Binary([vec![131], [104, 1].repeat(100_000)].concat()),
        Frame::Binary(message(atom("A"), binary("2"), 0, map([]))[..20].to_vec()),
        Frame::Binary(message(atom("A"), binary("2"), 0, map([]))),
    ];
    for frame in bad {
        let mut world = genuine_and_ready();
        world.server_mut().line().frame(frame.clone());
        world.pass_ms(100);
        let faults = faults(&world);
        assert_eq!(faults.len(), 1, "{frame:?}");
        // A text is of the wrong kind, as all the others would be.
        let is_of_its_kind = matches!(frame, Frame::Binary(_));
        let code = if is_of_its_kind { "bad-envelope" } else { "bad-compression" };
        assert_eq!(faults[0].code(), code, "{frame:?} {faults:?}");
        world.until_ready();
        assert_eq!(world.sent(Opcode::RESUME).len(), 1, "{frame:?}");
    }
}

#[test]
fn a_corrupt_message_comes_again_whole() {
    for compression in [Compression::None, Compression::ZlibStream, Compression::ZstdStream] {
        let mut world = ready_with(options(), etf().compression(compression));
        world.inject(testing::Fault::Corrupt { times: 1 });
        world.emit("A", r#"{"key":"value"}"#);
        world.pass_ms(100);
        world.until_ready();
        let last = world.dispatches().into_iter().rfind(|dispatch| &*dispatch.name == "A").cloned();
        assert_eq!(&*last.expect("A").data, r#"{"key":"value"}"#, "{compression:?}");
        assert_eq!(world.hosts(), [Host::Base, Host::Resume], "{compression:?}");
    }
}
