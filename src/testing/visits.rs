//! What each connection brought, in order, for whoever compares clients. Never tells a token, and judges nothing.

use std::collections::VecDeque;

use serde::Serialize;

use super::{
    envelope::quoted,
    exchange::{Host, Peer},
    records::Received,
};

/// Connections that are remembered.
const MOST: usize = 1000;
/// Stands where a token was.
const HIDDEN: &str = "\"(hidden)\"";

/// One connection as `GET /mock/received` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// The address that it came in by.
    pub host: Host,
    /// What it asked for; `None` if it was refused before that was looked at.
    pub query: Option<String>,
    /// What it sent, message by message, tokens replaced. Those in ETF are told as JSON.
    pub messages: Vec<String>,
    /// How it ended; `None`: it has not.
    pub end: Option<End>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum End {
    /// The client left.
    Client {
        /// With this code; 1005 for an empty close frame, `None` without one.
        code: Option<u16>,
    },
    /// The handshake was refused.
    Refusal {
        /// With this HTTP status.
        status: u16,
    },
    /// The gateway closed.
    Server {
        /// With this code; `None` without one.
        code: Option<u16>,
    },
}

/// All that are remembered.
#[derive(Default)]
pub(super) struct Visits(VecDeque<(Option<Peer>, Visit)>);

impl Visits {
    pub(super) fn refuse(&mut self, host: Host, status: u16) {
        let end = Some(End::Refusal { status });
        self.push(None, Visit { host, query: None, messages: Vec::new(), end });
    }

    pub(super) fn begin(&mut self, peer: Peer, host: Host, query: &str) {
        let query = Some(query.to_owned());
        self.push(Some(peer), Visit { host, query, messages: Vec::new(), end: None });
    }

    /// What comes after the first end changes nothing.
    pub(super) fn end(&mut self, peer: Peer, end: End) {
        let visit = self.0.iter_mut().rev().find(|(known, _)| *known == Some(peer));
        if let Some((_, visit)) = visit {
            visit.end.get_or_insert(end);
        }
    }

    /// Oldest first, with what they sent.
    pub(super) fn told<'a>(&self, received: impl Iterator<Item = &'a Received>) -> Vec<Visit> {
        let mut visits = self.0.clone();
        for message in received {
            let visit = visits.iter_mut().find(|(known, _)| *known == Some(message.peer));
            if let Some((_, visit)) = visit {
                visit.messages.push(without_token(&message.json));
            }
        }
        visits.into_iter().map(|(_, visit)| visit).collect()
    }

    fn push(&mut self, peer: Option<Peer>, visit: Visit) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((peer, visit));
    }
}

/// Byte for byte but for the token. What cannot be read, or writes it in an odd way, may hold one anywhere.
fn without_token(json: &str) -> String {
    let message = serde_json::from_str::<serde_json::Value>(json).ok();
    let token = message.as_ref().map(|message| message["d"]["token"].as_str().map(quoted));
    match token {
        Some(None) => json.to_owned(),
        Some(Some(token)) if json.contains(&token) => json.replace(&token, HIDDEN),
        _ => format!("{} bytes that may hold a token", json.len()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{
        Fault, GatewayOptions, Script, ServerInput, Step, When,
        rig::{Rig, identify},
    };

    #[test]
    fn each_connection_is_told_with_its_messages_and_its_end() {
        let refuse = Fault::RefuseHandshake { status: 503, host: None, times: 1 };
        let script = Script(vec![Step { at: When::Ms(0), fault: refuse, repeat: false }]);
        let mut rig = Rig::new(GatewayOptions { script, ..GatewayOptions::default() });
        assert!(rig.gateway.admits(Host::Base, rig.now).is_err());
        let first = rig.connect(Host::Base);
        rig.send(first, &identify(0));
        rig.leave(first, Some(4000));
        let second = rig.connect(Host::Resume);
        rig.send(second, &json!({"op": 1, "d": null}));
        rig.connect(Host::Base);
        rig.input(ServerInput::InjectInto(second, Fault::Cut));
        // The socket's own end comes later and is no news.
        rig.leave(second, None);
        let told = json!(rig.gateway.visits());
        let properties = r#"{"browser":"test","device":"test","os":"linux"}"#;
        let identify = format!(
            r#"{{"d":{{"intents":0,"properties":{properties},"token":"(hidden)"}},"op":2}}"#
        );
        let query = "v=10&encoding=json";
        assert_eq!(
            told,
            json!([
                {"host": "base", "query": null, "messages": [], "end": {"by": "refusal", "status": 503}},
                {"host": "base", "query": query, "messages": [identify], "end": {"by": "client", "code": 4000}},
                {"host": "resume", "query": query, "messages": [r#"{"d":null,"op":1}"#], "end": {"by": "server", "code": null}},
                {"host": "base", "query": query, "messages": [], "end": null},
            ])
        );
    }

    #[test]
    fn tokens_are_hidden_and_nothing_else_is_changed() {
        let text = r#"{"op":6,"d":{"token":"Bot a.b", "seq":1,"session_id":"\u00e4"}}"#;
        let told = r#"{"op":6,"d":{"token":"(hidden)", "seq":1,"session_id":"\u00e4"}}"#;
        assert_eq!(without_token(text), told);
        assert_eq!(without_token(r#"{"op":1,"d":5}"#), r#"{"op":1,"d":5}"#);
        assert_eq!(
            without_token(r#"{"op":2,"d":{"token":"a.b""#),
            "26 bytes that may hold a token"
        );
        let escaped = r#"{"op":2,"d":{"token":"\u0061.b"}}"#;
        assert_eq!(without_token(escaped), "33 bytes that may hold a token");
    }
}
