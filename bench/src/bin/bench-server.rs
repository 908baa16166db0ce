//! The replay server as a program: encodes, tells where it listens in one line of JSON, then serves until its input ends.

use std::{collections::HashMap, fs, io, path::PathBuf, sync::Arc, thread};

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use serde_json::{Map, Value, json};
use shardwire_bench::{
    server::{self, Mode, Script},
    stream::Codec,
    trace::{GUILDS, Plan, Recorded, Steady, Trace},
};

#[derive(Parser)]
struct Options {
    /// The same seed makes the same trace
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Steady events, after READY and the guilds
    #[arg(long, default_value_t = 50_000)]
    events: u64,
    /// Guilds that are told after READY
    #[arg(long, default_value_t = GUILDS)]
    guilds: usize,
    /// Messages of so many bytes each, in place of the mix
    #[arg(long, value_name = "BYTES")]
    message_bytes: Option<usize>,
    /// A trace that `shardwire tail --record` wrote, in place of one by seed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "events", "guilds", "message_bytes"])]
    trace: Option<PathBuf>,
    /// Events in a second, where they are paced
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Prepare this codec only; may be given more than once
    #[arg(long)]
    codec: Vec<Codec>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let trace = options.trace()?;
    let codecs = if options.codec.is_empty() { Codec::all().collect() } else { options.codec };
    let scripts = Arc::new(prepare(&trace, &codecs)?);
    let bytes: Map<String, Value> = scripts
        .iter()
        .map(|(codec, script)| (codec.to_string(), script.steady_bytes().into()))
        .collect();
    let tell = |sent: server::Sent| println!("{}", json!({ "sent": sent }));
    let listen =
        |mode| -> Result<String> { Ok(format!("ws://{}", server::listen(mode, &scripts, tell)?)) };
    println!(
        "{}",
        json!({
            "flood": listen(Mode::Flood)?,
            "held": listen(Mode::Held)?,
            "paced": listen(Mode::Paced(options.rate))?,
            "idle": listen(Mode::Idle)?,
            "burst": trace.burst(),
            "last": trace.last(),
            "filtered": scripts.values().next().map(Script::filtered),
            "bytes": bytes,
        })
    );
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

impl Options {
    fn trace(&self) -> Result<Trace> {
        let Some(path) = &self.trace else {
            return Ok(Trace::Made(Plan {
                seed: self.seed,
                guilds: self.guilds,
                events: self.events,
                steady: self.message_bytes.map_or(Steady::Mixed, Steady::Sized),
            }));
        };
        let about = || format!("no trace in {}", path.display());
        let text = fs::read_to_string(path).with_context(about)?;
        Ok(Trace::Recorded(Recorded::read(&text).with_context(about)?))
    }
}

/// Each codec on a thread of its own.
fn prepare(trace: &Trace, codecs: &[Codec]) -> Result<HashMap<Codec, Script>> {
    thread::scope(|scope| {
        let threads: Vec<_> = codecs
            .iter()
            .map(|codec| (*codec, scope.spawn(move || Script::new(trace, *codec))))
            .collect();
        let joined = threads.into_iter().map(|(codec, thread)| {
            let script = thread.join().map_err(|_| anyhow!("the encoder of {codec} panicked"))?;
            Ok((codec, script?))
        });
        joined.collect()
    })
}
