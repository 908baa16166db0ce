//! What a mock gateway is told at its start. Never changes afterwards.

use std::time::Duration;

use super::{replay::Recording, script::Script};

/// The settings of a [`Gateway`](super::Gateway). The defaults are Discord's numbers and a small world that stays silent
/// after the guilds.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Equal seeds give equal worlds and equal events, whatever the timing.
    pub seed: u64,
    /// The address that `GET /gateway` names.
    pub url: String,
    /// The address that READY names for resuming.
    pub resume_gateway_url: String,
    /// What HELLO asks for. Clients that send no heartbeat for one and a half times as long are closed with 4009.
    pub heartbeat_interval: Duration,
    /// Number of guilds over all shards, at most 10 000.
    pub guilds: u32,
    /// Members of each guild, the bot included; at least 1, at most 10 000.
    pub members: u32,
    /// Steady events per second and session. Zero: none, tests emit what they want.
    pub rate: f64,
    /// How many steady events a session brings forth before it falls silent. `None`: no end.
    pub events: Option<u64>,
    /// The only token that is accepted, with or without `Bot ` before it. `None`: any but an empty one or one that holds
    /// the word "invalid".
    pub token: Option<String>,
    /// The privileged intents that the application has been granted: a subset of
    /// [`PRIVILEGED_INTENTS`](super::PRIVILEGED_INTENTS).
    pub privileged_intents: u64,
    /// Identifies that may happen at the same time, one for each remainder of the shard id.
    pub max_concurrency: u32,
    /// Between two identifies of the same remainder: Discord's five seconds, or less for clients whose machine is too busy to
    /// keep to them.
    pub identify_spacing: Duration,
    /// Identifies per day.
    pub session_starts: u32,
    /// The number of shards that `GET /gateway/bot` recommends.
    pub shards: u32,
    /// Guilds that one shard may have at most before it is closed with 4011.
    pub guilds_per_shard: u32,
    /// Events that a session keeps for a resume.
    pub replay_buffer: usize,
    /// How long a session outlives its connection.
    pub session_lifetime: Duration,
    /// How `zstd-stream` is written.
    pub zstd: ZstdForm,
    /// Recorded events to serve in place of the steady mix: each once after READY, at `rate` (all at once if that is 0).
    pub recording: Option<Recording>,
    /// What goes wrong, and when.
    pub script: Script,
}

/// What a server makes of `compress=zstd-stream`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZstdForm {
    /// One frame that never ends, flushed after each message: Discord's form.
    #[default]
    Endless,
    /// One complete frame for each message: seen from other servers.
    Frames,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            url: "ws://gateway.mock".into(),
            resume_gateway_url: "ws://resume.mock".into(),
            heartbeat_interval: Duration::from_millis(41_250),
            guilds: 3,
            members: 25,
            rate: 0.0,
            events: None,
            token: None,
            privileged_intents: super::PRIVILEGED_INTENTS,
            max_concurrency: 1,
            identify_spacing: Duration::from_secs(5),
            session_starts: 1000,
            shards: 1,
            guilds_per_shard: 2500,
            replay_buffer: 3500,
            session_lifetime: Duration::from_secs(120),
            zstd: ZstdForm::Endless,
            recording: None,
            script: Script::default(),
        }
    }
}

impl GatewayOptions {
    /// The time between two steady events; `None` if there are none.
    pub(super) fn pace(&self) -> Option<Duration> {
        let spacing = Duration::try_from_secs_f64(1.0 / self.rate).ok()?;
        (self.rate > 0.0).then_some(spacing.max(Duration::from_nanos(1)))
    }

    /// Whether the bot of `token` (already without prefix) may come in.
    pub(super) fn accepts(&self, token: &str) -> bool {
        match &self.token {
            Some(only) => bare(only) == token,
            None => !token.is_empty() && !token.contains("invalid"),
        }
    }
}

/// A token without its `Bot ` prefix, which Discord takes with and without.
pub(super) fn bare(token: &str) -> &str {
    token.strip_prefix("Bot ").unwrap_or(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_rates_mean_no_events() {
        for rate in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(GatewayOptions { rate, ..GatewayOptions::default() }.pace(), None, "{rate}");
        }
        let paced = GatewayOptions { rate: 20.0, ..GatewayOptions::default() }.pace();
        assert_eq!(paced, Some(Duration::from_millis(50)));
    }

    #[test]
    fn the_bot_prefix_makes_no_difference() {
        let options = GatewayOptions { token: Some("Bot a.b".into()), ..GatewayOptions::default() };
        assert!(options.accepts(bare("a.b")) && options.accepts(bare("Bot a.b")));
        assert!(!options.accepts("other"));
        assert!(!GatewayOptions::default().accepts("invalid-token"));
    }
}
