//! Events as the types of `twilight-model`:
//! `DISCORD_TOKEN=… cargo run --features native,twilight-model --example typed`.

use shardwire::{
    native,
    proto::{Command, Config, Event, Intents},
    twilight::{TypedDispatch as _, TypedError},
};
use twilight_model::gateway::{
    event::DispatchEvent,
    payload::outgoing::UpdatePresence,
    presence::{ActivityType, MinimalActivity, Status},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let intents = Intents::GUILDS | Intents::GUILD_MESSAGES | Intents::MESSAGE_CONTENT;
    let config = Config::builder(std::env::var("DISCORD_TOKEN")?, intents).build()?;
    let (mut shard, handle) = native::connect(config);
    while let Some(event) = shard.next_event().await {
        let dispatch = match event {
            Event::Dispatch(dispatch) => dispatch,
            other => {
                eprintln!("{other:?}");
                continue;
            }
        };
        match dispatch.typed() {
            Ok(DispatchEvent::Ready(ready)) => {
                let kind = ActivityType::Watching;
                let name = format!("{} guilds", ready.guilds.len());
                let activity = MinimalActivity { kind, name, url: None };
                let update = UpdatePresence::new([activity.into()], false, None, Status::Online)?;
                handle.send(&Command::from(&update))?;
            }
            Ok(DispatchEvent::MessageCreate(message)) => {
                println!("{}: {}", message.author.name, message.content);
            }
            Ok(_) => {}
            // Discord invents events faster than models are published.
            Err(TypedError::Unknown { name }) => eprintln!("{name} has no type yet"),
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}
