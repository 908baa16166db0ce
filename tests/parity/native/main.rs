//! Plays plans of the parity matrix by the public Rust interface: tasks as JSON lines on standard input, transcripts as JSON
//! lines on standard output. Never knows what is right; `../README.md` says what a plan is.

mod calls;
mod hooks;
mod options;
mod plan;
mod player;
mod seen;

use std::{
    io::{self, BufRead as _, Write as _},
    thread,
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};

use crate::plan::Task;

/// Longer than anything takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(90);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    id: u64,
    task: Task,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let (orders, mut inbox) = mpsc::channel(16);
    // A thread, as reading standard input blocks; it ends with it.
    thread::spawn(move || {
        io::stdin()
            .lock()
            .lines()
            .map_while(Result::ok)
            .all(|line| orders.blocking_send(line).is_ok())
    });
    while let Some(line) = inbox.recv().await {
        let order: Order = serde_json::from_str(&line)?;
        tokio::spawn(async move {
            let answer = match timeout(DEADLINE, player::play(&order.task)).await {
                Ok(transcript) => json!({"id": order.id, "transcript": transcript}),
                Err(_) => json!({"id": order.id, "error": "the play did not end"}),
            };
            let mut stdout = io::stdout().lock();
            // Whoever stops reading wants no answer.
            let _ = writeln!(stdout, "{answer}").and_then(|()| stdout.flush());
        });
    }
    Ok(())
}
