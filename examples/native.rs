//! Prints messages as they come: `DISCORD_TOKEN=… cargo run --features native --example native`.

use shardwire::{
    native,
    proto::{Config, Event, Filter, Intents},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let intents = Intents::GUILD_MESSAGES | Intents::DIRECT_MESSAGES | Intents::MESSAGE_CONTENT;
    let config = Config::builder(std::env::var("DISCORD_TOKEN")?, intents)
        .filter(Filter::only(["MESSAGE_CREATE"]))
        .build()?;
    let (mut shard, _handle) = native::connect(config);
    while let Some(event) = shard.next_event().await {
        match event {
            Event::Dispatch(dispatch) => {
                let message: serde_json::Value = dispatch.deserialize()?;
                println!("{}: {}", message["author"]["username"], message["content"]);
            }
            other => eprintln!("{other:?}"),
        }
    }
    Ok(())
}
