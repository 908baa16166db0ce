//! Events, inputs and outputs in a few words, for tests and for whoever reads a failure. Never holds a token.

use std::borrow::Cow;

use crate::{
    proto::{Dispatch, Envelope, Event, Fault, Frame, Host, Input, Next, Output, StopReason},
    testing::etf,
};

/// An event in a few words, without its times: `status ready`, `READY 1`, `disconnected closed-4000 resume/resume`,
/// `heartbeat`, `notice sequence-gap`, `resumed 3`, `stopped fatal-4004`.
#[must_use]
pub fn in_words(event: &Event) -> String {
    match event {
        Event::Disconnected { fault, next } => {
            let fault = match fault {
                Fault::Closed(close) => format!("closed-{}", close.code),
                fault => fault.code().into(),
            };
            let next = match next {
                Next::Identify { .. } => "identify",
                Next::Resume { host: Host::Base, .. } => "resume/base",
                Next::Resume { host: Host::Resume, .. } => "resume/resume",
                Next::Stop => "stop",
            };
            format!("disconnected {fault} {next}")
        }
        Event::Dispatch(Dispatch { name, sequence, .. }) => format!("{name} {sequence}"),
        Event::HeartbeatAcked { .. } => "heartbeat".into(),
        Event::Notice(notice) => format!("notice {}", notice.code()),
        Event::Resumed { replayed } => format!("resumed {replayed}"),
        Event::StatusChanged { status, .. } => format!("status {}", status.name()),
        Event::Stopped { reason: StopReason::Fatal(close) } => {
            format!("stopped fatal-{}", close.code)
        }
        Event::Stopped { reason } => format!("stopped {}", reason.code()),
    }
}

/// A client's message as JSON, whichever encoding it is in.
pub(super) fn json(frame: &Frame) -> Option<Cow<'_, str>> {
    match frame {
        Frame::Text(text) => Some(text.into()),
        Frame::Binary(bytes) => etf::read(bytes).ok().map(|value| value.to_string().into()),
    }
}

/// An input in a few words; never holds a token.
pub(super) fn what(input: &Input) -> String {
    match input {
        Input::Received(_, Frame::Text(text)) => match Envelope::parse(text) {
            Ok(envelope) => {
                format!("op {} {}", envelope.opcode.0, envelope.name.unwrap_or_default())
            }
            Err(error) => format!("a text of {} bytes: {}", text.len(), error.0),
        },
        Input::Received(_, Frame::Binary(bytes)) => format!("{} bytes", bytes.len()),
        other => format!("{other:?}"),
    }
}

/// An output in a few words; never holds a token.
pub(super) fn what_out(output: &Output) -> String {
    match output {
        Output::Transmit(_, frame) => {
            let text = json(frame).unwrap_or_default();
            let op = Envelope::parse(&text).map_or(u16::MAX, |envelope| envelope.opcode.0);
            format!("op {op}")
        }
        Output::Event(event) => format!("event {}", in_words(event)),
        other => format!("{other:?}"),
    }
}
