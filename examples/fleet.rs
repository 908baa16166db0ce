//! All shards of a bot, whose sessions outlive the program:
//! `DISCORD_TOKEN=… cargo run --features native --example fleet [SESSIONS.json [API_URL]]`.
//!
//! Prints each event's shard, number and name. Stop it in any way and start it again: no session begins anew, and what was
//! missed comes first.

use std::{
    env,
    io::{self, Write as _},
};

use shardwire::{
    driver::{CloseMode, DEFAULT_API_URL, Discovery},
    native::{ConnectOptions, FleetBuilder, SessionFile, discover_gateway},
    proto::{Config, Event, Intents, Shards, Token},
};

#[tokio::main(flavor = "current_thread")]
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
        .start()
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
