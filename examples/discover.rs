//! Asks Discord where the Gateway is, and how many shards the bot should have:
//! `DISCORD_TOKEN=… cargo run --features native --example discover`.
//!
//! `HTTPS_PROXY`, such as `http://user:password@host:3128` or `socks5://host:1080`, is gone through if it is set.

use std::env;

use shardwire::{
    driver::Discovery,
    native::{self, ConnectOptions, Proxy},
    proto::Token,
};

const HELP: &str = "\
Set DISCORD_TOKEN to a bot's token to see its gateway, its shards and its identify limits:
    DISCORD_TOKEN=... cargo run --features native --example discover
Nothing is sent to Discord without it.";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Ok(token) = env::var("DISCORD_TOKEN") else {
        println!("{HELP}");
        return Ok(());
    };
    let mut options = ConnectOptions::new();
    if let Ok(proxy) = env::var("HTTPS_PROXY") {
        options = options.proxy(Proxy::parse(&proxy)?);
    }
    let gateway = native::discover_gateway(&Discovery::bot(Token::new(&token)?), &options).await?;
    println!("gateway        {}", gateway.url);
    if let Some(bot) = gateway.bot {
        let limit = bot.session_start_limit;
        println!("shards         {}", bot.shards);
        println!("identifies     {} of {} left", limit.remaining, limit.total);
        println!("filled up in   {} s", limit.reset_after_ms / 1000);
        println!("concurrency    {}", limit.max_concurrency);
    }
    Ok(())
}
