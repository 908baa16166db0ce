//! A trace that was recorded (`shardwire tail --record`): one envelope a line. Knows nothing of how it came about.

use anyhow::{Result, anyhow, ensure};
use shardwire::proto::Envelope;

use super::dispatch;

/// Events of one session, numbered anew.
pub struct Recorded {
    dispatches: Vec<String>,
    burst: u64,
}

impl Recorded {
    /// Reads lines from the first READY on; later sessions go on with its numbers, and what began them is left out.
    ///
    /// # Errors
    ///
    /// If a line is no envelope, or nothing follows READY and its guilds.
    pub fn read(text: &str) -> Result<Self> {
        let mut dispatches = Vec::new();
        let (mut burst, mut is_burst) = (0, true);
        for (number, line) in (1..).zip(text.lines()) {
            let Envelope { name, data, .. } = Envelope::parse(line)
                .map_err(|error| anyhow!("line {number} is no envelope: {}", error.0))?;
            let name = match name.as_deref() {
                None | Some("RESUMED") => continue,
                Some(name) if (name == "READY") != dispatches.is_empty() => continue,
                Some(name) => name,
            };
            is_burst &= matches!(name, "READY" | "GUILD_CREATE");
            burst += u64::from(is_burst);
            dispatches.push(dispatch(name, dispatches.len() as u64 + 1, data));
        }
        ensure!(dispatches.len() as u64 > burst, "expected READY, its guilds, and events after");
        Ok(Self { dispatches, burst })
    }

    pub(super) fn burst(&self) -> u64 {
        self.burst
    }

    pub(super) fn last(&self) -> u64 {
        self.dispatches.len() as u64
    }

    pub(super) fn dispatches(&self) -> impl Iterator<Item = String> {
        self.dispatches.iter().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"t":"TYPING_START","s":7,"op":0,"d":{}}
{"t":"READY","s":1,"op":0,"d":{"v":10}}
{"t":"GUILD_CREATE","s":2,"op":0,"d":{"z":1.50,"a":2}}
{"t":"MESSAGE_CREATE","s":4,"op":0,"d":{"content":""}}
{"t":"READY","s":1,"op":0,"d":{"v":10}}
{"t":"GUILD_CREATE","s":2,"op":0,"d":{}}"#;

    #[test]
    fn events_are_numbered_from_the_first_ready_on_and_keep_their_data() {
        let recorded = Recorded::read(LINES).expect("a trace");
        assert_eq!((recorded.burst(), recorded.last()), (2, 4));
        let texts: Vec<String> = recorded.dispatches().collect();
        assert_eq!(texts[1], r#"{"t":"GUILD_CREATE","s":2,"op":0,"d":{"z":1.50,"a":2}}"#);
        assert_eq!(texts[3], r#"{"t":"GUILD_CREATE","s":4,"op":0,"d":{}}"#);
    }

    #[test]
    fn what_is_no_trace_is_refused() {
        let ready = r#"{"t":"READY","s":1,"op":0,"d":{}}"#;
        for text in ["", ready, "nonsense"] {
            assert!(Recorded::read(text).is_err(), "{text}");
        }
    }
}
