//! One chance world and its day: hours of quiet, storms of acts, and after each storm a calm in which all must be well again.

use std::time::Duration;

use shardwire::{
    proto::{
        Activity, Compression, Config, Encoding, Filter, Input, Intents, Limits, Presence, Random,
        Session, Status,
    },
    testing::{Fault, GatewayOptions, World, ZstdForm},
};

use crate::{
    acts,
    faults::{self, one_of},
    manners::Budget,
    reference::{CHOSEN, Wish},
    tally::Tally,
    witness::Witness,
};

/// When the last storm may begin; the rest of the day is left for its calm.
const LAST_STORM: Duration = Duration::from_secs(22 * 60 * 60);
/// How long a shard may take to be well again after a storm. Faults that wait for their occasion take their time.
const RECOVERY: Duration = Duration::from_secs(2 * 60 * 60);
/// Unread events at which a driver lets the shard pause.
const FULL_INBOX: u32 = 40;
/// Acts of one world that are told when it fails.
const TOLD: usize = 400;

/// How messages are written. Most worlds are like most bots; the mock's own encoders make the others dear.
const FORMS: [(Compression, Encoding); 16] = {
    use Compression as C;
    use Encoding as E;
    let mut forms = [(C::ZlibStream, E::Json); 16];
    forms[0] = (C::None, E::Json);
    forms[1] = (C::None, E::Json);
    forms[2] = (C::None, E::Json);
    forms[3] = (C::None, E::Json);
    forms[4] = (C::None, E::Etf);
    forms[5] = (C::Payload, E::Json);
    forms[6] = (C::ZlibStream, E::Etf);
    forms[7] = (C::ZstdStream, E::Json);
    forms
};
/// Of each guild. Few worlds have so many that a list of them takes several messages.
const MEMBERS: [u32; 16] = [5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 2100];

/// A world under way.
pub struct Day {
    pub world: World,
    pub witness: Witness,
    pub chance: Random,
    /// Whether the mock sends what it is given as it stands.
    pub is_json: bool,
    /// Events emitted so far; each carries its number.
    pub emitted: u64,
    /// Commands given so far; each carries its number.
    pub commands: u64,
    /// What was done, for whoever reads a failure.
    acts: Vec<String>,
}

impl Day {
    /// The world of a seed. Only one that is `told` says at its end what happened last.
    pub fn new(seed: u64, is_told: bool) -> Self {
        let mut chance = Random::new(seed);
        let shards = 1 + chance.bits() % 3;
        let shards = usize::try_from(shards).expect("few");
        let buckets = *one_of(&mut chance, &[1_usize, 1, 2]);
        let is_filtered = one_of(&mut chance, &[true, false, false]) == &true;
        let starts = *one_of(&mut chance, &[1000, 1000, 1000, 1000, 1000, 1000, 1000, 20]);
        let (compression, encoding) = *one_of(&mut chance, &FORMS);
        let members = *one_of(&mut chance, &MEMBERS);
        let options = GatewayOptions {
            seed,
            url: "wss://gateway.mock".into(),
            resume_gateway_url: "wss://resume.mock".into(),
            heartbeat_interval: *one_of(
                &mut chance,
                &[Duration::from_millis(41_250), Duration::from_secs(45)],
            ),
            guilds: *one_of(&mut chance, &[0, 1, 3]),
            members,
            max_concurrency: u32::try_from(buckets).expect("few"),
            session_starts: starts,
            replay_buffer: *one_of(&mut chance, &[3500, 300, 30]),
            session_lifetime: *one_of(
                &mut chance,
                &[Duration::from_secs(120), Duration::from_secs(900)],
            ),
            zstd: *one_of(&mut chance, &[ZstdForm::Endless, ZstdForm::Frames]),
            ..GatewayOptions::default()
        };
        let config = |number: usize| {
            let number = u32::try_from(number).expect("few");
            let total = u32::try_from(shards).expect("few");
            let most = 1 << 20;
            let limits = Limits { inflated_bytes: most, message_bytes: most, ..Limits::default() };
            let filter = if is_filtered { Filter::except(["UNWANTED"]) } else { Filter::All };
            Config::builder("abc.def.secret", intents())
                .compression(compression)
                .encoding(encoding)
                .presence_with(|_| chosen())
                .filter(filter)
                .limits(limits)
                .url("wss://gateway.mock")
                .shard(number, total)
        };
        let interval = options.heartbeat_interval;
        let mut world = World::new(options, config(0));
        for number in 1..shards {
            world = world.and_shard(config(number).build().expect("valid"));
        }
        world = world.seed(seed).handing_over();
        if !is_told {
            world = world.silent();
        }
        world.delay(chance.bits() % 200);
        world.jitter(chance.bits() % 200);
        let budget = Budget::new(starts, u32::try_from(shards).expect("few"), buckets);
        let witness = Witness::new(shards, interval, budget, is_filtered);
        // Such that nothing else in a command looks like it, and large as ids are: smaller ones are numbers in ETF.
        let commands = 2_000_000_000_000_000_000;
        let is_json = encoding == Encoding::Json;
        Self { world, witness, chance, is_json, emitted: 0, commands, acts: Vec::new() }
    }

