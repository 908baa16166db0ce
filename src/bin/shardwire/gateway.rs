//! `shardwire gateway`: the mock gateway as a program. Reads options and files, prints what happens; the gateway itself
//! is in the library.

use std::{
    fs,
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use shardwire::{
    native::mock::{MockOptions, MockServer},
    testing::{GatewayOptions, Recording, Script, State, ZstdForm},
};

use super::stop;

/// Run a Gateway for testing on this machine.
///
/// It speaks Discord's protocol, serves a made-up world with a steady stream of events, punishes what Discord punishes,
/// and can be made to misbehave. Any token is accepted that is not empty and does not contain "invalid".
///
/// While it runs, `GET http://HOST:PORT/mock/state` tells where it stands, `GET http://HOST:PORT/mock/received` what each
/// connection brought, and a fault posted as JSON to `http://HOST:PORT/mock/fault` happens at once, for instance {"fault":"close","code":4000}.
#[derive(Args, Debug)]
pub struct GatewayArgs {
    /// Port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 8484)]
    port: u16,
    /// Address to listen on. Everybody who can reach it can use it.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Events per second on each session; 0 for none.
    #[arg(long, default_value_t = 20.0, value_name = "PER_SECOND")]
    rate: f64,
    /// Equal seeds give equal worlds and equal events in equal order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Guilds, spread over the shards.
    #[arg(long, default_value_t = 12)]
    guilds: u32,
    /// Members of each guild.
    #[arg(long, default_value_t = 25)]
    members: u32,
    /// Fall silent after so many steady events on each session.
    #[arg(long, value_name = "COUNT")]
    events: Option<u64>,
    /// The heartbeat interval that clients are told, in milliseconds.
    #[arg(long, default_value_t = 41_250, value_name = "MS")]
    heartbeat_interval: u64,
    /// Faults to come: a JSON file with a list like [{"at":{"dispatch":10},"do":{"fault":"cut"}}].
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Serve recorded events in place of made-up ones: a JSON file with a list of envelopes or one envelope a line, as
    /// `shardwire tail --record` writes it, or a folder of such files.
    #[arg(long, value_name = "FILE|DIR")]
    replay: Option<PathBuf>,
    /// Give clients of `zstd-stream` one complete frame for each message, as some servers do. Discord gives one that never
    /// ends.
    #[arg(long)]
    zstd_frames: bool,
    /// Shards that /gateway/bot recommends.
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    shards: u32,
    /// Shards that may identify at the same time.
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    max_concurrency: u32,
    /// The time between two identifies of a shard that is not answered with op 9, in milliseconds.
    #[arg(long, default_value_t = 5000, value_name = "MS")]
    identify_spacing: u64,
}

/// Serves until Ctrl-C or SIGTERM.
pub async fn run(args: GatewayArgs) -> anyhow::Result<()> {
    let listen = (args.host, args.port).into();
    let gateway = options(&args)?;
    let bound = MockServer::bind(MockOptions { gateway, listen }).await;
    let mut server = bound.with_context(|| format!("cannot listen on {listen}"))?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", server.url())?;
    stdout.flush()?;
    let notices = server.take_notices();
    let print = async {
        if let Some(mut notices) = notices {
            while let Some(notice) = notices.recv().await {
                eprintln!("{notice}");
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = print => {}
        stopped = stop::signal() => stopped?,
    }
    summarise(&server.shutdown().await);
    Ok(())
}

fn options(args: &GatewayArgs) -> anyhow::Result<GatewayOptions> {
    let script = args.script.as_deref().map(read_script).transpose()?;
    let recording = args.replay.as_deref().map(read_recording).transpose()?;
    Ok(GatewayOptions {
        seed: args.seed,
        heartbeat_interval: Duration::from_millis(args.heartbeat_interval),
        guilds: args.guilds,
        members: args.members,
        rate: args.rate,
        events: args.events,
        shards: args.shards,
        max_concurrency: args.max_concurrency,
        identify_spacing: Duration::from_millis(args.identify_spacing),
        zstd: if args.zstd_frames { ZstdForm::Frames } else { ZstdForm::Endless },
        script: script.unwrap_or_default(),
        recording,
        ..GatewayOptions::default()
    })
}

fn read_script(path: &Path) -> anyhow::Result<Script> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Script::from_json(&text).with_context(|| format!("no script: {}", path.display()))
}

fn read_recording(path: &Path) -> anyhow::Result<Recording> {
    let mut recording = Recording::new();
    for file in recorded_files(path)? {
        let text = fs::read_to_string(&file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        match recording.add(&text) {
            Ok(count) => eprintln!("{}: {count} envelopes", file.display()),
            Err(error) => eprintln!("{}: skipped, no list of envelopes ({error})", file.display()),
        }
    }
    if recording.events().is_empty() {
        bail!("no recorded events in {}", path.display());
    }
    Ok(recording)
}

/// The file itself, or the JSON files of a folder by name.
fn recorded_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort_unstable();
    Ok(files)
}

fn summarise(state: &State) {
    eprintln!(
        "stopped: {} connections, {} identifies, {} resumes ({} successful), {} heartbeats, {} events sent, {} violations",
        state.connects,
        state.identifies,
        state.resumes,
        state.resumed,
        state.heartbeats,
        state.events_sent,
        state.violations.len(),
    );
}
