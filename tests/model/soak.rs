//! Many worlds on all cores: progress while they run, the first failure with its seed and its story, the counts of all.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use crate::{day::Day, tally::Tally};

/// Worlds between two lines about the progress.
const PROGRESS: u64 = 100;

/// What is run, from the environment: `cargo xtask soak` sets it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub worlds: u64,
}

impl Plan {
    /// `SHARDWIRE_WORLDS` worlds from seed `SHARDWIRE_SEED` on; few unless said otherwise, as a debug build is slow.
    pub fn from_environment() -> Self {
        let number = |name: &str, otherwise: u64| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("expected a number in {name}")),
            Err(_) => otherwise,
        };
        Self { seed: number("SHARDWIRE_SEED", 0), worlds: number("SHARDWIRE_WORLDS", 16) }
    }
}

/// Lives all days. If one fails, tells its story and panics.
pub fn run(plan: Plan) -> Tally {
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::new());
    let failed = Mutex::new(None);
    let started = Instant::now();
    let work = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= plan.worlds || failed.lock().expect("no panic holds it").is_some() {
                return;
            }
            let seed = plan.seed.wrapping_add(nth);
            let Ok(day) = catch_unwind(|| live(seed)) else {
                failed.lock().expect("no panic holds it").get_or_insert(seed);
                return;
            };
            tally.lock().expect("no panic holds it").merge(&day);
            if (nth + 1).is_multiple_of(PROGRESS) {
                let secs = started.elapsed().as_secs_f64();
                eprintln!("{} of {} worlds in {secs:.0} s", nth + 1, plan.worlds);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    if let Some(seed) = *failed.lock().expect("all threads are done") {
        tell(seed);
    }
    tally.into_inner().expect("all threads are done")
}

fn live(seed: u64) -> Tally {
    let mut day = Day::new(seed, false);
    day.live();
    day.into_tally()
}

/// Lives a day that failed once more, now with its story, and panics.
fn tell(seed: u64) -> ! {
    let mut day = Day::new(seed, true);
    let outcome = catch_unwind(AssertUnwindSafe(|| day.live()));
    eprintln!("seed {seed} failed; `cargo xtask soak --seed {seed} --worlds 1` repeats it");
    eprintln!("{}", day.story());
    assert!(outcome.is_err(), "seed {seed} failed, and did not when it was told");
    panic!("seed {seed} failed");
}
