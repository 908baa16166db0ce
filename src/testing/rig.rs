//! What the tests of this module drive the gateway with: a clock and clients that note everything. Only built for tests.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{Gateway, GatewayOptions, Host, Peer, ServerInput, ServerOutput};
use crate::proto::{Close, Frame, Instant};

/// A gateway with a clock.
pub(super) struct Rig {
    pub(super) gateway: Gateway,
    pub(super) now: Instant,
    heard: BTreeMap<Peer, Vec<Heard>>,
    next_peer: u64,
}

/// What a client saw.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    Message(Value),
    Other(ServerOutput),
    Closed(Option<u16>),
}

impl Rig {
    pub(super) fn new(options: GatewayOptions) -> Self {
        let gateway = Gateway::new(options, Instant::ZERO);
        Self { gateway, now: Instant::ZERO, heard: BTreeMap::new(), next_peer: 1 }
    }

    pub(super) fn input(&mut self, input: ServerInput) {
        self.gateway.handle(input, self.now);
        self.drain();
    }

    pub(super) fn connect(&mut self, host: Host) -> Peer {
        let peer = Peer(self.next_peer);
        self.next_peer += 1;
        self.input(ServerInput::Connected { peer, host, query: "v=10&encoding=json".into() });
        peer
    }

    /// A connection with a session; what it heard so far is forgotten.
    pub(super) fn identified(&mut self, intents: u64) -> (Peer, String) {
        let peer = self.connect(Host::Base);
        self.send(peer, &identify(intents));
        let heard = self.heard(peer);
        let ready = heard.iter().find_map(|heard| match heard {
            Heard::Message(message) if message["t"] == "READY" => Some(message),
            _ => None,
        });
        let session = ready.map(|ready| ready["d"]["session_id"].as_str().map(str::to_owned));
        (peer, session.flatten().unwrap_or_else(|| panic!("no READY in {heard:?}")))
    }

    pub(super) fn resume(&mut self, session: &str, seq: u64) -> Peer {
        let peer = self.connect(Host::Resume);
        self.heard(peer);
        self.send(peer, &json!({"op": 6, "d": {"token": "t", "session_id": session, "seq": seq}}));
        peer
    }

    pub(super) fn send(&mut self, peer: Peer, message: &Value) {
        self.input(ServerInput::Received(peer, Frame::Text(message.to_string())));
    }

    pub(super) fn leave(&mut self, peer: Peer, code: Option<u16>) {
        let close = code.map(|code| Close::new(code, ""));
        self.input(ServerInput::Disconnected(peer, close));
    }

    /// Lets time pass, with a heartbeat of nobody.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let ServerOutput::Wait(Some(at)) = self.drain() {
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            self.gateway.handle(ServerInput::TimePassed, self.now);
        }
        self.now = end;
        self.input(ServerInput::TimePassed);
    }

    /// What a client heard since it was asked last.
    pub(super) fn heard(&mut self, peer: Peer) -> Vec<Heard> {
        self.heard.remove(&peer).unwrap_or_default()
    }

    /// Opcodes, event names and close codes that a client heard since it was asked last.
    pub(super) fn told(&mut self, peer: Peer) -> Vec<String> {
        let word = |heard: &Heard| match heard {
            Heard::Message(message) => match message["t"].as_str() {
                Some(name) => format!("{name} {}", message["s"]),
                None => format!("op {} {}", message["op"], message["d"]),
            },
            Heard::Other(output) => format!("{output:?}"),
            Heard::Closed(code) => format!("closed {code:?}"),
        };
        self.heard(peer).iter().map(word).collect()
    }

    fn drain(&mut self) -> ServerOutput {
        loop {
            let output = self.gateway.poll_output();
            let Some(peer) = output.peer() else { return output };
            let heard = match output {
                ServerOutput::Send(_, Frame::Text(text)) => match serde_json::from_str(&text) {
                    Ok(message) => Heard::Message(message),
                    Err(_) => Heard::Other(ServerOutput::Send(peer, Frame::Text(text))),
                },
                ServerOutput::Close(_, close) => Heard::Closed(Some(close.code)),
                ServerOutput::CloseWithoutCode(_) => Heard::Closed(Some(1005)),
                ServerOutput::Cut(_) => Heard::Closed(None),
                other => Heard::Other(other),
            };
            self.heard.entry(peer).or_default().push(heard);
        }
    }
}

pub(super) fn identify(intents: u64) -> Value {
    let properties = json!({"os": "linux", "browser": "test", "device": "test"});
    json!({"op": 2, "d": {"token": "t", "properties": properties, "intents": intents}})
}

pub(super) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
