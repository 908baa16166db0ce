//! Many shards as one stream: starts them in order, hands their events on, and does with single ones what is wanted. Knows no
//! runtime, and nothing of the protocol but what a status says.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{Stream, StreamExt, channel::oneshot, future::BoxFuture, stream::SelectAll};

use super::{
    dispatch::Dispatcher,
    fleet::{Fleet, ManagerHandle, Order},
    handle::{CloseMode, ShardHandle},
    seat::Seat,
    shard::Shard,
    store::{Keeper, SessionStore},
    timer::Timer,
    transport::Transport,
};
use crate::proto::{ConfigError, Event, Session, ShardId, ShardInfo, ShardSet, Status};

/// Connections that may be opened at the same time for the sake of sessions that go on: they need no turn, but a thousand
/// handshakes at once do not come through sooner.
const RESUMING: usize = 64;

/// An event, and the shard that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct ShardEvent {
    /// The shard.
    pub shard: ShardId,
    /// What happened.
    pub event: Event,
}

/// Makes a shard of the fleet; with a session it is to take that up.
type Make<T, C> = Box<
    dyn FnMut(ShardId, Option<Session>) -> Result<(Shard<T, C>, ShardHandle), ConfigError> + Send,
>;

/// Puts a shard into a task of its own.
type SendAway<T, C> = Box<dyn FnMut(Seat<T, C>) -> Seat<T, C> + Send>;

/// All shards of a bot that run here: a stream of their events.
///
/// Like a [`Shard`] it does nothing unless polled, and must be polled steadily. Shards are started in the order of their
/// numbers, no sooner than the identify limits let them get anywhere, so that sockets do not stand open for hours; those with
/// a session do not wait for that. The stream ends when the last shard has stopped.
#[must_use = "shards do nothing unless polled"]
pub struct ShardManager<T, C> {
    make: Make<T, C>,
    fleet: Arc<Fleet>,
    waiting: Waiting<T, C>,
    running: SelectAll<Member<T, C>>,
    /// Those of the running ones that are on their way to their first session here.
    starting: BTreeMap<u32, Way>,
    /// Whether that may have made room for one of those that wait.
    has_room: bool,
    max_concurrency: u32,
    /// Whoever waits for the end of a shard.
    ends: BTreeMap<u32, Vec<oneshot::Sender<Option<Session>>>>,
    /// Shards that are started again once they have stopped, with the session that they leave.
    restarting: BTreeSet<u32>,
    /// `None` if nobody keeps the sessions.
    keeper: Option<Keeper<C>>,
    /// `None` if shards are polled by whoever polls the manager.
    send_away: Option<SendAway<T, C>>,
}

/// How a shard that was started gets to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Identify,
    Resume,
}

impl<T: Transport + Unpin, C: Timer + Unpin> ShardManager<T, C> {
    /// The shards of `set`, each made by `make`, those with a session in `sessions` with that. `max_concurrency` is what
    /// `/gateway/bot` says.
    ///
    /// # Errors
    ///
    /// What `make` says of a configuration or a session that is not right.
    pub fn new(
        set: &ShardSet,
        max_concurrency: u32,
        mut sessions: BTreeMap<u32, Session>,
        make: impl FnMut(ShardId, Option<Session>) -> Result<(Shard<T, C>, ShardHandle), ConfigError>
        + Send
        + 'static,
    ) -> Result<Self, ConfigError> {
        let mut manager = Self {
            make: Box::new(make),
            fleet: Arc::new(Fleet::new(set.total())),
            waiting: Waiting { identify: BTreeMap::new(), resume: VecDeque::new() },
            running: SelectAll::new(),
            starting: BTreeMap::new(),
            has_room: true,
            max_concurrency: max_concurrency.max(1),
            ends: BTreeMap::new(),
            restarting: BTreeSet::new(),
            keeper: None,
            send_away: None,
        };
        for id in set.ids() {
            let session = sessions.remove(&id.number());
            let member = manager.member(*id, session)?;
            match member.way {
                Way::Identify => {
                    let bucket = manager.bucket(id.number());
                    manager.waiting.identify.entry(bucket).or_default().push_back(member);
                }
                Way::Resume => manager.waiting.resume.push_back(member),
            }
        }
        Ok(manager)
    }

