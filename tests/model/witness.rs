//! Looks at a world after each step: hands each shard's deeds to its reference, and listens to what the mock complains about.

use std::{collections::BTreeMap, time::Duration};

use shardwire::{
    proto::{Event, Fault as ClientFault, Instant},
    testing::{Deed, Fault, Gateway, Notice, Violation, World},
};

use crate::{
    book::{Book, Mark},
    manners::Budget,
    reference::{Reference, Surroundings, Wish},
    tally::Tally,
};

/// After everybody slept the mock may miss heartbeats for so long: its patience, and a little.
const DEAF: Duration = Duration::from_secs(70);

/// Everything that is known of one world besides the world.
pub struct Witness {
    pub shards: Vec<Reference>,
    pub book: Book,
    pub budget: Budget,
    pub tally: Tally,
    pub is_filtered: bool,
    /// What the mock told its clients, and how much of it they have claimed.
    told: BTreeMap<Word, u64>,
    deaf_until: Instant,
    steps: u64,
    deeds: Vec<Deed>,
}

/// Something that ends a connection and comes from the mock alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Close(u16),
    Invalid { resumable: bool },
}

impl Witness {
    pub fn new(shards: usize, interval: Duration, budget: Budget, is_filtered: bool) -> Self {
        Self {
            shards: (0..shards).map(|number| Reference::new(number, interval)).collect(),
            book: Book::default(),
            budget,
            tally: Tally::new(),
            is_filtered,
            told: BTreeMap::new(),
            deaf_until: Instant::ZERO,
            steps: 0,
            deeds: Vec::new(),
        }
    }

    /// What happened since the last look, and what must hold now.
    pub fn look(&mut self, world: &mut World) {
        self.steps += 1;
        while let Some(notice) = world.server_mut().poll_notice() {
            self.hear(notice, world);
        }
        for number in 0..self.shards.len() {
            self.look_at(number, world);
        }
    }

    fn look_at(&mut self, number: usize, world: &mut World) {
        let now = world.now();
        world.take_deeds(number, &mut self.deeds);
        for deed in self.deeds.drain(..) {
            if let Some(word) = word_behind(&deed) {
                let left = self.told.get_mut(&word);
                let left = left.filter(|left| **left > 0);
                *left.unwrap_or_else(|| panic!("shard {number}: the mock never said {word:?}")) -=
                    1;
            }
            let mut around = Surroundings {
                now,
                book: &self.book,
                budget: &mut self.budget,
                tally: &mut self.tally,
                is_filtered: self.is_filtered,
            };
            self.shards[number].explain(deed, &mut around);
        }
        let client = world.shard(number);
        let machine = client.machine();
        self.shards[number].check(machine.status(), machine.waiting(), now);
        self.shards[number].read(|| machine.session(), now);
        let is_at_work = machine.waiting() > 0 && self.shards[number].wish == Wish::Run;
        assert!(!is_at_work || client.wakes_at().is_some(), "shard {number}: work and no wake-up");
        assert_eq!(machine.open_requests(), self.shards[number].questions.len(), "shard {number}");
    }

    /// The mock will say so on this many connections.
    pub fn expect(&mut self, fault: &Fault) {
        let shards = self.shards.len() as u64;
        let (resumable, times) = match fault {
            Fault::InvalidSession { resumable } => (*resumable, shards),
            Fault::RefuseIdentify { resumable, times }
            | Fault::RefuseResume { resumable, times } => (*resumable, u64::from(*times)),
            _ => return,
        };
        self.tell(Word::Invalid { resumable: resumable == Some(true) }, times);
    }

    /// Everybody slept.
    pub fn sleep(&mut self, now: Instant) {
        self.deaf_until = now + DEAF;
    }

    /// Whether a shard that has come to this number of its session has all, if `newest` is the last. A RESUMED that was
    /// numbered 0 is not part of its count.
    pub fn has_all(&self, number: usize, sequence: u64, newest: u64) -> bool {
        let hidden = self.shards[number].place.as_ref().map_or(0, |place| place.hidden as u64);
        sequence <= newest && sequence + hidden >= newest
    }

    pub fn emitted(&mut self, gateway: &Gateway, mark: Mark) {
        self.tally.see("events emitted");
        self.book.note(gateway, mark);
    }

    /// The counts of the whole world.
    pub fn into_tally(mut self) -> Tally {
        self.tally.see("worlds");
        self.tally.see_many("steps of a world", self.steps);
        self.tally
    }

    fn tell(&mut self, word: Word, times: u64) {
        *self.told.entry(word).or_default() += times;
    }

    fn hear(&mut self, notice: Notice, world: &World) {
        match notice {
            Notice::Closed(_, Some(code), _) => self.tell(Word::Close(code), 1),
            Notice::Closed(_, None, _) => self.tell(Word::Close(1005), 1),
            Notice::Refused(_, why) => match why.as_str() {
                "resume of events no longer kept" => {
                    self.tally.see("refused: resume of events no longer kept");
                    self.tell(Word::Invalid { resumable: false }, 1);
                }
                "resume of an unknown session" => {
                    self.tally.see("refused: resume of an unknown session");
                    self.tell(Word::Invalid { resumable: false }, 1);
                }
                "resume, by a fault" | "identify, by a fault" => {}
                other => panic!("the mock refused: {other}"),
            },
            Notice::Violated(violation) => self.excuse(&violation, world),
            _ => {}
        }
    }

    /// The few complaints that a shard cannot help; what it could help is held by its reference as well.
    fn excuse(&mut self, violation: &Violation, world: &World) {
        let reason = &*violation.reason;
        if reason == "no heartbeat in time" {
            self.tally.see("punished: no heartbeat over a dead path");
            let is_deaf = world.now() <= self.deaf_until || !world.is_path_alive(violation.peer);
            assert!(is_deaf, "the mock missed a heartbeat on a path that lives");
        } else if reason.ends_with("before identify") {
            // A reference lets no command pass before READY, so it was the mock that forgot.
            self.tally.see("punished: command to a session that the gateway forgot");
        } else {
            panic!("the mock complains: {reason}");
        }
    }
}

fn word_behind(deed: &Deed) -> Option<Word> {
    let Deed::Event(Event::Disconnected { fault, .. }) = deed else { return None };
    match fault {
        // What a broken connection looks like.
        ClientFault::Closed(close) if close.code == 1006 => None,
        ClientFault::Closed(close) => Some(Word::Close(close.code)),
        ClientFault::InvalidSession { resumable } => Some(Word::Invalid { resumable: *resumable }),
        _ => None,
    }
}
