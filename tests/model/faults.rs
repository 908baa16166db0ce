//! The faults of the mock, one row each, with how often they come. To add one: its line in [`index`], its name, its row.

use shardwire::{
    proto::Random,
    testing::{Answer, Fault, Host, KeyOrder, Nothing},
};

/// The names of all faults, in the order of [`index`].
pub const NAMES: &[&str] = &[
    "close",
    "close without code",
    "cut",
    "reconnect",
    "invalid session",
    "heartbeat request",
    "silence",
    "no acks",
    "delay",
    "split",
    "fragments",
    "corrupt",
    "raw text",
    "raw bytes",
    "garbage",
    "message",
    "dispatch",
    "big message",
    "inflate bomb",
    "refuse handshake",
    "dead resume host",
    "forget sessions",
    "no hello",
    "reconnect before hello",
    "reconnect instead of hello",
    "never ready",
    "never resumed",
    "refuse identify",
    "refuse resume",
    "duplicate last",
    "key order",
    "sequence zero",
];

/// The codes that a shard survives.
const CODES: [u16; 16] = [
    1000, 1001, 1002, 1011, 4000, 4001, 4002, 4003, 4005, 4006, 4007, 4008, 4009, 4015, 4900, 4999,
];

/// The codes that end a shard.
const FATAL: [u16; 6] = [4004, 4010, 4011, 4012, 4013, 4014];

/// How often, and what.
type Row = (u64, fn(&mut Random) -> Fault);

const ROWS: &[Row] = &[
    (6, |chance| Fault::Close {
        code: *one_of(chance, &CODES),
        reason: "as the model says".into(),
    }),
    (2, |_| Fault::CloseWithoutCode),
    (4, |_| Fault::Cut),
    (4, |_| Fault::Reconnect),
    (3, |chance| Fault::InvalidSession { resumable: maybe(chance) }),
    (2, |_| Fault::HeartbeatRequest),
    (2, |chance| Fault::Silence { ms: Some(chance.bits() % 100_000) }),
    (1, |_| Fault::Silence { ms: None }),
    (2, |chance| Fault::NoAcks { times: times(chance) * 2 }),
    (2, |chance| Fault::Delay { ms: chance.bits() % 3000 }),
    (2, |chance| Fault::Split { parts: 1 + times(chance), times: times(chance) }),
    (2, |chance| Fault::Fragments { bytes: 1 + times(chance) * 7, times: times(chance) }),
    (2, |chance| Fault::Corrupt { times: times(chance) }),
    (1, |_| Fault::RawText { text: "<html>502 Bad Gateway</html>".into() }),
    (1, |_| Fault::RawBytes { hex: vec![0, 0, 255, 255] }),
    (1, |_| Fault::Garbage { bytes: 64 }),
    (2, |_| Fault::Message { text: r#"{"op":99,"d":null}"#.into() }),
    // Few are too large for the client, as they cost so much time.
    (1, |chance| Fault::BigMessage {
        bytes: *one_of(chance, &[40_000, 40_000, 60_000, 60_000, 80_000, 80_000, 80_000, 1 << 21]),
    }),
    (1, |_| Fault::InflateBomb { bytes: 2_000_000 }),
    (2, |chance| Fault::RefuseHandshake { status: 503, host: host(chance), times: times(chance) }),
    (2, |chance| Fault::DeadResumeHost { ms: Some(chance.bits() % 100_000) }),
    (1, |_| Fault::ForgetSessions),
    (2, |chance| Fault::NoHello { times: times(chance) }),
    (2, |chance| Fault::ReconnectBeforeHello { times: times(chance) }),
    (2, |chance| Fault::ReconnectInsteadOfHello { times: times(chance) }),
    (2, |chance| Fault::NeverReady { times: times(chance) }),
    (2, |chance| Fault::NeverResumed { times: times(chance) }),
    (2, |chance| Fault::RefuseIdentify { resumable: maybe(chance), times: times(chance) }),
    // A storm, which the ledger breaks.
    (1, |_| Fault::RefuseIdentify { resumable: Some(false), times: 40 }),
    (3, |chance| Fault::RefuseResume { resumable: maybe(chance), times: 2 * times(chance) }),
    (2, |chance| Fault::DuplicateLast { times: times(chance) }),
    (2, |chance| Fault::KeyOrder {
        order: KeyOrder::OpTDS,
        nothing: Nothing::Absent,
        times: Some(times(chance)),
    }),
    (1, |_| Fault::SequenceZero { of: Answer::Ready, times: 1 }),
    (1, |_| Fault::SequenceZero { of: Answer::Resumed, times: 1 }),
];

/// One of the faults that shards survive, by chance.
pub fn any(chance: &mut Random) -> Fault {
    let all: u64 = ROWS.iter().map(|(share, _)| share).sum();
    let mut dice = chance.bits() % all;
    for (share, make) in ROWS {
        if dice < *share {
            return make(chance);
        }
        dice -= share;
    }
    Fault::Cut
}

/// A close with one of the six codes that forbid reconnecting.
pub fn fatal(chance: &mut Random) -> Fault {
    Fault::Close { code: *one_of(chance, &FATAL), reason: String::new() }
}

pub fn name(fault: &Fault) -> &'static str {
    NAMES[index(fault)]
}

/// Exhaustive, so that a new kind of fault is asked for its place here.
fn index(fault: &Fault) -> usize {
    match fault {
        Fault::Close { .. } => 0,
        Fault::CloseWithoutCode => 1,
        Fault::Cut => 2,
        Fault::Reconnect => 3,
        Fault::InvalidSession { .. } => 4,
        Fault::HeartbeatRequest => 5,
        Fault::Silence { .. } => 6,
        Fault::NoAcks { .. } => 7,
        Fault::Delay { .. } => 8,
        Fault::Split { .. } => 9,
        Fault::Fragments { .. } => 10,
        Fault::Corrupt { .. } => 11,
        Fault::RawText { .. } => 12,
        Fault::RawBytes { .. } => 13,
        Fault::Garbage { .. } => 14,
        Fault::Message { .. } => 15,
        Fault::Dispatch { .. } => 16,
        Fault::BigMessage { .. } => 17,
        Fault::InflateBomb { .. } => 18,
        Fault::RefuseHandshake { .. } => 19,
        Fault::DeadResumeHost { .. } => 20,
        Fault::ForgetSessions => 21,
        Fault::NoHello { .. } => 22,
        Fault::ReconnectBeforeHello { .. } => 23,
        Fault::ReconnectInsteadOfHello { .. } => 24,
        Fault::NeverReady { .. } => 25,
        Fault::NeverResumed { .. } => 26,
        Fault::RefuseIdentify { .. } => 27,
        Fault::RefuseResume { .. } => 28,
        Fault::DuplicateLast { .. } => 29,
        Fault::KeyOrder { .. } => 30,
        Fault::SequenceZero { .. } => 31,
    }
}

pub fn one_of<'a, T>(chance: &mut Random, all: &'a [T]) -> &'a T {
    let at = chance.bits() % all.len() as u64;
    &all[usize::try_from(at).expect("an index")]
}

fn times(chance: &mut Random) -> u32 {
    *one_of(chance, &[1, 1, 2, 3])
}

fn maybe(chance: &mut Random) -> Option<bool> {
    *one_of(chance, &[None, Some(true), Some(true), Some(false)])
}

fn host(chance: &mut Random) -> Option<Host> {
    *one_of(chance, &[None, Some(Host::Base), Some(Host::Resume)])
}
