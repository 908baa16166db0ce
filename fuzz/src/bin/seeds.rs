//! Writes the seeds of all targets anew, from what the mock gateway says and from texts of our own:
//! `cargo run --features=seeds --bin=seeds` in this folder. Inputs that a fuzzer found are not touched: they have other names.

use std::{collections::BTreeMap, fs, io, path::Path};

use shardwire::{
    proto::{Frame, Instant},
    testing::{ALL_INTENTS, Gateway, GatewayOptions, Host, Peer, ServerInput, ServerOutput},
};
use shardwire_fuzz::stream::Deflater;

/// Longer messages of the mock would only slow the fuzzer down.
const LONGEST: usize = 6000;

/// The same for terms, where a tag needs but a few bytes.
const LONGEST_TERM: usize = 200;

/// Envelopes that the mock does not make.
const ENVELOPES: [&str; 8] = [
    r#"{"op":0,"t":"A\u0042","s":3,"d":{"content":"}],\"op\":9 \\","x":["\\\"]"]}}"#,
    r#"{ "d" : [1.5e3,-0,9007199254740993,-9007199254740993,01] , "op" : 0 }"#,
    "{\"op\":11}",
    "{\"t\":null,\"s\":null,\"op\":1,\"d\":251}",
    "{\"op\":0,\"d\":\"\\ud83d\\ude00 \\ud800\",\"t\":\"X\"}",
    "{\"op\":0,\"op\":1,\"d\":1,\"d\":{\"op\":2}}",
    "{\"op\":184467440737095516160,\"s\":-1}",
    "[[[[{\"a\":[{}]}]]]]",
];

