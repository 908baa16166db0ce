//! Programs that tests start and read line by line: examples of fleets, which print what each shard received, and what they need.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// How long anything may take on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// A process whose output is read. It is killed when this is dropped.
pub struct Program {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    pub fn start(command: &mut Command) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Ok(Self { child, lines })
    }

    /// The next line; `None` after the end.
    pub async fn line(&mut self) -> Option<String> {
        timeout(LONG, self.lines.next_line()).await.expect("it happens in time").expect("text")
    }

    /// Kills it without a word (SIGKILL), and notes what it had printed.
    pub async fn kill(mut self, seen: &mut Seen) {
        timeout(LONG, self.child.kill()).await.expect("it happens in time").expect("it runs");
        while seen.read(&mut self).await.is_some() {}
    }
}

/// The example `name`, which Cargo has built with the tests unless these were run alone.
pub fn example(name: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_shardwire")).with_file_name("examples").join(name);
    assert!(program.is_file(), "run `cargo build --all-features --examples`");
    let mut command = Command::new(program);
    command.stderr(Stdio::null());
    command
}

/// The sequence numbers that programs printed, by shard.
#[derive(Default)]
pub struct Seen(BTreeMap<u32, Vec<u64>>);

impl Seen {
    /// Notes the next line, and gives its shard and the name of its event; `None` after the end.
    pub async fn read(&mut self, program: &mut Program) -> Option<(u32, String)> {
        let line = program.line().await?;
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("expected three words: {line}"));
        let shard = word().parse().expect("a shard");
        let sequence = word().parse().expect("a sequence number");
        self.0.entry(shard).or_default().push(sequence);
        Some((shard, word().to_owned()))
    }

    /// Those of one shard, in the order in which they were printed.
    pub fn numbers(&self, shard: u32) -> &[u64] {
        self.0.get(&shard).map_or(&[], Vec::as_slice)
    }

    /// Each of these shards had all events up to its newest; some may have come again after a kill.
    pub fn assert_whole(&self, shards: u32) {
        for shard in 0..shards {
            let numbers: BTreeSet<_> = self.numbers(shard).iter().copied().collect();
            let last = numbers.last().copied();
            assert_eq!(Some(numbers.len() as u64), last, "shard {shard} misses some");
        }
    }
}
