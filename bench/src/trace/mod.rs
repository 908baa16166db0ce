//! What a Gateway would say, by seed: READY, guilds, then a steady mix of events; or what one did say. Knows texts only, neither
//! codecs nor sockets.
//!
//! The mix and the sizes are those of a busy bot with presences: small events dominate by count, guilds by size.

mod events;
mod guilds;
mod people;
mod recorded;

use std::fmt::Display;

use fastrand::Rng;
use serde_json::{Value, json};

use self::people::World;
pub use self::recorded::Recorded;

/// Guilds of the session, each told by a `GUILD_CREATE` right after READY.
pub const GUILDS: usize = 200;

/// So long that nobody's heartbeat falls into a measurement; nothing can be put into a stream that was compressed beforehand.
const HEARTBEAT_INTERVAL_MS: u64 = 600_000;

/// What clients take that filter by name.
pub const KEPT: [&str; 3] = ["READY", "GUILD_CREATE", "MESSAGE_CREATE"];

/// Whether an envelope of ours is one of [`KEPT`].
pub fn is_kept(text: &str) -> bool {
    let name = text.split('"').nth(3).unwrap_or_default();
    KEPT.contains(&name)
}

/// Where the steady events come from.
#[derive(Clone, Copy, Debug)]
pub enum Steady {
    /// 35 % `PRESENCE_UPDATE`, 25 % `MESSAGE_CREATE`, 10 % `TYPING_START`, the rest spread over a dozen.
    Mixed,
    /// `MESSAGE_CREATE` of about so many bytes each.
    Sized(usize),
}

/// What is replayed.
pub enum Trace {
    /// Made by chance.
    Made(Plan),
    /// Recorded somewhere.
    Recorded(Recorded),
}

impl Trace {
    /// Sequence numbers up to this one are READY and the guilds.
    pub fn burst(&self) -> u64 {
        match self {
            Self::Made(plan) => plan.burst(),
            Self::Recorded(recorded) => recorded.burst(),
        }
    }

    /// Sequence number of the last event.
    pub fn last(&self) -> u64 {
        match self {
            Self::Made(plan) => plan.last(),
            Self::Recorded(recorded) => recorded.last(),
        }
    }

    /// All dispatches in order, as envelopes.
    pub fn dispatches(&self) -> Box<dyn Iterator<Item = String> + '_> {
        match self {
            Self::Made(plan) => Box::new(plan.dispatches()),
            Self::Recorded(recorded) => Box::new(recorded.dispatches()),
        }
    }
}

/// A trace before it is written down.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The same seed makes the same trace.
    pub seed: u64,
    /// How many guilds are told.
    pub guilds: usize,
    /// Steady events, which are what is measured.
    pub events: u64,
    /// What they are.
    pub steady: Steady,
}

impl Plan {
    /// The events of READY and of all guilds: sequence numbers up to this one are the burst.
    pub fn burst(&self) -> u64 {
        1 + self.guilds as u64
    }

    /// Sequence number of the last event.
    pub fn last(&self) -> u64 {
        self.burst() + self.events
    }

    /// All dispatches in order, as envelopes.
    pub fn dispatches(self) -> impl Iterator<Item = String> {
        let mut rng = Rng::with_seed(self.seed);
        let world = World::new(self.guilds, &mut rng);
        (1..=self.last()).map(move |sequence| {
            let (name, data) = if sequence == 1 {
                ("READY", ready(&world))
            } else if sequence <= self.burst() {
                let number = usize::try_from(sequence - 2).unwrap_or_default();
                ("GUILD_CREATE", guilds::create(&world, number, &mut rng))
            } else {
                match self.steady {
                    // Whoever takes messages only shall see the end too.
                    Steady::Mixed if sequence == self.last() => events::message(&world, &mut rng),
                    Steady::Mixed => events::any(&world, &mut rng),
                    Steady::Sized(bytes) => events::sized(bytes, &mut rng),
                }
            };
            dispatch(name, sequence, data)
        })
    }
}

