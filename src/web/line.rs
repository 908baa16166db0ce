//! The events that wait for JavaScript to take them, and what is to be done when they become too many. Knows no shard.

use std::{collections::VecDeque, mem};

use js_sys::Array;
use wasm_bindgen::JsValue;

use super::{
    convert::{Raw, push_event, push_object},
    value::of_texts,
};
use crate::proto::Event;

/// An event on its way to the reader.
#[derive(Debug)]
pub(super) enum Waiting {
    /// Of the shard.
    Event(Event),
    /// Of something beside it, as the object that JavaScript gets.
    Aside(JsValue),
}

/// What happens to a line that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    /// The link is closed, the session kept, until the reader has caught up; a resume brings the rest.
    Pause,
    /// The oldest events go, and the reader is told how many.
    DropOldest,
    /// The shard stops, the session kept.
    Fail,
}

/// How much may wait, and what happens then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) events: usize,
    /// Of dispatches' data.
    pub(super) bytes: usize,
    pub(super) overflow: Overflow,
}

/// What the shard has to do, now that the line is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relief {
    Pause,
    Stop,
}

#[derive(Debug)]
pub(super) struct Line {
    events: VecDeque<Waiting>,
    bytes: usize,
    bounds: Bounds,
    raw: Raw,
    /// Whether the shard was told that the line is full, and the line was not emptied since.
    is_full: bool,
    /// How many were dropped since the reader last took any.
    dropped: u32,
}

impl Line {
    pub(super) const fn new(bounds: Bounds, raw: Raw) -> Self {
        Self { events: VecDeque::new(), bytes: 0, bounds, raw, is_full: false, dropped: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether the shard was told to pause, and may go on only once the line is emptied.
    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Takes in an event; gives what has to be done if that made the line full.
    pub(super) fn push(&mut self, event: Waiting) -> Option<Relief> {
        self.bytes += event.bytes();
        self.events.push_back(event);
        let Bounds { events, bytes, overflow } = self.bounds;
        let has_room = |line: &Self| line.events.len() < events && line.bytes < bytes;
        if has_room(self) {
            return None;
        }
        let relief = match overflow {
            Overflow::Pause => Relief::Pause,
            Overflow::Fail => Relief::Stop,
            Overflow::DropOldest => {
                // The newest stays, whatever its size.
                while self.events.len() > 1 && !has_room(self) {
                    self.bytes -= self.events.pop_front().map_or(0, |event| event.bytes());
                    self.dropped += 1;
                }
                return None;
            }
        };
        (!mem::replace(&mut self.is_full, true)).then_some(relief)
    }

    /// All that waits, three values each; see [`push_event`].
    pub(super) fn take(&mut self) -> Array {
        let out = Array::new();
        let dropped = mem::take(&mut self.dropped);
        if dropped > 0 {
            let message = "events were dropped before they were read, as the reader is too slow";
            let notice =
                of_texts(&[("type", "notice"), ("code", "events-dropped"), ("message", message)]);
            notice.set_number("dropped", dropped.into());
            push_object(&out, &notice);
        }
        for event in mem::take(&mut self.events) {
            match event {
                Waiting::Event(event) => push_event(&out, &event, self.raw),
                Waiting::Aside(event) => push_object(&out, &event),
            }
        }
        self.bytes = 0;
        self.is_full = false;
        out
    }

    /// The shard's own events, for the session to stand before them.
    pub(super) fn unread(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter_map(|waiting| match waiting {
            Waiting::Event(event) => Some(event),
            Waiting::Aside(_) => None,
        })
    }
}

impl Waiting {
    fn bytes(&self) -> usize {
        match self {
            Self::Event(Event::Dispatch(dispatch)) => dispatch.data.len(),
            _ => 0,
        }
    }
}
