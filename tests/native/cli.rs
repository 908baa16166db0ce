//! The command as its users meet it: arguments, output, exit status.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::Command,
};

use super::support::{SECRET, TOKEN, serve, soon};
use shardwire::testing::{GatewayOptions, Recording, Script};

fn shardwire(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardwire"));
    command.args(args).env_remove("DISCORD_TOKEN").stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(args: &[&str]) -> Output {
    run_with_token(args, None).await
}

/// Runs to the end; the token is nowhere in what is printed.
async fn run_with_token(args: &[&str], token: Option<&str>) -> Output {
    let mut command = shardwire(args);
    if let Some(token) = token {
        command.env("DISCORD_TOKEN", token);
    }
    let output = soon(command.output()).await.expect("it can be started");
    assert!(!stdout(&output).contains(SECRET), "{}", stdout(&output));
    assert!(!stderr(&output).contains(SECRET), "{}", stderr(&output));
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn lines(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn dispatches(output: &Output) -> Vec<Value> {
    lines(output).into_iter().filter(|line| line["type"] == "dispatch").collect()
}

/// A file name that nobody else uses. The file is taken away at the end.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str) -> Self {
        Self(
            PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
                .join(format!("{}-{name}", std::process::id())),
        )
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn tail_prints_as_many_events_as_asked_for_as_json_lines() {
    let args = ["tail", "--mock", "--count", "50", "--rate", "1000", "--format", "json"];
    let output = run(&args).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let events = dispatches(&output);
    assert_eq!(events.len(), 50);
    assert_eq!(events[0]["name"], "READY");
    assert_eq!(events[49]["sequence"], 50);
    let all = lines(&output);
    assert_eq!(all.last().expect("lines")["type"], "stopped");
    assert!(all.iter().any(|line| line["status"] == "ready"));
    let summary = stderr(&output);
    for word in ["50 events", "GUILD_CREATE", "latency:", "on the wire", "identifies 1", "gaps 0"] {
        assert!(summary.contains(word), "{summary}");
    }
}

#[tokio::test]
async fn equal_seeds_print_equal_events() {
    let args =
        ["tail", "--mock", "--seed", "7", "--rate", "1000", "--guilds", "2", "--count", "60"];
    let plain = run(&[&args[..], &["--compression", "none"]].concat()).await;
    assert_eq!(dispatches(&plain).len(), 60);
    for compression in ["payload", "zlib-stream", "zstd-stream"] {
        let packed = run(&[&args[..], &["--compression", compression]].concat()).await;
        assert_eq!(dispatches(&plain)[1..], dispatches(&packed)[1..], "{compression}");
    }
    let etf = run(&[&args[..], &["--encoding", "etf"]].concat()).await;
    let heads = |output: &Output| -> Vec<_> {
        let head = |event: &Value| (event["name"].clone(), event["sequence"].clone());
        dispatches(output).iter().map(head).collect()
    };
    assert_eq!(heads(&plain), heads(&etf));
}

#[tokio::test]
async fn filters_choose_events_and_dispatch_only_leaves_the_rest_out() {
    let common = ["tail", "--mock", "--rate", "1000", "--count", "5", "--dispatch-only"];
    let only = run(&[&common[..], &["--filter", "message_create"]].concat()).await;
    assert!(lines(&only).iter().all(|line| line["name"] == "MESSAGE_CREATE"));
    assert_eq!(lines(&only).len(), 5);
    let except = run(&[&common[..], &["--except", "READY,GUILD_CREATE"]].concat()).await;
    assert!(lines(&except).iter().all(|line| line["name"] != "READY"));
    assert_eq!(lines(&except).len(), 5);
}

#[tokio::test]
async fn a_table_has_a_row_for_each_event_and_tells_the_rest_beside_it() {
    let output = run(&["tail", "--mock", "--count", "4", "--format", "table"]).await;
    let table = stdout(&output);
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.starts_with("TIME (UTC)"));
    assert!(table.contains("READY") && table.contains("25 members"), "{table}");
    assert!(stderr(&output).contains("status: ready"));
}

#[tokio::test]
async fn mistakes_are_named_and_exit_with_2() {
    for (args, culprit) in [
        (&["--mock", "--intents", "GUILDS,GUILD_MASSAGES"][..], "GUILD_MASSAGES"),
        (&["--mock", "--intents", "131072"], "131072"),
        (&["--mock", "--shard", "2/2"], "2/2"),
        (&["--mock", "--format", "xml"], "xml"),
        (&["--mock", "--duration", "soon"], "soon"),
        (&["--mock", "--gateway", "ws://127.0.0.1"], "--gateway"),
        (&["--mock", "--discover"], "--discover"),
        (&["--token", "t", "--discover=http://example.com"], "loopback"),
        (&["--mock", "--filter", "A", "--except", "B"], "--except"),
        (&["--seed", "3", "--token", "t"], "--mock"),
        (&["--token", "t", "--gateway", "https://discord.com"], "wss://"),
        (&["--token", "t", "--gateway", "ws://example.com"], "loopback"),
        (&["--token", "a b"], "bot token"),
        (&[], "DISCORD_TOKEN"),
        (&["--mock", "--session", "/"], "no session in /"),
    ] {
        let output = run(&[&["tail"][..], args].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(culprit), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
}

#[tokio::test]
async fn a_token_in_the_wrong_place_is_not_printed() {
    for args in [&["tail", TOKEN][..], &[TOKEN], &["tail", "--shard", TOKEN]] {
        assert_eq!(run(args).await.status.code(), Some(2));
    }
    let help = run_with_token(&["tail", "--help"], Some(TOKEN)).await;
    assert_eq!(help.status.code(), Some(0));
}

#[tokio::test]
async fn a_wrong_token_exits_with_1_and_one_sentence() {
    let server = serve(GatewayOptions::default()).await;
    let url = server.url();
    let args = ["tail", "--gateway", &*url, "--format", "table"];
    let output = run_with_token(&args, Some("YQ.hush-hush-wrong.Yg")).await;
    assert_eq!(output.status.code(), Some(1));
    let last = stderr(&output).lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("error: the gateway closed with 4004"), "{last}");
}

#[tokio::test]
async fn discovery_finds_the_gateway_or_says_why_not() {
    let server = serve(GatewayOptions::default()).await;
    let discover = format!("--discover={}/api/v10", server.http_url());
    let args = ["tail", &*discover, "--count", "1", "--format", "json"];
    let output = run_with_token(&args, Some(TOKEN)).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(dispatches(&output)[0]["name"], "READY");
    let found = format!("discovered {}: 1 shards recommended, 1000 of 1000", server.url());
    assert!(stderr(&output).starts_with(&found), "{}", stderr(&output));
    let refused = run_with_token(&args, Some("YQ.hush-hush-wrong.Yg")).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).starts_with("error: the API answered HTTP 401"));
}

#[tokio::test]
async fn help_explains_every_option() {
    let tail = stdout(&run(&["tail", "--help"]).await);
    for option in [
        "--token",
        "DISCORD_TOKEN",
        "--intents",
        "--shard",
        "--filter",
        "--except",
        "--gateway",
        "--discover",
        "--allow-insecure",
        "--compression",
        "--mock",
        "--seed",
        "--rate",
        "--guilds",
        "--events",
        "--count",
        "--duration",
        "--session",
        "--dispatch-only",
        "--format",
        "Examples:",
        "Exit status:",
    ] {
        assert!(tail.contains(option), "{option}");
    }
    let all = stdout(&run(&["--help"]).await);
    assert!(all.contains("tail") && all.contains("gateway"));
    assert_eq!(run(&[]).await.status.code(), Some(2));
}

#[tokio::test]
async fn tail_resumes_by_itself_and_carries_its_session_to_the_next_run() {
    let script = r#"[{"at":{"dispatch":20},"do":{"fault":"cut"}}]"#;
    let script = Script::from_json(script).expect("a valid script");
    let server = serve(GatewayOptions { rate: 200.0, script, ..GatewayOptions::default() }).await;
    let (url, file) = (server.url(), TempFile::new("tail.session"));
    let args = ["tail", "--gateway", &*url, "--count", "30", "--session", file.path()];
    let first = run_with_token(&args, Some(TOKEN)).await;
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let kept = std::fs::read_to_string(&file.0).expect("it was kept");
    let summary = stderr(&first);
    assert!(summary.contains("resumes 1,") && summary.contains("gaps 0"), "{summary}");
    assert!(kept.contains(r#""sequence":30"#) && !kept.contains(SECRET), "{kept}");

    let second = run_with_token(&args, Some(TOKEN)).await;
    let sequences = dispatches(&second).into_iter().filter_map(|line| line["sequence"].as_u64());
    assert_eq!(sequences.collect::<Vec<_>>(), (31..=60).collect::<Vec<_>>());
    let state = server.state().await;
    assert_eq!((state.identifies, state.resumed), (1, 2));
    assert_eq!(state.violations, Vec::<String>::new());
}

#[tokio::test]
async fn a_reader_that_has_enough_ends_it_quietly() {
    let mut child = shardwire(&["tail", "--mock", "--rate", "2000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    soon(reader.read_line(&mut line)).await.expect("a line");
    drop(reader);
    let mut errors = String::new();
    let mut stderr = child.stderr.take().expect("piped");
    soon(stderr.read_to_string(&mut errors)).await.expect("UTF-8");
    assert_eq!(soon(child.wait()).await.expect("it ends").code(), Some(0), "{errors}");
    assert!(!errors.contains("panicked") && !errors.contains("roken pipe"), "{errors}");
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_closes_cleanly_and_prints_the_summary() {
    let server = serve(GatewayOptions::default()).await;
    let url = server.url();
    let mut child = shardwire(&["tail", "--gateway", &*url])
        .env("DISCORD_TOKEN", TOKEN)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    loop {
        let line = soon(lines.next_line()).await.expect("UTF-8").expect("a line");
        if line.contains("GUILD_CREATE") {
            break;
        }
    }
    let id = child.id().expect("it runs").to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status().await.expect("kill runs");
    assert!(killed.success());
    while soon(lines.next_line()).await.expect("UTF-8").is_some() {}
    let mut summary = String::new();
    let mut stderr = child.stderr.take().expect("piped");
    soon(stderr.read_to_string(&mut summary)).await.expect("UTF-8");
    assert!(soon(child.wait()).await.expect("it ends").success());
    assert!(summary.contains("GUILD_CREATE") && summary.contains("connects 1"), "{summary}");
    // 1000, not a vanished peer: the session is over.
    assert_eq!(server.state().await.sessions, 0);
}

#[tokio::test]
async fn the_gateway_prints_its_address_and_can_be_watched() {
    let mut gateway = shardwire(&["gateway", "--port", "0", "--rate", "500"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be started");
    let mut lines = BufReader::new(gateway.stdout.take().expect("piped")).lines();
    let line = soon(lines.next_line()).await.expect("UTF-8").expect("a line");
    let url = line.strip_prefix("listening on ").expect("its address");
    let args = ["tail", "--gateway", url, "--count", "20"];
    let output = run_with_token(&args, Some(TOKEN)).await;
    assert_eq!(dispatches(&output).len(), 20);
    gateway.kill().await.expect("it runs");
}

#[tokio::test]
async fn a_recording_is_scrubbed_and_can_be_served_again() {
    let file = TempFile::new("trace.jsonl");
    let args = ["tail", "--mock", "--count", "40", "--rate", "1000", "--format", "json"];
    let output = run(&[&args[..], &["--record", file.path()]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = std::fs::read_to_string(file.path()).expect("it was written");
    let recorded: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let printed = dispatches(&output);
    assert_eq!((recorded.len(), printed.len()), (40, 40));
    for (envelope, event) in recorded.iter().zip(&printed) {
        assert_eq!([&envelope["t"], &envelope["s"]], [&event["name"], &event["sequence"]]);
        if let Some(author) = event["data"]["author"]["username"].as_str() {
            let length = envelope["d"]["author"]["username"].as_str().map(str::len);
            assert_eq!(length, Some(author.len()));
        }
    }
    let session = printed[0]["data"]["session_id"].as_str().expect("a session");
    let user = printed[0]["data"]["user"]["id"].as_str().expect("a user");
    assert!(!text.contains(session) && !text.contains(user), "{text}");
    let mut recording = Recording::new();
    assert_eq!(recording.add(&text).expect("a recording"), 40);
    assert_eq!(recording.events().len(), 39);
}
