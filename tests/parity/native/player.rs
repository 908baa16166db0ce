//! Plays one plan: reads the shard, does each act when it comes due, keeps what was seen. Knows no other client.

use std::{collections::BTreeMap, mem};

use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use serde::Deserialize;
use serde_json::{Value, json};
use shardwire::{
    driver::{CloseMode, ShardHandle},
    native::{self, NativeShard},
};

use crate::{
    calls::{self, Begun},
    hooks::{self, Told},
    options,
    plan::{Act, Step, Task},
    seen,
};

struct Player<'a> {
    task: &'a Task,
    shard: NativeShard,
    handle: ShardHandle,
    told: Told,
    /// Acts that have not come due.
    acts: Vec<Act>,
    /// How often each thing happened.
    counts: BTreeMap<String, u32>,
    events: Vec<Value>,
    outcomes: BTreeMap<String, Vec<Value>>,
    notes: BTreeMap<String, Value>,
    /// What is still to be settled: its name, its place among the outcomes of that name, and the outcome.
    open: FuturesUnordered<BoxFuture<'static, (String, usize, Value)>>,
    /// Of each name, the numbers that take back.
    numbers: BTreeMap<String, Vec<u64>>,
    is_kept: bool,
}

/// The transcript.
pub async fn play(task: &Task) -> Value {
    let mut player = match begin(task) {
        Ok(player) => player,
        Err(code) => return refused(code),
    };
    player.happen("start");
    loop {
        tokio::select! {
            biased;
            event = player.shard.next_event() => {
                let Some(event) = event else { break };
                let shard = player.shard.info().shard.number();
                player.events.push(seen::event(&event, shard, task.plan.data));
                for name in seen::names(&event) {
                    player.happen(&name);
                }
            }
            Some(settled) = player.open.next() => player.settle(settled),
        }
    }
    while let Some(settled) = player.open.next().await {
        player.settle(settled);
    }
    player.transcript()
}

fn begin(task: &Task) -> Result<Player<'_>, &'static str> {
    let (builder, told) = hooks::hook(options::read(task)?, &task.plan.hooks);
    let config = builder.build().map_err(|error| error.code())?;
    let session = task.session.clone().filter(|_| task.plan.session);
    let (shard, handle) = match session {
        Some(session) => native::resume(config, session).map_err(|error| error.code())?,
        None => native::connect(config),
    };
    Ok(Player {
        task,
        shard,
        handle,
        told,
        acts: task.plan.acts.clone(),
        counts: BTreeMap::new(),
        events: Vec::new(),
        outcomes: BTreeMap::new(),
        notes: BTreeMap::new(),
        open: FuturesUnordered::new(),
        numbers: BTreeMap::new(),
        is_kept: false,
    })
}

fn refused(code: &str) -> Value {
    let nothing = json!({});
    json!({
        "events": [], "outcomes": nothing, "notes": nothing, "hooks": nothing,
        "session": null, "info": null, "undone": [], "refused": code,
    })
}

impl Player<'_> {
    /// Counts something, and does what is due then.
    fn happen(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
        let is_due = |act: &Act| {
            act.on
                .iter()
                .all(|(name, times)| self.counts.get(name).is_some_and(|count| count >= times))
        };
        let (due, others) = mem::take(&mut self.acts).into_iter().partition(is_due);
        self.acts = others;
        let due: Vec<Act> = due;
        for step in due.iter().flat_map(|act| &act.r#do) {
            self.perform(step);
        }
    }

    fn perform(&mut self, step: &Step) {
        for _ in 0..step.times.unwrap_or(1) {
            match calls::command(step, &self.handle) {
                Some(Ok(begun)) => self.keep(step, begun),
                Some(Err(code)) => {
                    let outcomes = self.outcomes.entry(step.name().to_owned()).or_default();
                    outcomes.push(format!("thrown {code}").into());
                }
                None => break,
            }
        }
        if let Some(begun) = calls::question(step, &self.handle) {
            self.keep(step, begun);
        } else if step.call == "discoverGateway" {
            self.keep(step, calls::discover(step, self.task));
        } else {
            self.steer(step);
        }
    }

    fn steer(&mut self, step: &Step) {
        match step.call.as_str() {
            "abort" => {
                let name: String = step.read(0).unwrap_or_default();
                for number in self.numbers.get(&name).into_iter().flatten() {
                    self.handle.take_back(*number);
                }
            }
            "close" => {
                let Closing { keep_session } = step.read(0).unwrap_or_default();
                self.close(keep_session);
            }
            "disconnect" => self.close(true),
            "note" => {
                let info = seen::info(&self.shard.info());
                self.notes.insert(step.read(0).unwrap_or_default(), info);
            }
            "reconnect" => self.handle.reconnect(),
            "resetCounters" => self.shard.reset_counters(),
            // Commands, which were sent already, and names that the matrix does not let through.
            _ => {}
        }
    }

    fn close(&mut self, keep_session: bool) {
        self.is_kept = keep_session;
        self.handle.close(if keep_session {
            CloseMode::KeepSession
        } else {
            CloseMode::EndSession
        });
    }

    fn keep(&mut self, step: &Step, Begun { number, outcome }: Begun) {
        let name = step.name().to_owned();
        self.numbers.entry(name.clone()).or_default().extend(number);
        let outcomes = self.outcomes.entry(name.clone()).or_default();
        outcomes.push("open".into());
        let place = outcomes.len() - 1;
        self.open.push(Box::pin(async move { (name, place, outcome.await) }));
    }

    fn settle(&mut self, (name, place, outcome): (String, usize, Value)) {
        if let Some(kept) = self.outcomes.get_mut(&name).and_then(|all| all.get_mut(place)) {
            *kept = outcome;
        }
        self.happen(&format!("settled {name}"));
    }

    fn transcript(mut self) -> Value {
        let session = self.shard.session().filter(|_| self.is_kept);
        json!({
            "events": self.events,
            "outcomes": self.outcomes,
            "notes": self.notes,
            "hooks": self.told.json(),
            "session": session,
            "info": seen::info(&self.shard.info()),
            "undone": self.acts.iter().map(|act| &act.on).collect::<Vec<_>>(),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Closing {
    #[serde(default)]
    keep_session: bool,
}