const PAYLOADS: [(u8, &str); 10] = [
    (0, r#"{"heartbeat_interval":41250,"_trace":["[\"gateway\",{\"micros\":0.0}]"]}"#),
    (0, r#"{"heartbeat_interval":1}"#),
    (0, r#"{"heartbeat_interval":18446744073709551615}"#),
    (1, r#"{"v":10,"session_id":"abc","resume_gateway_url":"wss:\/\/resume.test:443/path?x=1"}"#),
    (1, r#"{"session_id":"\u0041","resume_gateway_url":"ws://user@[::1]:1/#x"}"#),
    (1, r#"{"session_id":null}"#),
    (2, "true"),
    (2, "false"),
    (3, "Authentication failed."),
    (3, "\u{0}\r\n é"),
];

/// Messages in ETF that Erlang would not write, or not alone.
const TERMS: [(&str, &[u8]); 9] = [
    (
        "keys-of-all-kinds",
        b"\x83t\0\0\0\x04d\0\x01t\x6a\x61\x07\x6am\0\0\0\x01x\x6an\x01\0\xff\x6a",
    ),
    ("large-sequence", b"\x83t\0\0\0\x01s\x01sn\x08\0\x01\x02\x03\x04\x05\x06\x07\x08"),
    ("text-of-controls", b"\x83m\0\0\0\x08\0\n\"\\\xff\xc3\x7f\x80"),
    ("float-of-text", b"\x83c1.50000000000000000000e+00\0\0\0\0\0"),
    ("endless-float", b"\x83F\x7f\xf0\0\0\0\0\0\0"),
    ("improper-list", b"\x83l\0\0\0\x01\x61\x01\x61\x02"),
    ("lying-count", b"\x83l\xff\xff\xff\xff\x6a"),
    ("lying-size", b"\x83P\xff\xff\xff\xffx\x9c"),
    ("nested-tuples", b"\x83h\x01h\x01h\x01h\x02\x6ai\0\0\0\0"),
];

/// JSON that ETF has other forms for.
const SENT: [&str; 4] = [
    "[0,255,256,-1,2147483647,2147483648,-2147483649,18446744073709551615,-0,0.5,1e15,5e-324]",
    "[170141183460469231731687303715884105727,1e999,1.7976931348623157e308,-1E-7]",
    r#"{"s":4294967296,"d":{"s":4294967296,"\u0064":null},"s":1}"#,
    r#"["\ud83d\ude00","\ud83d","\u0000",true,false,null,[],{}]"#,
];

/// Stories, step by step; see `src/machine.rs`. What they have in common is in [`READY`].
const STORIES: [(&str, &[u8]); 10] = [
    ("zombie", &[1, 1, 1, 1, 1, 1, 5, 1, 3]),
    ("resumed", &[9, 3, 2, 5, 1, 3, 9, 0, 9, 3, 3, 9, 2, 4, 9, 4]),
    ("op-7", &[9, 6, 9, 3, 2, 5, 1, 3, 9, 0, 9, 2, 3]),
    ("op-9", &[9, 7, 5, 1, 3, 9, 0, 9, 8, 5, 1, 3, 9, 0, 13, 0, 0, 1]),
    ("unreadable", &[9, 11, 2, 5, 1, 3, 9, 0, 9, 11, 2, 9, 3, 3, 9, 2, 4, 7, 1, 0, b'{']),
    ("commands", &[14, 2, 14, 2, 46, 2, 14, 0, 14, 1, 9, 0, 14, 2, 14, 2, 14, 2, 14, 2, 1, 1, 12]),
    ("requests", &[78, 78, 9, 13, 2, 9, 12, 3, 9, 12, 4, 9, 2, 5, 5, 1, 3, 9, 0, 9, 2, 6, 78, 12]),
    ("pause", &[10, 5, 2, 3, 9, 0, 11, 5, 1, 3, 28]),
    ("fatal", &[4, 0xA4, 0x0F, 3, 0, b'b', b'a', b'd', 2, 1]),
    ("floods", &[9, 5, 9, 5, 9, 5, 9, 5, 9, 9, 99, 9, 10, 50, 15, 0, 0, 1, 0, 6, 0, 0]),
];

/// Start, socket open, HELLO, a slot, READY.
const READY: [u8; 10] = [2, 3, 9, 0, 13, 0, 0, 1, 9, 1];

fn main() -> io::Result<()> {
    let messages = messages();
    let mut seeds: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let texts = messages.iter().map(String::as_str).chain(ENVELOPES);
    for (at, text) in texts.enumerate() {
        seeds.insert(format!("envelope/mock-{at:02}"), text.into());
    }
    for (at, (kind, text)) in PAYLOADS.iter().enumerate() {
        seeds.insert(format!("payloads/ours-{at:02}"), [&[*kind], text.as_bytes()].concat());
    }
    for (name, steps) in STORIES {
        for form in 0..5 {
            let story = [&[form], &READY[..], steps].concat();
            seeds.insert(format!("machine/{name}-{form}"), story);
        }
    }
    for level in [0, 1, 6, 9] {
        let mut deflater = Deflater::new(level);
        let stream: Vec<u8> =
            messages.iter().take(4).flat_map(|text| deflater.message(text.as_bytes())).collect();
        seeds.insert(format!("zlib/mock-{level}"), [&[0; 9], &stream[..]].concat());
    }
    for (at, text) in ENVELOPES.iter().enumerate() {
        let length = u8::try_from(text.len()).expect("they are short");
        let pieces = [&[length, 0][..], text.as_bytes(), &[length, 200], text.as_bytes()];
        let head = [1 + 2 * u8::try_from(at).expect("they are few"), 1, 2, 3, 4, 5, 6, 7, 8];
        seeds.insert(format!("zlib/ours-{at}"), [&head[..], &pieces.concat()].concat());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for (name, term) in TERMS {
        seeds.insert(format!("etf/{name}"), term.into());
    }
    for (at, text) in SENT.iter().chain(&ENVELOPES).enumerate() {
        seeds.insert(format!("etf/json-{at:02}"), text.as_bytes().into());
    }
    let erlang = fs::read_to_string(folder.join("../../tests/vectors/etf.txt"))?;
    seeds.extend(terms(&erlang).map(|(tag, term)| (format!("etf/erlang-{tag:03}"), term)));
    for file in ["zstd_stream", "zstd_frames"] {
        let path = folder.join(format!("../../tests/vectors/{file}.bin"));
        seeds.extend(
            vectors(&fs::read(path)?).map(|(name, seed)| (format!("zstd/{file}-{name}"), seed)),
        );
    }
    for (name, bytes) in seeds {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("each has a folder"))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// What a mock gateway says to a client that identifies.
fn messages() -> Vec<String> {
    let options =
        GatewayOptions { guilds: 2, members: 3, events: Some(20), ..GatewayOptions::default() };
    let mut gateway = Gateway::new(options, Instant::ZERO);
    let peer = Peer(1);
    let identify = format!(
        r#"{{"op":2,"d":{{"token":"t","properties":{{"os":"","browser":"","device":""}},"intents":{ALL_INTENTS}}}}}"#
    );
    let inputs = [
        ServerInput::Connected { peer, host: Host::Base, query: "v=10&encoding=json".into() },
        ServerInput::Received(peer, Frame::Text(identify)),
        ServerInput::Received(peer, Frame::Text(r#"{"op":1,"d":null}"#.into())),
    ];
    let mut messages = Vec::new();
    let (mut now, mut wakes_at) = (Instant::ZERO, Instant::ZERO);
    for input in inputs.into_iter().chain(std::iter::repeat_n(ServerInput::TimePassed, 30)) {
        if matches!(input, ServerInput::TimePassed) {
            now = wakes_at;
        }
        gateway.handle(input, now);
        wakes_at = loop {
            match gateway.poll_output() {
                ServerOutput::Send(_, Frame::Text(text)) => messages.push(text),
                ServerOutput::Wait(at) => break at.unwrap_or(now),
                _ => {}
            }
        };
    }
    messages.retain(|text| text.len() <= LONGEST);
    messages
}

/// Of what Erlang wrote (see `tests/vectors/etf.escript`), the longest short term of each tag.
fn terms(vectors: &str) -> impl Iterator<Item = (u8, Vec<u8>)> {
    let mut longest: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for line in vectors.lines() {
        let hex = line.split('\t').next().unwrap_or_default();
        let nibbles = hex.chars().filter_map(|digit| digit.to_digit(16)).collect::<Vec<_>>();
        let byte = |pair: &[u32]| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits");
        let term: Vec<u8> = nibbles.chunks_exact(2).map(byte).collect();
        let Some(tag) = term.get(1).copied() else { continue };
        let kept = longest.entry(tag).or_default();
        if term.len() <= LONGEST_TERM && term.len() > kept.len() {
            *kept = term;
        }
    }
    longest.into_iter()
}

/// The vectors of a file of `tests/vectors` (see `vectors.py` there) by their names: the first messages of each, with their
/// lengths before them.
fn vectors(mut file: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let mut found = Vec::new();
    while !file.is_empty() {
        let name = String::from_utf8_lossy(piece(&mut file))
            .replace(|it: char| !it.is_alphanumeric(), "-");
        let mut seed = Vec::new();
        for _ in 0..number(&mut file) {
            let message = piece(&mut file);
            if let Ok(length) = u16::try_from(message.len())
                && seed.len() + message.len() < LONGEST
            {
                seed.extend(length.to_le_bytes());
                seed.extend(message);
            }
        }
        found.push((name, seed));
    }
    found.into_iter()
}

fn piece<'a>(file: &mut &'a [u8]) -> &'a [u8] {
    let size = number(file);
    let (piece, rest) = file.split_at(size);
    *file = rest;
    piece
}

fn number(file: &mut &[u8]) -> usize {
    let (number, rest) = file.split_first_chunk().expect("a number");
    *file = rest;
    usize::try_from(u32::from_le_bytes(*number)).expect("a size")
}
