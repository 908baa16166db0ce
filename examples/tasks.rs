//! Ten common tasks. `docs/comparison.md` shows the same in other clients: `tests/documents.rs` holds the two together.

use std::{env, error::Error, fs, time::Duration};

use shardwire::{
    driver::ShardHandle,
    native::{
        self, NativeShard,
        mock::{MockOptions, MockServer},
    },
    proto::{
        Activity, Command, Compression, Config, ConfigError, Encoding, Event, Filter, Intents,
        Members, OnlineStatus, Opcode, Presence, RequestGuildMembers, SendOptions, VoiceState,
        When,
    },
    testing,
};

type Outcome = Result<(), Box<dyn Error>>;

/// The task by its number and, but for the last, the token in the environment: `cargo run --features mock --example tasks 10`.
#[tokio::main]
async fn main() -> Outcome {
    let task = env::args().nth(1);
    let token = env::var("DISCORD_TOKEN").unwrap_or_default();
    let place = || (env::var("GUILD").unwrap_or_default(), env::var("CHANNEL").unwrap_or_default());
    match task.as_deref() {
        Some("1") => messages(&token).await,
        Some("2") => read(native::connect(two_types(&token)?).0).await,
        Some("3") => resume(Config::builder(&*token, Intents::GUILDS).build()?).await,
        Some("4") => presence(&token).await,
        Some("5") => {
            let intents = Intents::GUILDS | Intents::GUILD_MEMBERS;
            members(&run(Config::builder(&*token, intents).build()?), place().0).await
        }
        Some("6") => {
            let intents = Intents::GUILDS | Intents::GUILD_VOICE_STATES;
            let (guild, channel) = place();
            join(&run(Config::builder(&*token, intents).build()?), guild, channel).await
        }
        Some("7") => read(native::connect(smaller(&token)?).0).await,
        Some("8") => raw(&run(Config::builder(&*token, Intents::GUILDS).build()?)).await,
        Some("9") => {
            let config = Config::builder(&*token, Intents::GUILD_MESSAGES).build()?;
            let (mut shard, _handle) = native::connect(config);
            while shard.next_event().await.is_some() {
                look(&mut shard);
            }
            Ok(())
        }
        Some("10") => against_a_fake().await,
        _ => Err("expected the number of a task, 1 to 10".into()),
    }
}

async fn messages(token: &str) -> Outcome {
    let intents = Intents::GUILD_MESSAGES | Intents::MESSAGE_CONTENT;
    let (mut shard, _handle) = native::connect(Config::builder(token, intents).build()?);
    while let Some(event) = shard.next_event().await {
        match event {
            Event::Dispatch(event) if &*event.name == "MESSAGE_CREATE" => {
                let message: serde_json::Value = event.deserialize()?;
                println!("{}: {}", message["author"]["username"], message["content"]);
            }
            _ => {}
        }
    }
    Ok(())
}

fn two_types(token: &str) -> Result<Config, ConfigError> {
    Config::builder(token, Intents::GUILD_MESSAGES)
        .filter(Filter::only(["MESSAGE_CREATE", "MESSAGE_DELETE"]))
        .build()
}

async fn resume(config: Config) -> Outcome {
    let (mut shard, _handle) = match fs::read("session.json") {
        Ok(kept) => native::resume(config, serde_json::from_slice(&kept)?)?,
        Err(_) => native::connect(config),
    };
    for _ in 0..100 {
        println!("{:?}", shard.next_event().await);
    }
    if let Some(session) = shard.disconnect().await {
        fs::write("session.json", serde_json::to_vec(&session)?)?;
    }
    Ok(())
}

async fn presence(token: &str) -> Outcome {
    let config = Config::builder(token, Intents::GUILDS)
        .presence_with(|shard| {
            let name = format!("shard {}", shard.number());
            Presence::new(OnlineStatus::Online, Activity::watching(name))
        })
        .build()?;
    let (shard, handle) = native::connect(config);

    let busy = Presence::new(OnlineStatus::Dnd, Activity::custom("restarting soon"));
    handle.send(&Command::UpdatePresence(busy))?;
    read(shard).await
}

async fn members(handle: &ShardHandle, guild_id: String) -> Outcome {
    let request = RequestGuildMembers {
        guild_id,
        members: Members::Named { query: String::new(), limit: 0 },
        presences: None,
        nonce: None,
    };
    let answer = handle.request_members(request)?.answer().await?;
    println!("{} members", answer.members::<serde_json::Value>()?.len());
    Ok(())
}

async fn join(handle: &ShardHandle, guild_id: String, channel_id: String) -> Outcome {
    let state =
        VoiceState { guild_id, channel_id: Some(channel_id), self_mute: false, self_deaf: true };
    let answer = handle.update_voice_state(state)?.answer().await?;
    let server: Option<serde_json::Value> = answer.data("VOICE_SERVER_UPDATE")?;
    println!("{server:?}");
    Ok(())
}

fn smaller(token: &str) -> Result<Config, ConfigError> {
    Config::builder(token, Intents::GUILDS)
        .compression(Compression::ZstdStream)
        .encoding(Encoding::Etf)
        .build()
}

async fn raw(handle: &ShardHandle) -> Outcome {
    let command = Command::raw(Opcode(31), r#"{"guild_ids":["81384788765712384"]}"#)?;
    let soon = SendOptions { when: When::Within(Duration::from_secs(5)), ..Default::default() };
    handle.send_with(&command, soon)?.await?;
    Ok(())
}

fn look(shard: &mut NativeShard) {
    let info = shard.info();
    println!("{:?}, on average {:?}", info.heartbeat.last, info.heartbeat.average);
    println!("{} bytes came, {} resumes", info.counters.wire_bytes, info.counters.resumes);
    println!("{} messages", info.events.of("MESSAGE_CREATE"));
}

async fn against_a_fake() -> Outcome {
    let gateway = MockServer::bind(MockOptions::default()).await?;
    let config = Config::builder("any", Intents::GUILDS).url(gateway.url()).build()?;
    let (mut shard, _handle) = native::connect(config);
    while let Some(event) = shard.next_event().await {
        match event {
            Event::Dispatch(event) if &*event.name == "READY" => {
                gateway.inject(testing::Fault::Cut).await;
            }
            Event::Resumed { .. } => break,
            _ => {}
        }
    }
    Ok(())
}

/// Prints all that comes.
async fn read(mut shard: NativeShard) -> Outcome {
    while let Some(event) = shard.next_event().await {
        println!("{event:?}");
    }
    Ok(())
}

/// Lets a shard run beside what is asked of it.
fn run(config: Config) -> ShardHandle {
    let (mut shard, handle) = native::connect(config);
    tokio::spawn(async move { while shard.next_event().await.is_some() {} });
    handle
}
