//! shardwire's native client as a program that is measured. Prints what it received in one line of JSON and then waits until its
//! input ends, so that its memory can be looked at from outside.

use std::{
    io,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use futures::{StreamExt as _, stream::FuturesUnordered};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use shardwire::{
    driver::ShardHandle,
    native::{self, NativeShard},
    proto::{
        Command, Compression, Config, ConfigBuilder, Encoding, Event, Intents, Opcode,
        SessionStartLimit,
    },
    twilight::TypedDispatch as _,
};

#[derive(Parser)]
struct Options {
    url: String,
    /// Sequence number of the last event before those that are measured
    #[arg(long, default_value_t = 0)]
    burst: u64,
    /// Sequence number of the last event
    #[arg(long, default_value_t = 0)]
    last: u64,
    #[arg(long, default_value = "zlib-stream")]
    compression: String,
    #[arg(long, default_value = "json")]
    encoding: String,
    /// What is done with events
    #[arg(long, default_value = "text")]
    work: Work,
    /// Open so many shards that nothing happens on, in place of reading one
    #[arg(long)]
    idle: Option<u32>,
    /// Read so many shards that begin together, in place of one
    #[arg(long)]
    shards: Option<u32>,
    /// Tell when each event came
    #[arg(long)]
    times: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Work {
    /// They are handed over as text
    Text,
    /// New messages are deserialised into twilight's model, the rest is left as text
    Messages,
    /// All are deserialised into twilight's model
    Typed,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    match (options.idle, options.shards) {
        (Some(count), _) => idle(&options, count).await,
        (None, Some(count)) => many(&options, count).await,
        (None, None) => read(&options).await,
    }
}

fn config(options: &Options) -> Result<ConfigBuilder> {
    let compression =
        Compression::from_name(&options.compression).context("no such compression")?;
    let encoding = Encoding::from_name(&options.encoding).context("no such encoding")?;
    Ok(Config::builder("bench", Intents::ALL)
        .url(&options.url)
        .compression(compression)
        .encoding(encoding))
}

/// Reads until the last event and tells what came and what it took.
async fn read(options: &Options) -> Result<()> {
    let (mut shard, _handle) = native::connect(config(options)?.build()?);
    let (mut count, mut sequence, mut typed) = (0_u64, 0, 0_u64);
    let [mut at_ready, mut at_burst] = [0; 2];
    let mut began = Instant::now();
    let mut times = Vec::new();
    while sequence < options.last {
        let Some(event) = shard.next_event().await else { bail!("the shard stopped") };
        let dispatch = match event {
            Event::Dispatch(dispatch) => dispatch,
            Event::Disconnected { fault, .. } => bail!("disconnected: {fault}"),
            _ => continue,
        };
        (count, sequence) = (count + 1, dispatch.sequence);
        if options.times && sequence > options.burst {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            times.push(u64::try_from(now.as_micros())?);
        }
        let is_wanted = match options.work {
            Work::Text => false,
            Work::Messages => *dispatch.name == *"MESSAGE_CREATE",
            Work::Typed => true,
        };
        if is_wanted {
            std::hint::black_box(dispatch.typed()?);
            typed += 1;
        }
        if sequence == 1 {
            at_ready = cpu();
        }
        if sequence == options.burst {
            at_burst = cpu();
            began = Instant::now();
        }
    }
    let at_last = cpu();
    println!(
        "{}",
        json!({
            "count": count,
            "sequence": sequence,
            "read": typed,
            "burst_us": at_burst - at_ready,
            "cpu_us": at_last - at_burst,
            "wall_us": u64::try_from(began.elapsed().as_micros())?,
            "received": times,
        })
    );
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Opens many shards and tells when all are ready.
async fn idle(options: &Options, count: u32) -> Result<()> {
    let ready = open(options, count).await?;
    println!("{}", json!({ "ready": ready.len() }));
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Opens many shards, lets all of them begin and tells what it took to read them.
async fn many(options: &Options, count: u32) -> Result<()> {
    let ready = open(options, count).await?;
    let before = cpu();
    let mut reading = FuturesUnordered::new();
    for (mut shard, handle) in ready {
        // Whatever is said: the server waits for a sign.
        handle.send(&Command::raw(Opcode(3), "{}")?)?;
        reading.push(async move {
            let mut count = 0_u64;
            let is_last = |event: &Event| {
                let Event::Dispatch(dispatch) = event else { return None };
                count += u64::from(dispatch.sequence > options.burst);
                (dispatch.sequence == options.last).then_some(())
            };
            shard.wait_for(is_last).await;
            (count, shard)
        });
    }
    let mut through = Vec::new();
    while let Some(shard) = reading.next().await {
        through.push(shard);
    }
    let taken = cpu() - before;
    let count: u64 = through.iter().map(|(count, _)| count).sum();
    println!("{}", json!({ "count": count, "cpu_us": taken }));
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Opens many shards and waits until all have their first event.
async fn open(options: &Options, count: u32) -> Result<Vec<(NativeShard, ShardHandle)>> {
    let limit = SessionStartLimit { max_concurrency: count, ..SessionStartLimit::default() };
    let queue = native::slots(limit);
    let mut shards = FuturesUnordered::new();
    for number in 0..count {
        let config = config(options)?.shard(number, count).build()?;
        let (shard, handle) = native::connect_with(config, queue.clone());
        shards.push(async move {
            let mut shard = shard;
            shard.wait_for(|event| matches!(event, Event::Dispatch(_)).then_some(())).await;
            (shard, handle)
        });
    }
    let mut ready = Vec::new();
    while let Some(shard) = shards.next().await {
        ready.push(shard);
    }
    Ok(ready)
}

/// Microseconds that the process has used so far, on all its threads.
fn cpu() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}