/// What stands before all dispatches.
pub fn hello() -> String {
    json!({ "t": null, "s": null, "op": 10, "d": {
        "heartbeat_interval": HEARTBEAT_INTERVAL_MS,
        "_trace": [r#"["gateway-prd-us-east1-b-0",{"micros":0.0}]"#],
    }})
    .to_string()
}

/// READY of a bot without guilds, for connections on which nothing happens.
pub fn bare_ready() -> String {
    let world = World::new(0, &mut Rng::with_seed(0));
    dispatch("READY", 1, ready(&world))
}

/// The answer to a resume that has missed nothing.
pub fn resumed() -> String {
    dispatch("RESUMED", 2, json!({ "_trace": [] }))
}

/// The answer to a heartbeat.
pub fn ack() -> String {
    json!({ "t": null, "s": null, "op": 11, "d": null }).to_string()
}

/// In Discord's order of keys, which ends with the data.
fn dispatch(name: &str, sequence: u64, data: impl Display) -> String {
    format!(r#"{{"t":"{name}","s":{sequence},"op":0,"d":{data}}}"#)
}

fn ready(world: &World) -> Value {
    let guilds: Vec<Value> =
        world.guilds.iter().map(|guild| json!({ "id": guild.id, "unavailable": true })).collect();
    json!({
        "v": 10,
        "user_settings": {},
        "user": {
            "id": "1099511627776123456", "username": "bench", "discriminator": "0", "global_name": null,
            "avatar": null, "bot": true, "verified": true, "mfa_enabled": true, "email": null, "flags": 0,
        },
        "session_type": "normal",
        "session_id": "0123456789abcdef0123456789abcdef",
        // Nobody loses this connection, and to a browser an address that is none of its own matters not.
        "resume_gateway_url": "ws://127.0.0.1:9",
        "relationships": [],
        "private_channels": [],
        "presences": [],
        "guilds": guilds,
        "guild_join_requests": [],
        "geo_ordered_rtc_regions": ["us-east", "us-central", "atlanta"],
        "auth": {},
        "application": { "id": "1099511627776123456", "flags": 8_953_856 },
        "_trace": [r#"["gateway-prd-us-east1-b-0",{"micros":85123}]"#],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shardwire::{proto::Dispatch, twilight::TypedDispatch as _};

    use super::*;

    const PLAN: Plan = Plan { seed: 7, guilds: 40, events: 8_000, steady: Steady::Mixed };

    fn read(text: &str) -> Value {
        serde_json::from_str(text).expect("envelopes are JSON")
    }

    #[test]
    fn the_same_seed_makes_the_same_trace_and_another_seed_another() {
        let few = Plan { events: 50, ..PLAN };
        let texts: Vec<String> = few.dispatches().collect();
        assert_eq!(texts.len() as u64, few.last());
        assert_eq!(texts, few.dispatches().collect::<Vec<_>>());
        assert_ne!(texts, Plan { seed: 8, ..few }.dispatches().collect::<Vec<_>>());
    }

    #[test]
    fn kept_events_are_found_by_their_names_and_the_last_is_one() {
        let texts: Vec<String> = PLAN.dispatches().take(400).collect();
        for text in &texts {
            let name = read(text)["t"].as_str().unwrap_or_default().to_owned();
            assert_eq!(is_kept(text), KEPT.contains(&name.as_str()), "{name}");
        }
        let short = Plan { events: 3, ..PLAN };
        assert!(short.dispatches().last().is_some_and(|text| is_kept(&text)));
    }

    #[test]
    fn sequence_numbers_have_no_gap() {
        for (text, expected) in PLAN.dispatches().zip(1_u64..) {
            assert_eq!(read(&text)["s"], expected);
        }
    }

    #[test]
    fn the_mix_and_the_mean_size_are_those_that_the_figures_are_quoted_with() {
        let mut counts = BTreeMap::<String, u32>::new();
        let mut bytes = 0;
        for text in PLAN.dispatches().skip(41) {
            bytes += text.len();
            *counts.entry(read(&text)["t"].as_str().unwrap_or_default().to_owned()).or_default() +=
                1;
        }
        let mean = bytes / 8_000;
        assert!((865..905).contains(&mean), "{mean}");
        let percent = |name| f64::from(counts[name]) / 80.0;
        for (name, expected) in
            [("PRESENCE_UPDATE", 35.0), ("MESSAGE_CREATE", 25.0), ("TYPING_START", 10.0)]
        {
            assert!((percent(name) - expected).abs() < 1.5, "{name} {}", percent(name));
        }
        assert!(counts.len() >= 12, "{counts:?}");
    }

    #[test]
    fn guilds_are_from_five_kilobytes_to_two_megabytes() {
        let plan = Plan { guilds: GUILDS, events: 0, ..PLAN };
        let sizes: Vec<usize> = plan.dispatches().skip(1).map(|text| text.len()).collect();
        let (least, most) = (sizes.iter().min().copied(), sizes.iter().max().copied());
        assert!(least.is_some_and(|size| (3_000..12_000).contains(&size)), "{least:?}");
        assert!(most.is_some_and(|size| (1_600_000..2_400_000).contains(&size)), "{most:?}");
    }

    #[test]
    fn sized_events_have_their_size() {
        for bytes in [100, 10_000, 1 << 20] {
            let plan = Plan { guilds: 1, events: 1, steady: Steady::Sized(bytes), ..PLAN };
            let size = plan.dispatches().last().map_or(0, |text| text.len());
            assert!(size.abs_diff(bytes) < 10, "{size} for {bytes}");
        }
    }

    #[test]
    fn everything_has_a_type_in_twilights_model() {
        for text in PLAN.dispatches() {
            let envelope = read(&text);
            let dispatch = Dispatch {
                name: envelope["t"].as_str().unwrap_or_default().into(),
                sequence: 1,
                data: envelope["d"].to_string().into(),
                has_wide_integers: false,
            };
            if let Err(error) = dispatch.typed() {
                panic!("{error}\n{text}");
            }
        }
    }
}
