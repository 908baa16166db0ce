//! twilight-gateway as a program that is measured, by the same rules as shardwire's (`../src/bin/bench-native.rs`).

use std::{
    hint::black_box,
    io,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use futures::{StreamExt as _, stream::FuturesUnordered};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use twilight_gateway::{
    Config, ConfigBuilder, EventTypeFlags, Intents, Message, Shard, ShardId, StreamExt as _,
    queue::InMemoryQueue,
};

#[derive(Parser)]
struct Options {
    url: String,
    #[arg(long, default_value_t = 0)]
    burst: u64,
    #[arg(long, default_value_t = 0)]
    last: u64,
    #[arg(long, default_value = "text")]
    work: Work,
    #[arg(long)]
    idle: Option<u32>,
    #[arg(long)]
    times: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Work {
    Text,
    Messages,
    Typed,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    match options.idle {
        Some(count) => idle(&options, count).await,
        None => read(&options).await,
    }
}

fn config(options: &Options) -> ConfigBuilder {
    ConfigBuilder::new("Bot bench".into(), Intents::all()).proxy_url(options.url.clone())
}

/// The sequence number of the next event that the contract hands over.
async fn next(shard: &mut Shard, work: Work) -> Result<u64> {
    let wanted = match work {
        Work::Text => loop {
            match shard.next().await.context("the shard ended")?? {
                Message::Text(text) => {
                    let sequence = sequence(&text);
                    black_box(text);
                    if let Some(sequence) = sequence {
                        return Ok(sequence);
                    }
                }
                Message::Close(_) => bail!("disconnected"),
            }
        },
        Work::Messages => {
            EventTypeFlags::READY | EventTypeFlags::GUILD_CREATE | EventTypeFlags::MESSAGE_CREATE
        }
        Work::Typed => EventTypeFlags::all(),
    };
    loop {
        let before = shard.session().map_or(0, |session| session.sequence());
        black_box(shard.next_event(wanted).await.context("the shard ended")??);
        let after = shard.session().map_or(0, |session| session.sequence());
        // HELLO is an event too.
        if after > before {
            return Ok(after);
        }
    }
}

/// The number that stands behind the name of a dispatch.
fn sequence(text: &str) -> Option<u64> {
    let (_, rest) = text.strip_prefix("{\"t\":\"")?.split_once("\"s\":")?;
    rest.split_once(',')?.0.parse().ok()
}

async fn read(options: &Options) -> Result<()> {
    let mut shard = Shard::with_config(ShardId::ONE, config(options).build());
    let (mut count, mut sequence) = (0_u64, 0);
    let [mut at_ready, mut at_burst] = [0; 2];
    let mut began = Instant::now();
    let mut times = Vec::new();
    while sequence < options.last {
        sequence = next(&mut shard, options.work).await?;
        count += 1;
        if options.times && sequence > options.burst {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            times.push(u64::try_from(now.as_micros())?);
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
            "burst_us": at_burst - at_ready,
            "cpu_us": at_last - at_burst,
            "wall_us": u64::try_from(began.elapsed().as_micros())?,
            "received": times,
        })
    );
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

async fn idle(options: &Options, count: u32) -> Result<()> {
    let queue = InMemoryQueue::new(u16::try_from(count)?, 2000, Duration::from_secs(60), 2000);
    let mut shards = FuturesUnordered::new();
    for number in 0..count {
        let config: Config<InMemoryQueue> = config(options).queue(queue.clone()).build();
        let mut shard = Shard::with_config(ShardId::new(number, count), config);
        shards.push(async move {
            while shard.session().is_none() {
                shard.next().await.context("the shard ended")??;
            }
            anyhow::Ok(shard)
        });
    }
    let mut ready = Vec::new();
    while let Some(shard) = shards.next().await {
        ready.push(shard?);
    }
    println!("{}", json!({ "ready": ready.len() }));
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn cpu() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}
