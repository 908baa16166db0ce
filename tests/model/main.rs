//! Chance worlds against a small reference model: one virtual day each, with faults of every kind, and what must hold all the
//! same. `cargo xtask soak` runs them by the thousand.
//!
//! - `day`: a world, and how its day goes.
//! - `acts`, `faults`: what can happen, one row each.
//! - `reference`, `line`, `questions`, `manners`, `book`: what the user must see and the gateway may expect.
//! - `witness`: looks after each step.
//! - `soak`, `tally`: many worlds, and the counts of what happened in them.
//!
//! A seed that finds a fault is kept as a scenario of its own.
#![cfg(feature = "testing")]

mod acts;
mod book;
mod day;
mod faults;
mod line;
mod manners;
mod questions;
mod reference;
mod soak;
mod tally;
mod witness;

use std::time::Duration;

use shardwire::proto::Random;

use crate::{day::Day, soak::Plan};

/// From so many worlds on, everything must have happened.
const ENOUGH: u64 = 1000;

#[test]
fn in_every_chance_world_the_user_sees_what_the_model_says() {
    let plan = Plan::from_environment();
    let tally = soak::run(plan);
    println!("{tally}");
    if plan.worlds >= ENOUGH {
        assert_eq!(tally.zeros(), [""; 0], "never happened in {plan:?}");
    }
}

#[test]
fn in_every_chance_world_a_fatal_code_is_the_end() {
    for seed in 0..12 {
        let mut day = Day::new(seed, false);
        day.begin();
        day.storm();
        day.calm();
        // What the storm sent last may still be on its way, and would end the connection before the code is there.
        day.pass(Duration::from_secs(60));
        day.calm();
        day.inject(faults::fatal(&mut Random::new(seed)));
        // The references allow no connection after it.
        day.pass(Duration::from_secs(3600));
        assert!(day.has_stopped(), "seed {seed}: {}", day.complaint());
    }
}

#[test]
fn equal_seeds_give_equal_stories() {
    let story = |seed| {
        let mut day = Day::new(seed, true);
        day.begin();
        day.storm();
        day.story()
    };
    assert_eq!(story(11), story(11));
    assert_ne!(story(11), story(14));
}
