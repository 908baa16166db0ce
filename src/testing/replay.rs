//! Recorded envelopes, read so that not a digit of their data changes. Never touches a file: texts come from outside.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Recorded events, ready to be served by a [`Gateway`](super::Gateway).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    hello: Option<String>,
    ready: Option<String>,
    events: Vec<(String, String)>,
}

impl Recording {
    /// Nothing recorded yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a JSON text that holds an array of envelopes, or one envelope after the other, and says how many of them will be
    /// served. The first HELLO and the first READY are kept for the start of connections and sessions, RESUMED and all opcodes but 0 are left out.
    pub fn add(&mut self, text: &str) -> Result<usize, serde_json::Error> {
        let envelopes: Vec<Recorded> = if text.trim_start().starts_with('{') {
            serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>()?
        } else {
            serde_json::from_str(text)?
        };
        let mut served = 0;
        for Recorded { op, t, d } in envelopes {
            let data = d.map_or_else(|| "null".into(), |d| d.get().to_owned());
            match (op, t.as_deref()) {
                (10, _) => served += usize::from(keep_first(&mut self.hello, data)),
                (0, Some("READY")) => served += usize::from(keep_first(&mut self.ready, data)),
                (0, Some("RESUMED") | None) => {}
                (0, Some(name)) => {
                    self.events.push((name.to_owned(), data));
                    served += 1;
                }
                _ => {}
            }
        }
        Ok(served)
    }

    /// The recorded events in order: name, and data as JSON text.
    #[must_use]
    pub fn events(&self) -> &[(String, String)] {
        &self.events
    }

    /// The data of HELLO, with its interval in milliseconds.
    pub(super) fn hello(&self) -> Option<(&str, u64)> {
        #[derive(Deserialize)]
        struct Hello {
            heartbeat_interval: u64,
        }
        let text = self.hello.as_deref()?;
        let Hello { heartbeat_interval } = serde_json::from_str(text).ok()?;
        Some((text, heartbeat_interval))
    }

    /// The data of READY with the resume address, and with the session id if one is given, replaced; the session id comes
    /// along.
    pub(super) fn ready(
        &self,
        resume_url: &str,
        session_id: Option<&str>,
    ) -> Option<(String, String)> {
        #[derive(Deserialize)]
        struct Ready<'a> {
            #[serde(borrow)]
            resume_gateway_url: &'a RawValue,
            #[serde(borrow)]
            session_id: &'a RawValue,
        }
        let text = self.ready.as_deref()?;
        let Ready { resume_gateway_url, session_id: recorded } = serde_json::from_str(text).ok()?;
        let id = session_id
            .map_or_else(|| serde_json::from_str(recorded.get()).ok(), |id| Some(id.to_owned()))?;
        let mut parts = [
            (offset(text, resume_gateway_url.get()), resume_gateway_url.get().len(), resume_url),
            (offset(text, recorded.get()), recorded.get().len(), id.as_str()),
        ];
        parts.sort_unstable_by_key(|(at, ..)| *at);
        let mut whole = String::with_capacity(text.len() + 64);
        let mut copied = 0;
        for (at, length, value) in parts {
            whole.push_str(&text[copied..at]);
            whole.push_str(&super::envelope::quoted(value));
            copied = at + length;
        }
        whole.push_str(&text[copied..]);
        Some((whole, id))
    }
}

#[derive(Deserialize)]
struct Recorded {
    op: u64,
    #[serde(default)]
    t: Option<String>,
    #[serde(default)]
    d: Option<Box<RawValue>>,
}

fn keep_first(slot: &mut Option<String>, data: String) -> bool {
    let free = slot.is_none();
    if free {
        *slot = Some(data);
    }
    free
}

/// Where `part`, a piece borrowed from `text`, starts in it.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr().addr() - text.as_ptr().addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_keeps_every_digit_and_the_order_of_its_keys() {
        let mut recording = Recording::new();
        let text = r#"[{"t":"A","op":0,"s":4,"d":{"z":1.50,"a":12345678901234567890123,"e":"\u00e9"}},
                       {"op":11,"d":null},{"t":"RESUMED","s":5,"op":0,"d":{}}]"#;
        assert_eq!(recording.add(text).expect("valid recording"), 1);
        let expected = r#"{"z":1.50,"a":12345678901234567890123,"e":"\u00e9"}"#;
        assert_eq!(recording.events(), [("A".to_owned(), expected.to_owned())]);
    }

    #[test]
    fn ready_is_served_as_recorded_but_for_the_address_to_resume_at() {
        let mut recording = Recording::new();
        let text = r#"[{"t":"READY","op":0,"s":1,"d":{"v": 10, "session_id":"abc",
            "x": 1e2, "resume_gateway_url":"wss://a/?v=10","y":[]}}]"#;
        assert_eq!(recording.add(text).expect("valid recording"), 1);
        let (ready, id) = recording.ready("ws://b", None).expect("has a ready");
        assert_eq!(id, "abc");
        assert!(ready.contains(r#""resume_gateway_url":"ws://b","y":[]"#), "{ready}");
        assert!(ready.contains(r#"{"v": 10, "session_id":"abc","#), "{ready}");
        let (ready, id) = recording.ready("ws://b", Some("other")).expect("has a ready");
        assert_eq!(id, "other");
        assert!(ready.contains(r#""session_id":"other""#), "{ready}");
    }

    #[test]
    fn envelopes_may_stand_on_lines_of_their_own() {
        let mut recording = Recording::new();
        let text = "{\"t\":\"A\",\"op\":0,\"d\":1}\n{\"t\":\"B\",\"op\":0,\"d\":2}\n";
        assert_eq!(recording.add(text).expect("valid recording"), 2);
        let expected = [("A", "1"), ("B", "2")].map(|(name, data)| (name.into(), data.into()));
        assert_eq!(recording.events(), expected);
    }

    #[test]
    fn what_is_no_list_of_envelopes_is_refused() {
        for text in ["", "{}", "{\"op\":0}[", "[1]", r#"[{"shards":1}]"#] {
            assert!(Recording::new().add(text).is_err(), "{text}");
        }
    }
}
