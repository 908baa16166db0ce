//! Parts of the native hot path by themselves, without a socket: how long each takes, and for callgrind so many calls and no more.

use std::{collections::BTreeMap, hint::black_box};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Parser;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use shardwire::proto::{
    Command, Compression, Config, ConnectionId, Decoder, Encoding, Envelope, Frame, Input, Instant,
    Intents, Opcode, Output, SendOptions, ShardMachine, Turn,
};
use shardwire_bench::{
    stream::{Codec, Packer},
    trace::{self, Plan, Steady},
};

/// Events that are gone through again and again.
const PLAN: Plan = Plan { seed: 1, guilds: 10, events: 5000, steady: Steady::Mixed };
/// So often each part is measured; the least of them counts, as nothing makes a part faster than it is.
const TIMES: u32 = 7;
const LIMIT: usize = 64 << 20;
/// How the machine writes a heartbeat.
const HEARTBEAT: &str = r#"{"op":1,"#;

#[derive(Parser)]
struct Options {
    /// Do one part only, once through all events
    part: Option<String>,
    /// Prepare that part, and do nothing
    #[arg(long)]
    nothing: bool,
}

/// A part, made ready: does all its calls and gives how many those were.
type Work = Box<dyn FnMut() -> Result<u64>>;

type Make = fn() -> Result<Work>;

/// All parts by their names, with what makes them ready.
const PARTS: [(&str, Make); 7] = [
    ("inflate zlib", || decode(Compression::ZlibStream, Encoding::Json)),
    ("decode zstd", || decode(Compression::ZstdStream, Encoding::Json)),
    ("decode etf", || decode(Compression::None, Encoding::Etf)),
    ("envelope", || Ok(envelope())),
    ("machine", || machine(Compression::None)),
    ("machine with zlib", || machine(Compression::ZlibStream)),
    ("limiter", limiter),
];

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(name) = options.part {
        let part = PARTS.iter().find(|(part, _)| *part == name);
        let mut work = part.with_context(|| format!("no part is called {name}"))?.1()?;
        if !options.nothing {
            println!("{}", work()?);
        }
        return Ok(());
    }
    let mut nanos = BTreeMap::new();
    for (name, make) in PARTS {
        let mut least = f64::INFINITY;
        for _ in 0..TIMES {
            // Anew each time, as a stream is read but once.
            let mut work = make()?;
            let before = cpu();
            let calls = work()?;
            let taken = cpu() - before;
            #[expect(
                clippy::cast_precision_loss,
                reason = "some milliseconds, some thousand calls"
            )]
            let each = taken as f64 / calls as f64;
            least = least.min(each);
        }
        nanos.insert(name, least);
    }
    println!("{}", json!(nanos));
    Ok(())
}

/// The steady events, and whatever stands before them.
fn texts() -> (Vec<String>, Vec<String>) {
    let mut before: Vec<String> =
        std::iter::once(trace::hello()).chain(PLAN.dispatches()).collect();
    let steady = before.split_off(1 + usize::try_from(PLAN.burst()).unwrap_or_default());
    (before, steady)
}

fn frames(packer: &mut Packer, codec: Codec, texts: &[String]) -> Result<Vec<Frame>> {
    let frame = |text: &String| {
        let payload = packer.pack(text)?;
        Ok(if codec.is_text() {
            Frame::Text(String::from_utf8(payload)?)
        } else {
            Frame::Binary(payload)
        })
    };
    texts.iter().map(frame).collect()
}

fn decode(compression: Compression, encoding: Encoding) -> Result<Work> {
    let codec = Codec { encoding, compression };
    let (before, steady) = texts();
    let mut packer = Packer::new(codec)?;
    let mut decoder = Decoder::new(compression, encoding, LIMIT);
    for frame in frames(&mut packer, codec, &before)? {
        decoder.feed(&frame).map_err(|error| anyhow!("{error:?}"))?;
    }
    let steady = frames(&mut packer, codec, &steady)?;
    Ok(Box::new(move || {
        for frame in &steady {
            let text = decoder.feed(black_box(frame)).map_err(|error| anyhow!("{error:?}"))?;
            black_box(text);
        }
        Ok(PLAN.events)
    }))
}

fn envelope() -> Work {
    let (_, steady) = texts();
    Box::new(move || {
        for text in &steady {
            if let Err(error) = black_box(Envelope::parse(black_box(text))) {
                bail!("an envelope of ours is none: {}", error.0);
            }
        }
        Ok(PLAN.events)
    })
}

/// From the socket's message to the event.
fn machine(compression: Compression) -> Result<Work> {
    let codec = Codec { encoding: Encoding::Json, compression };
    let (before, steady) = texts();
    let mut packer = Packer::new(codec)?;
    let mut shard = Shard::new(compression)?;
    for frame in frames(&mut packer, codec, &before)? {
        shard.input(Input::Received(shard.connection, frame));
    }
    let mut steady = frames(&mut packer, codec, &steady)?;
    shard.events = 0;
    Ok(Box::new(move || {
        for frame in steady.drain(..) {
            shard.input(Input::Received(shard.connection, frame));
        }
        Ok(shard.events)
    }))
}

/// A command each second, which the limits let through at once. Time does pass in it, so heartbeats are acknowledged.
fn limiter() -> Result<Work> {
    let mut shard = Shard::new(Compression::None)?;
    let plan = Plan { guilds: 0, events: 0, ..PLAN };
    for text in std::iter::once(trace::hello()).chain(plan.dispatches()) {
        shard.input(Input::Received(shard.connection, Frame::Text(text)));
    }
    let command = Command::raw(Opcode(31), r#"{"a":1}"#)?;
    Ok(Box::new(move || {
        for _ in 0..PLAN.events {
            shard.now = shard.now + std::time::Duration::from_secs(1);
            let payload = command.encode(shard.machine.config())?;
            shard.machine.send(payload, SendOptions::default(), shard.now)?;
            shard.drain();
        }
        Ok(PLAN.events)
    }))
}

/// A machine whose socket is open, driven by its contract.
struct Shard {
    machine: ShardMachine,
    connection: ConnectionId,
    now: Instant,
    events: u64,
}

impl Shard {
    fn new(compression: Compression) -> Result<Self> {
        let config = Config::builder("bench", Intents::ALL).compression(compression).build()?;
        let machine = ShardMachine::new(config, 1);
        let mut shard =
            Self { machine, connection: ConnectionId::default(), now: Instant::ZERO, events: 0 };
        shard.input(Input::Start);
        shard.input(Input::Opened(shard.connection));
        Ok(shard)
    }

    fn input(&mut self, input: Input) {
        self.machine.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.machine.poll_output() {
                Output::Open(connection, _) => self.connection = connection,
                Output::ReserveIdentify => {
                    let turn = Turn { at: self.now, is_held_back: false };
                    self.machine.handle(Input::IdentifyAt(Ok(turn)), self.now);
                }
                Output::Event(event) => {
                    black_box(event);
                    self.events += 1;
                }
                Output::Transmit(connection, Frame::Text(text)) if text.starts_with(HEARTBEAT) => {
                    let ack = Input::Received(connection, Frame::Text(trace::ack()));
                    self.machine.handle(ack, self.now);
                }
                Output::Wait(_) => break,
                _ => {}
            }
        }
    }
}

/// Nanoseconds that the process has used so far.
fn cpu() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
