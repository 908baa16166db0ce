//! The far end of a world: a [`Gateway`], or a server whose every word a test chooses. Knows no wire.

use std::collections::VecDeque;

use super::words::json;
use crate::{
    proto::{Close, Envelope, Frame, Instant, Opcode},
    testing::{
        exchange::{Host, Peer, Refusal, ServerInput, ServerOutput},
        gateway::Gateway,
    },
};

/// The half of the protocol that is not the client's: a [`Gateway`], or a server [`ByHand`].
pub trait Server {
    /// Takes one input. `now` does not run backwards.
    fn handle(&mut self, input: ServerInput, now: Instant);

    /// The next thing to do, until [`ServerOutput::Wait`].
    fn poll_output(&mut self) -> ServerOutput;

    /// Whether a handshake at this address may go on.
    fn admits(&mut self, host: Host, now: Instant) -> Result<(), Refusal> {
        let (_, _) = (host, now);
        Ok(())
    }
}

impl Server for Gateway {
    fn handle(&mut self, input: ServerInput, now: Instant) {
        Self::handle(self, input, now);
    }

    fn poll_output(&mut self) -> ServerOutput {
        Self::poll_output(self)
    }

    fn admits(&mut self, host: Host, now: Instant) -> Result<(), Refusal> {
        Self::admits(self, host, now)
    }
}

/// A server whose every word a test chooses.
pub struct ByHand {
    line: Line,
    react: Box<React>,
}

/// What a server by hand does with what it hears.
type React = dyn FnMut(&Heard, &mut Line);

/// What a server [`ByHand`] hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A client connected at this address.
    Connected(Host),
    /// A client left, with its close frame if it sent one.
    Left(Option<Close>),
    /// A client sent a message with this opcode and this data as JSON text.
    Message(Opcode, String),
}

/// What a server [`ByHand`] says, on the newest connection.
#[derive(Debug, Default)]
pub struct Line {
    peer: Option<Peer>,
    outputs: VecDeque<ServerOutput>,
}

impl ByHand {
    /// A server that does what `react` does, and what is said by [`line`](Self::line).
    pub fn new(react: impl FnMut(&Heard, &mut Line) + 'static) -> Self {
        Self { line: Line::default(), react: Box::new(react) }
    }

    /// Says something now.
    pub fn line(&mut self) -> &mut Line {
        &mut self.line
    }
}

impl Line {
    /// Sends a text message as it stands.
    pub fn text(&mut self, text: impl Into<String>) {
        self.frame(Frame::Text(text.into()));
    }

    /// Sends a binary message as it stands.
    pub fn binary(&mut self, bytes: impl Into<Vec<u8>>) {
        self.frame(Frame::Binary(bytes.into()));
    }

    /// Sends a message.
    pub fn frame(&mut self, frame: Frame) {
        self.say(|peer| ServerOutput::Send(peer, frame));
    }

    /// Closes.
    pub fn close(&mut self, code: u16, reason: &'static str) {
        self.say(|peer| ServerOutput::Close(peer, Close::new(code, reason)));
    }

    /// Closes without a code; the client sees 1005.
    pub fn close_without_code(&mut self) {
        self.say(ServerOutput::CloseWithoutCode);
    }

    /// Breaks the connection off; the client sees 1006.
    pub fn cut(&mut self) {
        self.say(ServerOutput::Cut);
    }

    fn say(&mut self, output: impl FnOnce(Peer) -> ServerOutput) {
        self.outputs.extend(self.peer.map(output));
    }
}

impl Server for ByHand {
    fn handle(&mut self, input: ServerInput, _now: Instant) {
        let heard = match input {
            ServerInput::Connected { peer, host, .. } => {
                self.line.peer = Some(peer);
                Heard::Connected(host)
            }
            // The message of an old connection would be answered on the new one.
            ServerInput::Received(peer, frame) if self.line.peer == Some(peer) => {
                let Some(text) = json(&frame) else { return };
                let Ok(envelope) = Envelope::parse(&text) else { return };
                Heard::Message(envelope.opcode, envelope.data.to_owned())
            }
            ServerInput::Disconnected(peer, close) if self.line.peer == Some(peer) => {
                Heard::Left(close)
            }
            _ => return,
        };
        (self.react)(&heard, &mut self.line);
    }

    fn poll_output(&mut self) -> ServerOutput {
        self.line.outputs.pop_front().unwrap_or(ServerOutput::Wait(None))
    }
}
