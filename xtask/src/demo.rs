//! The dashboard on this machine, with a mock gateway beside it.

use std::{env, process::ExitStatus, sync::mpsc};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;

use crate::{
    browser,
    gateway::{Ended, MockGateway},
    package,
    progress::Step,
    serve::WebServer,
    site, tools,
    workspace::Workspace,
};

const DISCORD: &str = "wss://gateway.discord.gg";

#[derive(Args)]
pub(crate) struct Options {
    /// Connect to Discord instead of a mock gateway
    #[arg(long)]
    live: bool,
    /// Port of the dashboard; the next free one is taken if it is in use
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of the mock gateway; the next free one is taken if it is in use
    #[arg(long, default_value_t = 8484)]
    gateway_port: u16,
    /// Events per second that the mock gateway sends
    #[arg(long, default_value_t = 25)]
    rate: u32,
    /// Print the address, but do not open a browser
    #[arg(long)]
    no_open: bool,
}

#[derive(Args)]
pub(crate) struct ServeOptions {
    /// Port of the dashboard; the next free one is taken if it is in use
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Address of a running mock gateway
    #[arg(long, default_value = "ws://127.0.0.1:8484")]
    gateway: String,
}

/// What can happen while the dashboard is shown.
enum News {
    GatewayEnded(Ended),
    Interrupted,
}

/// Builds, starts and serves everything until Ctrl-C.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    package::make(workspace)?;
    site::assemble(workspace)?;
    if options.live { live(workspace, options) } else { mock(workspace, options) }
}

/// Serves the dashboard for a gateway that somebody else runs.
pub(crate) fn serve(workspace: &Workspace, options: &ServeOptions) -> Result<()> {
    let site = workspace.site();
    ensure!(site.is_dir(), "there is no dashboard yet; run `cargo xtask demo` once");
    let (sender, news) = mpsc::channel();
    interrupts(sender)?;
    let server = WebServer::start(site, mock_config(&options.gateway), options.port)?;
    announce(&server, &format!("for the mock gateway at {}", options.gateway));
    watch(&news, None);
    Ok(())
}

/// Builds the `shardwire` command, quickly rather than for speed.
pub(crate) fn build_binary(workspace: &Workspace) -> Result<()> {
    Step::run("Build the shardwire command", |step| {
        let mut cargo = tools::cargo();
        cargo.current_dir(workspace.root());
        cargo.args(["build", "--package=shardwire", "--bin=shardwire", "--features=cli"]);
        step.execute(&mut cargo)
    })
}

fn mock(workspace: &Workspace, options: &Options) -> Result<()> {
    build_binary(workspace)?;
    let (sender, news) = mpsc::channel();
    interrupts(sender.clone())?;
    let ended = move |ended| {
        // Nobody listens any more once we are stopping ourselves.
        let _ = sender.send(News::GatewayEnded(ended));
    };
    let gateway =
        MockGateway::start(&workspace.binary(), options.gateway_port, options.rate, ended)?;
    let server = WebServer::start(workspace.site(), mock_config(gateway.url()), options.port)?;
    announce(&server, &format!("with a mock gateway at {}", gateway.url()));
    show(&server, options);
    watch(&news, Some(gateway));
    Ok(())
}

fn live(workspace: &Workspace, options: &Options) -> Result<()> {
    let (sender, news) = mpsc::channel();
    interrupts(sender)?;
    let config = json!({ "gateway": DISCORD, "mock": null, "live": true }).to_string();
    let server = WebServer::start(workspace.site(), config, options.port)?;
    announce(&server, &format!("for Discord at {DISCORD}"));
    // The token never reaches the page by itself: whatever this server offers, every program on this machine can read.
    if env::var_os("DISCORD_TOKEN").is_some() {
        eprintln!("  DISCORD_TOKEN is set, but never handed out: type or paste it into the page.");
    } else {
        eprintln!("  Type your bot's token into the page; it stays in the page's memory.");
    }
    show(&server, options);
    watch(&news, None);
    Ok(())
}

/// Must be called before anything is started that has to be stopped.
fn interrupts(news: mpsc::Sender<News>) -> Result<()> {
    ctrlc::set_handler(move || {
        // A second Ctrl-C while stopping changes nothing.
        let _ = news.send(News::Interrupted);
    })
    .context("cannot listen for Ctrl-C")
}

fn mock_config(gateway: &str) -> String {
    let control = gateway.replacen("ws:", "http:", 1);
    json!({ "gateway": gateway, "mock": control, "live": false }).to_string()
}

fn announce(server: &WebServer, what: &str) {
    eprintln!("\n  Dashboard: {}", server.url());
    eprintln!("  {what}; Ctrl-C stops it.\n");
}

fn show(server: &WebServer, options: &Options) {
    if !options.no_open {
        browser::open(&server.url());
    }
}

/// Waits for Ctrl-C, and says it when the mock gateway dies. The dashboard stays: it shows what a lost gateway looks
/// like.
fn watch(news: &mpsc::Receiver<News>, mut gateway: Option<MockGateway>) {
    while let Ok(News::GatewayEnded(ended)) = news.recv() {
        let status = gateway.take().map(|mut gateway| gateway.status());
        eprintln!("The mock gateway has ended{}. Its last lines:", reason(status));
        eprintln!("{}\nStart again with `cargo xtask demo`.", ended.output);
    }
    eprintln!("Stopping");
}

fn reason(status: Option<std::io::Result<ExitStatus>>) -> String {
    status.and_then(Result::ok).map_or_else(String::new, |status| format!(" ({status})"))
}
