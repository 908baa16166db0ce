//! All shards of a bot, each in a task of its own, so that every thread of the runtime reads messages:
//! `DISCORD_TOKEN=… cargo run --features native --example spawn [SESSIONS.json [API_URL]]`.
//!
//! Prints each event's shard, number and name. The shards share one identify ledger, one store and one handle; Ctrl-C leaves
//! all sessions to the next start.

use std::{
    env,
    io::{self, Write as _},
};

use shardwire::{
    driver::{CloseMode, DEFAULT_API_URL, Discovery},
    native::{ConnectOptions, FleetBuilder, SessionFile, discover_gateway},
    proto::{Config, Event, Intents, Shards, Token},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let token = env::var("DISCORD_TOKEN")?;
    let mut arguments = env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "sessions.json".into());
    let api = arguments.next().unwrap_or_else(|| DEFAULT_API_URL.into());

    let discovery = Discovery::bot(Token::new(&token)?).api_url(api);
    let gateway = discover_gateway(&discovery, &ConnectOptions::new()).await?;
    let config = Config::builder(token, Intents::NON_PRIVILEGED).url(gateway.url).build()?;
    let mut manager = FleetBuilder::new(config)
        .shards(Shards::recommended())
        .gateway(gateway.bot.ok_or("expected an answer for a bot")?)
        .sessions(SessionFile::new(file, |error| eprintln!("the sessions are not kept: {error}")))
        .spawn()
        .await?;

    let handle = manager.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.close(CloseMode::KeepSession);
        }
    });
    let mut out = io::stdout().lock();
    while let Some(told) = manager.next_event().await {
        match told.event {
            Event::Dispatch(event) => {
                writeln!(out, "{} {} {}", told.shard.number(), event.sequence, event.name)?;
            }
            other => eprintln!("{} {other:?}", told.shard),
        }
    }
    Ok(())
}
