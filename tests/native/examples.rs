//! Examples that end by themselves, run as a user would run them.

use std::process::Stdio;

use shardwire::testing::GatewayOptions;
use tokio::process::Command;

use super::support::{SECRET, TOKEN, serve};

/// Cargo has built it with the tests, unless these were run alone.
#[tokio::test]
async fn opentelemetry_exports_what_a_shard_tells() {
    let server = serve(GatewayOptions::default()).await;
    let url = server.url();
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--quiet", "--all-features", "--example", "opentelemetry", "--", &url, "1"])
        .env("DISCORD_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("it can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, complaints) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{complaints}");
    for part in ["shardwire.identifies", "shardwire.events", "GUILD_CREATE"] {
        assert!(printed.contains(part), "{part}\n{printed}");
    }
    assert!(!printed.contains(SECRET) && !complaints.contains(SECRET));
}