    /// Lives through the day.
    pub fn live(&mut self) {
        self.begin();
        while self.world.now().since_epoch() < LAST_STORM {
            self.quiet();
            self.storm();
            self.calm();
        }
    }

    /// Starts all shards, and waits until they are well.
    pub fn begin(&mut self) {
        for shard in 0..self.witness.shards.len() {
            self.witness.shards[shard].start(self.world.now());
        }
        self.world.start();
        self.look();
        self.calm();
    }

    /// Hours in which next to nothing happens.
    fn quiet(&mut self) {
        for _ in 0..=self.below(20) {
            let secs = self.below(600);
            self.pass(Duration::from_secs(secs));
            acts::emit(self);
            self.look();
        }
    }

    /// Many acts, one after another.
    pub fn storm(&mut self) {
        for _ in 0..10 + self.below(60) {
            self.act();
        }
    }

    fn act(&mut self) {
        for shard in 0..self.witness.shards.len() {
            if self.witness.shards[shard].wish == Wish::Stopped && self.below(8) == 0 {
                let session = self.witness.shards[shard].reader.stored.clone();
                self.restart(shard, session);
            }
        }
        let act = acts::any(self.chance.bits());
        self.witness.tally.act(act.name);
        let told = (act.run)(self);
        self.tell(&told);
        self.look();
        self.mind_readers();
    }

    /// The storm is over: within [`RECOVERY`] every shard is ready and has all that the gateway has.
    pub fn calm(&mut self) {
        self.tell("calm");
        self.world.plug_in();
        for shard in 0..self.witness.shards.len() {
            self.witness.shards[shard].reader.slow_until = self.world.now();
            if matches!(self.witness.shards[shard].wish, Wish::Close { .. }) {
                self.pass(Duration::from_secs(5));
            }
            if self.witness.shards[shard].wish == Wish::Stopped {
                let session = self.witness.shards[shard].reader.stored.clone();
                self.restart(shard, session);
            }
            self.start(shard);
        }
        let by = self.world.now() + RECOVERY;
        while !(0..self.witness.shards.len()).all(|shard| self.is_well(shard)) {
            assert!(self.world.now() < by, "{}", self.complaint());
            if (0..self.witness.shards.len()).any(|shard| self.is_forgotten(shard)) {
                self.witness.tally.see("forgotten by the gateway, told by a cut");
                self.world.cut();
            }
            self.pass(Duration::from_secs(30));
            self.mind_readers();
        }
        self.witness.tally.see("calm after a storm");
    }

    /// Whether a shard has all that the gateway has, and nothing left to send. One without a budget has nothing to hope for.
    fn is_well(&self, shard: usize) -> bool {
        let reference = &self.witness.shards[shard];
        if reference.wish == Wish::Stopped {
            return true;
        }
        let machine = self.world.shard(shard).machine();
        let Some(session) = machine.session() else { return false };
        let standing = self.world.server().sessions().find(|it| it.id == session.id);
        let has_all = standing.is_some_and(|standing| {
            standing.is_attended && self.witness.has_all(shard, session.sequence, standing.newest)
        });
        machine.status() == Status::Ready && has_all && machine.waiting() == 0
    }

