//! `shardwire queue`: the identify queue as a program. The order is the library's.

use std::{
    io::{self, Write as _},
    net::IpAddr,
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;
use shardwire::{
    native::{self, QueueServer},
    proto::SessionStartLimit,
};

use super::stop;

/// Keep the order of identifies for all processes of a bot.
///
/// Every process asks it before each identify: `GET /?shard=NUMBER` is answered once that shard may. It is the protocol of
/// twilight's HTTP queue. Nobody is asked who they are: run it in a network of your own. One queue serves one bot.
#[derive(Args, Debug)]
pub struct QueueArgs {
    /// Port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 8585)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Identifies per five seconds, as /gateway/bot says (`max_concurrency`).
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    max_concurrency: u32,
    /// Identifies that the bot has left in this window, as /gateway/bot says (`remaining`).
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    remaining: u32,
    /// Identifies per window, as /gateway/bot says (`total`).
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    total: u32,
    /// Milliseconds until this window is over, as /gateway/bot says (`reset_after`).
    #[arg(long, default_value_t = 86_400_000, value_name = "MS")]
    reset_after: u64,
    /// Keep the count in this file, so that it outlives the program.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// Serves until Ctrl-C or SIGTERM.
pub async fn run(args: QueueArgs) -> anyhow::Result<()> {
    let limit = SessionStartLimit {
        total: args.total,
        remaining: args.remaining,
        reset_after_ms: args.reset_after,
        max_concurrency: args.max_concurrency,
    };
    let slots = match args.ledger {
        Some(file) => {
            let told = file.display().to_string();
            let on_error = move |error| eprintln!("cannot write {told}: {error}");
            let slots = native::slots_in_file(&file, limit, on_error);
            slots.with_context(|| format!("cannot read {}", file.display()))?
        }
        None => native::slots(limit),
    };
    let listen = (args.host, args.port).into();
    let bound = QueueServer::bind(listen, slots.clone()).await;
    let server = bound.with_context(|| format!("cannot listen on {listen}"))?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", server.url())?;
    stdout.flush()?;
    stop::signal().await?;
    eprintln!("stopped: {} identifies left in this window", slots.remaining());
    Ok(())
}