    /// Keeps the sessions in `store`. `timer` is one for the manager itself.
    pub fn keep_in(mut self, store: impl SessionStore + 'static, timer: C) -> Self {
        self.keeper = Some(Keeper::new(Box::new(store), timer));
        self
    }

    /// Runs each shard in a task of its own, which `spawn` starts on a runtime: messages of different shards are then read
    /// on all of its threads. The stream still has to be polled steadily; each shard is one event ahead of it.
    pub fn in_tasks(
        mut self,
        mut spawn: impl FnMut(BoxFuture<'static, ()>) + Send + 'static,
    ) -> Self
    where
        T: Send + 'static,
        C: Send + 'static,
    {
        self.send_away = Some(Box::new(move |seat| seat.away(&mut spawn)));
        self
    }

    /// Speaks to the shards from elsewhere, and while this is polled.
    pub fn handle(&self) -> ManagerHandle {
        ManagerHandle::new(Arc::clone(&self.fleet))
    }

    /// Everything there is to see, shard by shard, in the order of their numbers. Stopped ones are gone.
    pub fn infos(&mut self) -> Vec<ShardInfo> {
        let running = self.running.iter_mut();
        let mut infos: Vec<_> =
            self.waiting.iter_mut().chain(running).map(|member| member.seat.info()).collect();
        infos.sort_by_key(|info| info.shard);
        infos
    }

    /// How the fleet is, at a glance.
    pub fn health(&self) -> Health {
        let mut health = Health { waiting: self.waiting.len(), ..Health::default() };
        for member in &self.running {
            match member.seat.status() {
                Status::Ready => health.ready += 1,
                Status::Disconnected { .. } => health.disconnected += 1,
                Status::Idle | Status::Closing => health.leaving += 1,
                // It is let go of when it is next polled.
                Status::Stopped => {}
                _ => health.connecting += 1,
            }
        }
        health
    }

    /// Ends all shards, and gives the sessions of those that can be resumed, by their numbers. It takes no longer than
    /// [`Patience::close`](crate::proto::Patience::close); events that come meanwhile are not lost, as the sessions stand
    /// before them.
    pub async fn shutdown(mut self, mode: CloseMode) -> BTreeMap<u32, Session> {
        self.handle().close(mode);
        let mut sessions = BTreeMap::new();
        let mut unread: BTreeMap<u32, Vec<Event>> = BTreeMap::new();
        while let Some((id, event, session)) = self.next_told().await {
            let events = unread.entry(id.number()).or_default();
            if matches!(event, Event::Stopped { .. }) {
                let session = session.map(|session| session.before(&*events));
                sessions.extend(session.map(|session| (id.number(), session)));
            }
            events.push(event);
        }
        sessions
    }

    /// Runs the fleet to its end, and deals its events out by `dispatcher`. Shards wait for a subscriber that is too slow as
    /// its [`Overflow`](super::Overflow) says; heartbeats go on meanwhile.
    ///
    /// What subscribers have not read counts as handed over: a store may be ahead of them by as much as their lines hold.
    pub async fn run(mut self, dispatcher: impl Dispatcher) {
        let handle = self.handle();
        let mut paused = BTreeSet::new();
        loop {
            let told = poll_fn(|cx| {
                if !paused.is_empty() {
                    dispatcher.register(cx.waker());
                    if !dispatcher.is_full() {
                        for number in mem::take(&mut paused) {
                            handle.shard(number).iter().for_each(ShardHandle::start);
                        }
                    }
                }
                self.poll_told(cx)
            });
            let Some((shard, event, _)) = told.await else { break };
            dispatcher.dispatch(&Arc::new(ShardEvent { shard, event }));
            if dispatcher.is_full() && paused.insert(shard.number()) {
                handle.shard(shard.number()).iter().for_each(ShardHandle::pause);
            }
        }
        dispatcher.end();
    }

    /// The next event; `None` after the end.
    pub async fn next_event(&mut self) -> Option<ShardEvent> {
        self.next().await
    }

    async fn next_told(&mut self) -> Option<Told> {
        poll_fn(|cx| self.poll_told(cx)).await
    }

    fn member(
        &mut self,
        id: ShardId,
        session: Option<Session>,
    ) -> Result<Member<T, C>, ConfigError> {
        let way = if session.is_some() { Way::Resume } else { Way::Identify };
        let (shard, handle) = (self.make)(id, session)?;
        self.fleet.add(id.number(), handle);
        Ok(Member { id, seat: Seat::new(shard), way })
    }

    fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<Option<Told>> {
        self.fleet.register(cx.waker());
        // Whoever asks for more has come back from what was given before.
        self.keep(cx);
        loop {
            while let Some(order) = self.fleet.next_order() {
                self.carry_out(order);
            }
            self.launch();
            match self.running.poll_next_unpin(cx) {
                Poll::Ready(Some(told)) => {
                    self.note(&told);
                    return Poll::Ready(Some(told));
                }
                Poll::Ready(None) if self.waiting.len() == 0 => {
                    self.fleet.end();
                    return Poll::Ready(None);
                }
                // The last that ran has stopped, and others wait.
                Poll::Ready(None) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Starts those of the waiting shards that get anywhere by it: of each identify bucket one at a time, so that they
    /// identify in order. The next one connects while the bucket is closed, which takes longer than that.
    fn launch(&mut self) {
        if !mem::replace(&mut self.has_room, false) {
            return;
        }
        let (identifying, resuming): (Vec<u32>, Vec<u32>) =
            self.starting.keys().partition(|number| self.starting[number] == Way::Identify);
        let busy: BTreeSet<_> = identifying.iter().map(|number| self.bucket(*number)).collect();
        let free = self.waiting.identify.iter_mut().filter(|(bucket, _)| !busy.contains(bucket));
        let mut ready: Vec<_> = free.filter_map(|(_, members)| members.pop_front()).collect();
        // Of several buckets too, the lower numbers come first.
        ready.sort_unstable_by_key(|member| member.id);
        let room = RESUMING.saturating_sub(resuming.len()).min(self.waiting.resume.len());
        ready.extend(self.waiting.resume.drain(..room));
        for member in ready {
            self.set_off(member);
        }
    }

    fn bucket(&self, number: u32) -> u32 {
        number % self.max_concurrency
    }

    /// Writes the sessions that moved on, if it is time.
    fn keep(&mut self, cx: &mut Context<'_>) {
        let Some(keeper) = &mut self.keeper else { return };
        let Some(numbers) = keeper.poll_due(cx) else { return };
        let moved = self.running.iter().filter(|member| numbers.contains(&member.id.number()));
        for member in moved {
            match member.seat.session() {
                Some(session) => keeper.store.save(&session),
                None => keeper.store.remove(member.id),
            }
        }
        keeper.store.flush();
    }

    fn set_off(&mut self, mut member: Member<T, C>) {
        if let Some(send_away) = &mut self.send_away {
            member.seat = send_away(member.seat);
        }
        self.starting.insert(member.id.number(), member.way);
        self.running.push(member);
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Close(mode) => {
                // They have to run to come to their end.
                let (identify, resume) =
                    (mem::take(&mut self.waiting.identify), mem::take(&mut self.waiting.resume));
                self.running.extend(identify.into_values().flatten().chain(resume));
                self.restarting.clear();
                self.fleet.handles().for_each(|handle| handle.close(mode));
            }
            Order::Restart(number) => {
                if let Some(handle) = self.awake(number) {
                    self.restarting.insert(number);
                    handle.close(CloseMode::KeepSession);
                }
            }
            Order::Stop(number, mode, teller) => {
                if let Some(handle) = self.awake(number) {
                    self.restarting.remove(&number);
                    self.ends.entry(number).or_default().push(teller);
                    handle.close(mode);
                }
            }
        }
    }

    /// The handle of a shard that is among the running ones, if need be from now on.
    fn awake(&mut self, number: u32) -> Option<ShardHandle> {
        let bucket = self.bucket(number);
        let Waiting { identify, resume } = &mut self.waiting;
        for line in identify.get_mut(&bucket).into_iter().chain([resume]) {
            let place = line.iter().position(|member| member.id.number() == number);
            self.running.extend(place.and_then(|place| line.remove(place)));
        }
        self.fleet.handle(number)
    }

    /// Keeps in mind what an event says of its shard.
    fn note(&mut self, (id, event, session): &Told) {
        let number = id.number();
        if let Some(keeper) = &mut self.keeper {
            match event {
                Event::Dispatch(_) => keeper.moved(number, false),
                Event::StatusChanged { status: Status::Ready, .. } | Event::Resumed { .. } => {
                    keeper.moved(number, true);
                }
                // What it leaves was handed over, but this event, which changes nothing about it.
                Event::Stopped { .. } => {
                    match session {
                        Some(session) => keeper.store.save(session),
                        None => keeper.store.remove(*id),
                    }
                    keeper.store.flush();
                }
                _ => {}
            }
        }
        match event {
            Event::Stopped { .. } => {
                self.has_room |= self.starting.remove(&number).is_some();
                self.fleet.remove(number);
                for teller in self.ends.remove(&number).unwrap_or_default() {
                    // Nobody may be left who wants to know.
                    let _ = teller.send(session.clone());
                }
                if self.restarting.remove(&number)
                    // It was made from the same before, and the session is its own.
                    && let Ok(member) = self.member(*id, session.clone())
                {
                    self.set_off(member);
                }
            }
            // A place is free: the identify is sent, or the attempt came to nothing.
            Event::StatusChanged {
                status: Status::Identifying | Status::Ready | Status::Disconnected { .. },
                ..
            } => self.has_room |= self.starting.remove(&number).is_some(),
            _ => {}
        }
    }
}

impl<T: Transport + Unpin, C: Timer + Unpin> Stream for ShardManager<T, C> {
    type Item = ShardEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ShardEvent>> {
        let told = self.get_mut().poll_told(cx);
        told.map(|told| told.map(|(shard, event, _)| ShardEvent { shard, event }))
    }
}

impl<T, C> fmt::Debug for ShardManager<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardManager")
            .field("waiting", &self.waiting.len())
            .field("starting", &self.starting)
            .finish_non_exhaustive()
    }
}

/// Shards that were not started yet, in the order in which they will be.
struct Waiting<T, C> {
    /// By their identify bucket.
    identify: BTreeMap<u32, VecDeque<Member<T, C>>>,
    resume: VecDeque<Member<T, C>>,
}

impl<T, C> Waiting<T, C> {
    fn len(&self) -> usize {
        self.identify.values().map(VecDeque::len).sum::<usize>() + self.resume.len()
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member<T, C>> {
        self.identify.values_mut().flatten().chain(&mut self.resume)
    }
}

/// A shard among others.
struct Member<T, C> {
    id: ShardId,
    seat: Seat<T, C>,
    way: Way,
}

/// An event, and with the last one the session that is left.
type Told = (ShardId, Event, Option<Session>);

impl<T: Transport + Unpin, C: Timer + Unpin> Stream for Member<T, C> {
    type Item = Told;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Told>> {
        let member = self.get_mut();
        let event = member.seat.poll_next_unpin(cx);
        event.map(|event| {
            let event = event?;
            let session = matches!(event, Event::Stopped { .. }).then(|| member.seat.session());
            Some((member.id, event, session.flatten()))
        })
    }
}

/// How many shards are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Not started yet.
    pub waiting: usize,
    /// On their way to a session.
    pub connecting: usize,
    /// Receiving events.
    pub ready: usize,
    /// Between two connections.
    pub disconnected: usize,
    /// Paused, or on their way out.
    pub leaving: usize,
}

impl Health {
    /// Whether all shards receive events.
    pub const fn is_whole(&self) -> bool {
        self.waiting + self.connecting + self.disconnected + self.leaving == 0
    }
}
