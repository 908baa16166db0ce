//! The mock gateway as a child process.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, PipeReader},
    path::Path,
    process::{Child, Command, ExitStatus},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{serve::free_port, tools};

/// How long it may take until it listens. It needs milliseconds; a busy machine may need more.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many of its last lines are shown if it dies.
const LAST_LINES: usize = 20;
const GREETING: &str = "listening on ";
/// Heartbeats in milliseconds: Discord's 41 seconds would leave whoever looks at the latency waiting.
const HEARTBEAT_INTERVAL: &str = "5000";

/// A mock gateway that listens. It is killed when this value is dropped.
pub(crate) struct MockGateway {
    child: Child,
    url: String,
}

/// The mock gateway has closed its output, which only its end does.
pub(crate) struct Ended {
    /// The last lines that it printed.
    pub(crate) output: String,
}

impl MockGateway {
    /// Starts it and waits until it listens; `ended` is told when it is gone.
    pub(crate) fn start(
        binary: &Path,
        port: u16,
        rate: u32,
        ended: impl FnOnce(Ended) + Send + 'static,
    ) -> Result<Self> {
        let port = choose_port(port)?;
        let (reader, writer) = io::pipe().context("cannot make a pipe")?;
        let mut command = tools::command(binary);
        shield(&mut command);
        let child = command
            .args(["gateway", "--port", &port.to_string(), "--rate", &rate.to_string()])
            .args(["--heartbeat-interval", HEARTBEAT_INTERVAL])
            .stderr(writer.try_clone().context("cannot make a pipe")?)
            .stdout(writer)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let (sender, greeting) = mpsc::channel();
        thread::spawn(move || listen(reader, &sender, ended));
        // From here on the child is killed if something goes wrong.
        let mut gateway = Self { child, url: String::new() };
        gateway.url = wait(&greeting)?;
        Ok(gateway)
    }

    /// The address to connect to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How it ended, once `Ended` was told.
    pub(crate) fn status(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for MockGateway {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps Ctrl-C on the terminal from the child: it ends when we end it, and an end of its own is news.
#[cfg(unix)]
fn shield(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn shield(_: &mut Command) {}

/// A port that is free now. Nothing holds it until the gateway has it, but nothing else asks for ports meanwhile.
fn choose_port(port: u16) -> Result<u16> {
    Ok(free_port(port)?.local_addr()?.port())
}

/// Reads to the end. Whoever waits for the greeting is told the address, or the last lines if there was none.
fn listen(
    reader: PipeReader,
    greeting: &Sender<Result<String, String>>,
    ended: impl FnOnce(Ended),
) {
    let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
    let mut last = Tail::default();
    let address = lines.by_ref().find_map(|line| last.keep(line, address));
    let is_up = address.is_some();
    // In both cases nobody listens any more if starting took too long.
    if let Some(address) = address {
        let _ = greeting.send(Ok(address));
    }
    lines.for_each(|line| last.keep(line, |_| ()));
    if is_up {
        ended(Ended { output: last.text() });
    } else {
        let _ = greeting.send(Err(last.text()));
    }
}

fn address(line: &str) -> Option<String> {
    line.split_once(GREETING).map(|(_, address)| address.trim().to_owned())
}

fn wait(greeting: &Receiver<Result<String, String>>) -> Result<String> {
    match greeting.recv_timeout(PATIENCE) {
        Ok(Ok(url)) => Ok(url),
        Ok(Err(output)) => bail!("the mock gateway ended before it listened:\n{output}"),
        Err(_) => bail!("the mock gateway did not listen within {} s", PATIENCE.as_secs()),
    }
}

/// The last lines of a long text.
#[derive(Default)]
struct Tail(VecDeque<String>);

impl Tail {
    /// Adds a line, after looking at it.
    fn keep<T>(&mut self, line: String, look: impl FnOnce(&str) -> T) -> T {
        let seen = look(&line);
        if self.0.len() == LAST_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line);
        seen
    }

    fn text(self) -> String {
        Vec::from(self.0).join("\n")
    }
}
