//! ETF against Erlang itself: what it wrote is read, and it reads what was written.
#![cfg(feature = "etf")]

#[path = "common/wide_integers.rs"]
mod wide_integers;

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
    thread,
};

use serde_json::Value;
use shardwire::proto::{CodecError, Compression, Decoder, Encoding, Frame, Random};

use self::wide_integers::with_wide_integers_as_texts;

/// Written by `vectors/etf.escript`.
const VECTORS: &str = include_str!("vectors/etf.txt");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/etf.escript");

fn decoder() -> Decoder {
    Decoder::new(Compression::None, Encoding::Etf, 1 << 20)
}

fn encoded(json: &str) -> Vec<u8> {
    match Encoding::Etf.encode(json.to_owned()) {
        Ok(Frame::Binary(bytes)) => bytes,
        other => panic!("{json}: {other:?}"),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).expect("hex")).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("a byte")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("strings take everything");
        hex
    })
}

#[test]
fn every_term_that_erlang_wrote_is_read_as_erlang_means_it() {
    // One decoder for all, as on a connection: what a refused message leaves behind must not matter.
    let mut decoder = decoder();
    let mut tags = [0_u32; 256];
    for line in VECTORS.lines() {
        let (hex, expected) = line.split_once('\t').expect("two columns");
        let frame = Frame::Binary(bytes(hex));
        let text = decoder.feed(&frame);
        if let Some(word) = expected.strip_prefix('!') {
            let Err(CodecError::BadMessage(why)) = text else { panic!("{hex} {word}: {text:?}") };
            assert!(why.contains(word), "{hex} {word}: {why}");
            continue;
        }
        assert_eq!(text, Ok(Some(expected)), "{hex}");
        serde_json::from_str::<&serde_json::value::RawValue>(expected).expect(expected);
        let Frame::Binary(bytes) = frame else { unreachable!() };
        tags[usize::from(bytes[1])] += 1;
    }
    let taken =
        [70, 80, 97, 98, 99, 100, 104, 105, 106, 107, 108, 109, 110, 111, 115, 116, 118, 119];
    assert!(taken.iter().all(|tag| tags[*tag] > 0), "a tag is not among the vectors");
    assert!(tags.iter().sum::<u32>() > 2000);
}

#[test]
#[ignore = "needs Erlang, which `cargo xtask test` installs"]
fn erlang_reads_back_what_was_encoded() {
    let mut random = Random::new(66);
    let fixed = [
        "null",
        "true",
        "false",
        "0",
        "255",
        "256",
        "-1",
        "2147483647",
        "-2147483648",
        "2147483648",
        "-2147483649",
        "4294967296",
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        "0.5",
        "-0.0",
        "1e300",
        "5e-324",
        r#""""#,
        "[]",
        "[[]]",
        "{}",
        r#"{"d":{"intents":513,"token":"x"},"op":2}"#,
    ];
    let random = (0..5000).map(|_| random_json(&mut random, 4).to_string());
    let sent: Vec<String> = fixed.map(str::to_owned).into_iter().chain(random).collect();
    let read = erlang_reads(sent.iter().map(|json| encoded(json)).collect());
    assert_eq!(read.lines().count(), sent.len());
    for (read, sent) in read.lines().zip(&sent) {
        assert_eq!(value(read), value(sent));
    }
}

#[test]
fn what_was_encoded_is_decoded_to_the_same_value() {
    let mut random = Random::new(67);
    let mut decoder = decoder();
    for _ in 0..5000 {
        let sent = random_json(&mut random, 4);
        let frame = Frame::Binary(encoded(&sent.to_string()));
        let text = decoder.feed(&frame).expect("well formed").expect("whole");
        assert_eq!(value(text), with_wide_integers_as_texts(sent));
    }
}

/// The JSON of each term, by Erlang.
fn erlang_reads(messages: Vec<Vec<u8>>) -> String {
    let mut escript = Command::new("escript")
        .args([SCRIPT, "read"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("escript starts; it comes with Erlang (Debian: `apt-get install erlang-base`)");
    let mut input = escript.stdin.take().expect("piped");
    // In a thread of its own, for both ends would wait if the pipes were full.
    let writer = thread::spawn(move || {
        let lines: String = messages.iter().map(|message| hex(message) + "\n").collect();
        input.write_all(lines.as_bytes()).expect("escript reads");
    });
    let output = escript.wait_with_output().expect("escript ends");
    writer.join().expect("all was written");
    assert!(output.status.success(), "escript failed");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).expect(json)
}

fn random_json(random: &mut Random, depth: u32) -> Value {
    let few = |random: &mut Random, below: u64| random.bits() % below;
    match few(random, if depth == 0 { 7 } else { 11 }) {
        0 => Value::Null,
        1 => (few(random, 2) == 0).into(),
        2 => few(random, 1000).into(),
        3 => (random.bits() >> few(random, 64)).into(),
        4 => (random.bits().cast_signed() >> few(random, 64)).into(),
        5 => {
            let float = f64::from_bits(random.bits());
            if float.is_finite() { float.into() } else { 0.5.into() }
        }
        6 => random_text(random).into(),
        7 | 8 => {
            let count = few(random, 5);
            (0..count).map(|_| random_json(random, depth - 1)).collect()
        }
        _ => {
            let count = few(random, 5);
            (0..count).map(|_| (random_text(random), random_json(random, depth - 1))).collect()
        }
    }
}

/// Never "s": what is called that in the outermost map has a rule of its own.
fn random_text(random: &mut Random) -> String {
    const SIGNS: [char; 10] = ['a', 'Z', '0', ' ', '"', '\\', '\n', '\u{1}', 'é', '\u{1f980}'];
    let length = random.bits() % 12;
    (0..length).map(|_| SIGNS[usize::try_from(random.bits() % 10).expect("small")]).collect()
}
