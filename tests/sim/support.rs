//! What the scenarios share: short ways to a world, and the texts that a server by hand says.

use shardwire::{
    proto::{
        Compression, Config, ConfigBuilder, Event, Fault, Frame, Input, Instant, Intents, Opcode,
    },
    testing::{ByHand, GatewayOptions, Heard, Line, World, ZstdForm},
};

/// A token that must never be seen.
pub const TOKEN: &str = "abc.def.secret";

pub const HELLO: &str = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":40000}}"#;
pub const READY: &str = r#"{"t":"READY","s":1,"op":0,"d":{"v":10,"session_id":"abc","resume_gateway_url":"wss://resume.mock"}}"#;
pub const ACK: &str = r#"{"t":null,"s":null,"op":11,"d":null}"#;

/// What a user sees of a first connection.
pub const FIRST: &[&str] = &[
    "status connecting",
    "status awaiting-hello",
    "status awaiting-identify",
    "status identifying",
    "READY 1",
    "status ready",
];

/// What a user sees of the way to a new session, after its connection was lost.
pub const ANEW: &[&str] = &[
    "status disconnected",
    "status connecting",
    "status awaiting-hello",
    "status awaiting-identify",
    "status identifying",
    "READY 1",
    "status ready",
];

/// What a user sees of the way to RESUMED, after a connection was lost.
pub const BACK: &[&str] =
    &["status disconnected", "status connecting", "status awaiting-hello", "status resuming"];

/// A gateway without guilds, so that event lists are short.
pub fn options() -> GatewayOptions {
    GatewayOptions {
        url: "wss://gateway.mock".into(),
        resume_gateway_url: "wss://resume.mock".into(),
        guilds: 0,
        ..GatewayOptions::default()
    }
}

pub fn config() -> ConfigBuilder {
    Config::builder(TOKEN, Intents::GUILDS).compression(Compression::None).url("wss://gateway.mock")
}

/// Each form in which messages may come: its name, what the client asks for, and a gateway that gives it.
pub fn forms() -> [(&'static str, Compression, GatewayOptions); 5] {
    let frames = GatewayOptions { zstd: ZstdForm::Frames, ..options() };
    [
        ("none", Compression::None, options()),
        ("payload", Compression::Payload, options()),
        ("zlib-stream", Compression::ZlibStream, options()),
        ("zstd-stream", Compression::ZstdStream, options()),
        ("zstd frames", Compression::ZstdStream, frames),
    ]
}

/// The forms that make messages smaller.
pub fn compressed_forms() -> impl Iterator<Item = (&'static str, Compression, GatewayOptions)> {
    forms().into_iter().filter(|(name, ..)| *name != "none")
}

/// A world that has not started.
pub fn world() -> World {
    World::new(options(), config())
}

/// A world whose shard receives events.
pub fn ready() -> World {
    ready_with(options(), config())
}

pub fn ready_with(options: GatewayOptions, config: ConfigBuilder) -> World {
    let mut world = World::new(options, config);
    world.start();
    world.until_ready();
    assert_names(&mut world, &[FIRST]);
    world
}

/// A world with a server that does what `react` does.
pub fn by_hand(react: impl FnMut(&Heard, &mut Line) + 'static) -> World<ByHand> {
    let mut world = World::against(ByHand::new(react), config().build().expect("valid"));
    world.start();
    world
}

/// A server that does what is expected of it, and no more.
pub fn polite(heard: &Heard, line: &mut Line) {
    match heard {
        Heard::Connected(_) => line.text(HELLO),
        Heard::Message(Opcode::HEARTBEAT, _) => line.text(ACK),
        Heard::Message(Opcode::IDENTIFY, _) => line.text(READY),
        Heard::Message(Opcode::RESUME, seq) => line.text(dispatch("RESUMED", seq_of(seq) + 1)),
        _ => {}
    }
}

/// A world with the polite server, whose shard receives events.
pub fn polite_and_ready() -> World<ByHand> {
    let mut world = by_hand(polite);
    world.until_ready();
    assert_names(&mut world, &[FIRST]);
    world
}

/// Lets the server by hand say something, and lets it arrive.
pub fn say(world: &mut World<ByHand>, text: impl Into<String>) {
    world.server_mut().line().text(text);
    world.pass_ms(100);
}

pub fn dispatch(name: &str, sequence: u64) -> String {
    format!(r#"{{"t":"{name}","s":{sequence},"op":0,"d":{{}}}}"#)
}

fn seq_of(resume: &str) -> u64 {
    serde_json::from_str::<serde_json::Value>(resume).expect("JSON")["seq"]
        .as_u64()
        .expect("a number")
}

/// Compares everything that the user saw since the last time.
#[track_caller]
pub fn assert_names<S: shardwire::testing::Server>(world: &mut World<S>, expected: &[&[&str]]) {
    let names = world.names();
    assert_eq!(names, expected.concat(), "\n{}", world.story());
}

/// The faults that ended connections so far.
pub fn faults<S: shardwire::testing::Server>(world: &World<S>) -> Vec<Fault> {
    let fault = |event: &Event| match event {
        Event::Disconnected { fault, .. } => Some(fault.clone()),
        _ => None,
    };
    world.events().into_iter().filter_map(fault).collect()
}

/// The ids of the guilds that a shard was told of.
pub fn guild_ids(world: &World) -> Vec<String> {
    let guilds =
        world.dispatches().into_iter().filter(|dispatch| &*dispatch.name == "GUILD_CREATE");
    let id = |guild: serde_json::Value| guild["id"].as_str().expect("a text").to_owned();
    guilds.map(|guild| id(guild.deserialize().expect("JSON"))).collect()
}

/// What the gateway found wrong with the client.
pub fn violations(world: &World) -> Vec<String> {
    world.server().state().violations
}

pub fn millis(at: Instant) -> u128 {
    at.since_epoch().as_millis()
}

pub fn text(text: &str) -> Frame {
    Frame::Text(text.into())
}

/// All that a user can ask of the life cycle.
pub const WISHES: [Input; 5] = [
    Input::Start,
    Input::Pause,
    Input::Reconnect,
    Input::Close { keep_session: true },
    Input::Close { keep_session: false },
];
