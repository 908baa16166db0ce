//! From one number of shards to another while events go on: which of two copies of an event is handed on, and when the old
//! shards may go. Knows shards by their events.
//!
//! Discord lets sessions of different totals live side by side, each with its own copy of what happens, and promises nothing
//! about their order but that of each session. So both run for a while, copies are matched by name and data, and the old shards
//! end only when each has shown that nothing from before the new sessions is still on its way.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{BuildHasher, RandomState},
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Stream, StreamExt};
use serde::Deserialize;

use super::{
    fleet::ManagerHandle,
    handle::CloseMode,
    manager::{ShardEvent, ShardManager},
    timer::Timer,
    transport::Transport,
};
use crate::proto::{Dispatch, Event, ShardId, Status};

/// Events that may wait for their copy, and copies that are remembered. More means that a side is stuck.
const MOST: usize = 1 << 16;
/// Acknowledgements after which an old shard has received all from before: the heartbeat of the second was sent after the first
/// came, and answers queue behind events.
const ACKNOWLEDGEMENTS: u32 = 2;

/// A change of the number of shards: a stream of events, first of the old shards, then of the new ones.
///
/// The new shards start within the identify limits. Once all of them are ready, and each old one has shown that nothing from
/// before is on its way any more (two heartbeats, so a minute or two), events are handed on from the new ones, and the old ones
/// end. Every event is handed on once, as far as its copies are the same to the letter. What the new sessions say of their
/// beginning (READY, the guilds that are there) is not handed on: nothing begins.
#[must_use = "shards do nothing unless polled"]
pub struct Reshard<T, C> {
    old: ShardManager<T, C>,
    new: ShardManager<T, C>,
    stage: Stage,
    copies: Copies,
    old_shards: BTreeMap<ShardId, Standing>,
    /// New shards that were not ready yet.
    unready: BTreeSet<ShardId>,
    /// Guilds that new sessions have not told of yet, which is no news.
    known_guilds: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The old shards speak.
    Old,
    /// What the new ones held back is handed on, then they speak.
    New,
    /// A side is stuck: the old shards go on as if nothing had been wanted.
    GivenUp,
}

/// What an old shard has shown since all new ones are ready.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    is_ready: bool,
    acknowledgements: u32,
}

impl<T: Transport + Unpin, C: Timer + Unpin> ShardManager<T, C> {
    /// Goes over to `next`, the shards of another total, which must ask the same identify queue.
    pub fn reshard(mut self, mut next: Self) -> Reshard<T, C> {
        let standing = |info: crate::proto::ShardInfo| {
            let is_ready = info.status == Status::Ready;
            (info.shard, Standing { is_ready, acknowledgements: 0 })
        };
        Reshard {
            old_shards: self.infos().into_iter().map(standing).collect(),
            unready: next.infos().into_iter().map(|info| info.shard).collect(),
            old: self,
            new: next,
            stage: Stage::Old,
            copies: Copies::default(),
            known_guilds: BTreeSet::new(),
        }
    }
}

impl<T: Transport + Unpin, C: Timer + Unpin> Reshard<T, C> {
    /// Whether events come from the new shards by now.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::New
    }

    /// Whether it came to nothing, as a side was stuck for so long that too much waited: the old shards go on.
    pub fn was_given_up(&self) -> bool {
        self.stage == Stage::GivenUp
    }

    /// Speaks to the new shards.
    pub fn handle(&self) -> ManagerHandle {
        self.new.handle()
    }

    /// The next event; `None` after the end of both.
    pub async fn next_event(&mut self) -> Option<ShardEvent> {
        self.next().await
    }

    /// An event of an old shard, if it is to be handed on.
    fn hear_old(&mut self, told: ShardEvent) -> Option<ShardEvent> {
        self.observe(&told);
        match &told.event {
            Event::Dispatch(dispatch) if self.stage == Stage::Old => self.copies.old(dispatch),
            // They are on their way out, and what they say was said or will be.
            Event::Dispatch(_) if self.stage == Stage::New => return None,
            _ => {}
        }
        Some(told)
    }

    /// An event of a new shard, if it is to be handed on now.
    fn hear_new(&mut self, told: ShardEvent) -> Option<ShardEvent> {
        let Event::Dispatch(dispatch) = &told.event else {
            if let Event::StatusChanged { status: Status::Ready, .. } = told.event {
                self.unready.remove(&told.shard);
            }
            return Some(told);
        };
        if self.is_of_the_beginning(dispatch) {
            return None;
        }
        match self.stage {
            Stage::Old => {
                self.copies.hold_back(told);
                None
            }
            Stage::New => (!self.copies.was_told(dispatch)).then_some(told),
            Stage::GivenUp => None,
        }
    }

    /// What an event says of its old shard.
    fn observe(&mut self, told: &ShardEvent) {
        let all_ready = self.unready.is_empty();
        let standing = self.old_shards.entry(told.shard).or_default();
        match &told.event {
            Event::StatusChanged { status, .. } => {
                *standing = Standing { is_ready: *status == Status::Ready, acknowledgements: 0 };
            }
            Event::HeartbeatAcked { .. } if all_ready => standing.acknowledgements += 1,
            Event::Stopped { .. } => {
                self.old_shards.remove(&told.shard);
            }
            _ => {}
        }
    }

    /// Whether an event only tells a new session what there is.
    fn is_of_the_beginning(&mut self, dispatch: &Dispatch) -> bool {
        #[derive(Deserialize)]
        struct Guild {
            id: String,
        }
        #[derive(Deserialize)]
        struct Ready {
            guilds: Vec<Guild>,
        }
        match &*dispatch.name {
            "READY" => {
                let guilds =
                    dispatch.deserialize::<Ready>().map_or_else(|_| vec![], |it| it.guilds);
                self.known_guilds.extend(guilds.into_iter().map(|guild| guild.id));
                true
            }
            "RESUMED" => true,
            "GUILD_CREATE" => {
                let guild = dispatch.deserialize::<Guild>();
                guild.is_ok_and(|guild| self.known_guilds.remove(&guild.id))
            }
            _ => false,
        }
    }

    /// Goes over to the new shards if it is time, or gives up if it never will be.
    fn turn(&mut self) {
        if self.stage != Stage::Old {
            return;
        }
        if self.copies.is_too_much() {
            self.stage = Stage::GivenUp;
            self.copies = Copies::default();
            self.new.handle().close(CloseMode::EndSession);
        } else if self.unready.is_empty() && self.old_shards.values().all(|it| it.is_through()) {
            self.stage = Stage::New;
            self.old.handle().close(CloseMode::EndSession);
        }
    }
}