    /// Whether a shard listens on a connection whose session the gateway has ended without its knowing.
    fn is_forgotten(&self, shard: usize) -> bool {
        let machine = self.world.shard(shard).machine();
        let Some(session) = machine.session() else { return false };
        let is_served =
            self.world.server().sessions().any(|it| it.id == session.id && it.is_attended);
        machine.status() == Status::Ready && !is_served
    }

    pub fn complaint(&self) -> String {
        let state = |shard: usize| {
            let machine = self.world.shard(shard).machine();
            format!(
                "shard {shard}: {} at {:?}, {} commands wait",
                machine.status().name(),
                machine.session().map(|session| session.sequence),
                machine.waiting()
            )
        };
        let states: Vec<String> = (0..self.witness.shards.len()).map(state).collect();
        let newest: Vec<u64> = self.world.server().sessions().map(|it| it.newest).collect();
        format!("expected all to be well again: {states:?}, sessions at {newest:?}")
    }

    // What acts are made of.

    pub fn below(&mut self, most: u64) -> u64 {
        self.chance.bits() % most
    }

    pub fn any_shard(&mut self) -> usize {
        let shards = self.witness.shards.len() as u64;
        usize::try_from(self.below(shards)).expect("few")
    }

    /// Lets time pass, with a look after each step.
    pub fn pass(&mut self, span: Duration) {
        self.look();
        let Self { world, witness, .. } = self;
        world.pass_watched(span, |world| witness.look(world));
        self.look();
    }

    pub fn look(&mut self) {
        self.witness.look(&mut self.world);
    }

    pub fn inject(&mut self, fault: Fault) {
        self.witness.tally.fault(faults::name(&fault));
        self.witness.expect(&fault);
        self.world.inject(fault);
    }

    pub fn pause(&mut self, shard: usize) {
        self.witness.shards[shard].wish(Wish::Pause, self.world.now());
        self.world.input_to_shard(shard, Input::Pause);
        self.look();
    }

    pub fn start(&mut self, shard: usize) {
        self.witness.shards[shard].wish(Wish::Run, self.world.now());
        self.world.input_to_shard(shard, Input::Start);
        self.look();
    }

    pub fn restart(&mut self, shard: usize, session: Option<Session>) {
        self.look();
        let seed = self.chance.bits();
        let Witness { shards, book, tally, .. } = &mut self.witness;
        shards[shard].restart(session.as_ref(), book, tally, self.world.now());
        shards[shard].start(self.world.now());
        self.world.restart_from(shard, seed, session);
        self.look();
    }

    /// A driver lets a shard pause while its reader has too much to take.
    fn mind_readers(&mut self) {
        for shard in 0..self.witness.shards.len() {
            let reference = &mut self.witness.shards[shard];
            if reference.reader.unread > FULL_INBOX && reference.wish == Wish::Run {
                reference.reader.holds = true;
                self.pause(shard);
            } else if reference.reader.unread == 0 && reference.reader.holds {
                reference.reader.holds = false;
                self.start(shard);
            }
        }
    }

    /// Whether all shards said their last word and want nothing more.
    pub fn has_stopped(&self) -> bool {
        (0..self.witness.shards.len()).all(|shard| {
            let client = self.world.shard(shard);
            client.status() == Status::Stopped && client.wakes_at().is_none()
        })
    }

    fn tell(&mut self, act: &str) {
        if self.acts.len() == TOLD {
            self.acts.remove(0);
        }
        self.acts.push(format!("{:>10.3} s  {act}", self.world.now().since_epoch().as_secs_f64()));
    }

    // What is told at the end.

    /// The acts and the last steps.
    pub fn story(&self) -> String {
        format!("acts:\n  {}\nlast steps:\n{}", self.acts.join("\n  "), self.world.story())
    }

    pub fn into_tally(self) -> Tally {
        self.witness.into_tally()
    }
}

/// The presence that identify has for want of a better one.
fn chosen() -> Presence {
    let activity = Activity { name: CHOSEN.into(), kind: 0, state: None, url: None };
    Presence { activities: vec![activity], ..Presence::default() }
}

fn intents() -> Intents {
    Intents::GUILDS
        | Intents::GUILD_MEMBERS
        | Intents::GUILD_PRESENCES
        | Intents::GUILD_VOICE_STATES
}