impl Standing {
    fn is_through(self) -> bool {
        self.is_ready && self.acknowledgements >= ACKNOWLEDGEMENTS
    }
}

impl<T: Transport + Unpin, C: Timer + Unpin> Stream for Reshard<T, C> {
    type Item = ShardEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ShardEvent>> {
        let this = self.get_mut();
        loop {
            this.turn();
            if this.stage == Stage::New
                && let Some(told) = this.copies.held.pop_front()
            {
                return Poll::Ready(Some(told));
            }
            let old = this.old.poll_next_unpin(cx);
            if let Poll::Ready(Some(told)) = old {
                match this.hear_old(told) {
                    Some(told) => return Poll::Ready(Some(told)),
                    None => continue,
                }
            }
            let new = this.new.poll_next_unpin(cx);
            if let Poll::Ready(Some(told)) = new {
                match this.hear_new(told) {
                    Some(told) => return Poll::Ready(Some(told)),
                    None => continue,
                }
            }
            let is_end = old.is_ready() && new.is_ready();
            return if is_end { Poll::Ready(None) } else { Poll::Pending };
        }
    }
}

impl<T, C> std::fmt::Debug for Reshard<T, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reshard").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// Two copies of what happens, side by side.
#[derive(Default)]
struct Copies {
    /// What the old shards told and no new one yet: how often, and in which order.
    told: BTreeMap<Mark, u32>,
    order: VecDeque<Mark>,
    /// What new shards told and no old one yet.
    held: VecDeque<ShardEvent>,
    /// How often each is in there.
    held_marks: BTreeMap<Mark, u32>,
    hashers: [RandomState; 2],
}

/// Of an event's name and data: long enough that two events never share it, and made with keys that nobody can guess.
type Mark = [u64; 2];

impl Copies {
    fn mark(&self, dispatch: &Dispatch) -> Mark {
        [0, 1].map(|at: usize| self.hashers[at].hash_one((&dispatch.name, &dispatch.data)))
    }

    /// An old shard told this: its copy is not needed, now or when it comes.
    fn old(&mut self, dispatch: &Dispatch) {
        let mark = self.mark(dispatch);
        if take_one(&mut self.held_marks, mark) {
            let is_it = |told: &ShardEvent| matches!(&told.event, Event::Dispatch(held) if self.mark(held) == mark);
            if let Some(at) = self.held.iter().position(is_it) {
                self.held.remove(at);
            }
            return;
        }
        *self.told.entry(mark).or_default() += 1;
        self.order.push_back(mark);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            // From before the new sessions, or matched long ago.
            take_one(&mut self.told, oldest);
        }
    }

    /// A new shard told this, which is not for the user yet.
    fn hold_back(&mut self, told: ShardEvent) {
        let Event::Dispatch(dispatch) = &told.event else { return };
        if self.was_told(dispatch) {
            return;
        }
        let mark = self.mark(dispatch);
        *self.held_marks.entry(mark).or_default() += 1;
        self.held.push_back(told);
    }

    /// Whether an old shard told this, which is forgotten by asking.
    fn was_told(&mut self, dispatch: &Dispatch) -> bool {
        let mark = self.mark(dispatch);
        take_one(&mut self.told, mark)
    }

    fn is_too_much(&self) -> bool {
        self.held.len() > MOST
    }
}

/// Whether there was one, which is gone now.
fn take_one(marks: &mut BTreeMap<Mark, u32>, mark: Mark) -> bool {
    let Some(count) = marks.get_mut(&mark) else { return false };
    *count -= 1;
    if *count == 0 {
        marks.remove(&mark);
    }
    true
}
