//! The host's WebSocket class, or an injected one, as a [`Transport`]. What differs between hosts is absorbed here.
//!
//! - `error` may come without `close` (Node 22 on a refused port), with it, or after it (workerd): the end is told once.
//! - A connection that breaks is an `error` first in some (Node 24, Deno, Firefox), and for none does it say more than the `close`.
//! - A message above the host's own limit (32 MiB in workerd, 64 in Deno, 128 in Node and Bun) is an `error` that says so, in
//!   workerd without `close`.
//! - A lost connection is code 1006, but 0 in Deno.
//! - `binaryType` may default to `blob` (browsers, workerd since 2026-03-17).
//! - workerd before 2026-04-07 does not answer the peer's close frame by itself.

use std::{
    cell::Cell,
    fmt,
    rc::Rc,
    task::{Context, Poll},
};

use js_sys::{Array, ArrayBuffer, Function, JsString, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

use super::inbox::Inbox;
use crate::{
    driver::{Transport, TransportEvent},
    proto::{Close, ConnectionId, Frame, TransportError},
};

/// Bytes that may wait to be read; more means that the reader has stalled. The messages come again by a resume.
const MOST_UNREAD: usize = 64 << 20;

/// What hosts say of a message that is larger than they let through: workerd, Deno, Bun, Node. Node 24 says nothing.
const TOO_LARGE: [&str; 3] = ["too large", "too big", "exceed"];

/// [`Transport`] over a WebSocket class of the standard interface.
pub struct WebTransport {
    constructor: Function,
    inbox: Rc<Inbox<TransportEvent>>,
    socket: Option<Socket>,
}

impl WebTransport {
    /// Uses `constructor`, or the global `WebSocket`; `None` if there is neither.
    pub fn new(constructor: Option<Function>) -> Option<Self> {
        let global = || Reflect::get(&js_sys::global(), &"WebSocket".into()).ok()?.dyn_into().ok();
        constructor.or_else(global).map(Self::by)
    }

    /// Opens sockets by `constructor`.
    pub(super) fn by(constructor: Function) -> Self {
        Self { constructor, inbox: Rc::new(Inbox::new()), socket: None }
    }
}

impl Transport for WebTransport {
    fn open(&mut self, connection: ConnectionId, url: &str) {
        self.socket = None;
        self.inbox.clear();
        let arguments = Array::of1(&url.into());
        match Reflect::construct(&self.constructor, &arguments) {
            Ok(socket) => {
                let socket = socket.unchecked_into();
                self.socket = Some(Socket::listen(socket, connection, &self.inbox));
            }
            Err(error) => {
                self.inbox.push(TransportEvent::Failed(connection, describe(&error)));
            }
        }
    }

    fn send(&mut self, frame: Frame) {
        let Some(socket) = &self.socket else { return };
        // A send on a socket that is closing throws or is dropped; its end is told by an event.
        let _ = match frame {
            Frame::Text(text) => socket.inner.send_with_str(&text),
            // A copy of its own: workerd reads what it was given only later, when our memory holds something else.
            Frame::Binary(bytes) => {
                socket.inner.send_with_array_buffer(&Uint8Array::from(&*bytes).buffer())
            }
        };
    }

    fn close(&mut self, close: Close) {
        let Some(socket) = &self.socket else { return };
        if socket.inner.ready_state() == WebSocket::CONNECTING {
            self.socket = None;
            return;
        }
        let _ = socket.inner.close_with_code_and_reason(close.code, &close.reason);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent> {
        let event = std::task::ready!(self.inbox.poll_pop(cx));
        match (&event, &self.socket) {
            (TransportEvent::Received(_, frame), Some(socket)) => {
                let unread = &socket.unread;
                unread.set(unread.get().map(|bytes| bytes.saturating_sub(frame.len())));
            }
            // Whoever keeps a shard that has stopped shall not keep its socket, which is some 50 KB in Node.js.
            (TransportEvent::Opened(_) | TransportEvent::Received(..), _) => {}
            _ => self.socket = None,
        }
        Poll::Ready(event)
    }
}

impl fmt::Debug for WebTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebTransport")
            .field("is_open", &self.socket.is_some())
            .finish_non_exhaustive()
    }
}

type Listener = Closure<dyn FnMut(Event)>;

/// A socket with its listeners.
struct Socket {
    inner: WebSocket,
    listeners: [(&'static str, Listener); 4],
    unread: Unread,
}

/// Bytes that wait to be read; `None` before the socket is open.
type Unread = Rc<Cell<Option<usize>>>;

impl Socket {
    fn listen(inner: WebSocket, id: ConnectionId, inbox: &Rc<Inbox<TransportEvent>>) -> Self {
        inner.set_binary_type(BinaryType::Arraybuffer);
        let unread = Unread::default();
        let listeners = [
            ("open", on_open(id, inbox, &unread)),
            ("message", on_message(id, inbox, &unread)),
            ("error", on_error(id, inbox, &unread)),
            ("close", on_close(inner.clone(), id, inbox)),
        ];
        for (name, listener) in &listeners {
            // Listeners rather than `onopen` and its kin: injected classes and workerd have only these.
            let _ = inner.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
        }
        Self { inner, listeners, unread }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The `ws` package throws into the void when a socket that is still connecting is closed and nobody listens for
        // `error`. Any function will do as listener, and this one is everywhere and outlives us: the class of all objects.
        let state = self.inner.ready_state();
        if state != WebSocket::CLOSED {
            let ignore = Object::new().constructor();
            let _ = self.inner.add_event_listener_with_callback("error", &ignore);
        }
        for (name, listener) in &self.listeners {
            let listener = listener.as_ref().unchecked_ref();
            let _ = self.inner.remove_event_listener_with_callback(name, listener);
        }
        if state <= WebSocket::OPEN {
            let _ = self.inner.close_with_code_and_reason(4000, "dropped");
        }
    }
}

fn on_open(id: ConnectionId, inbox: &Rc<Inbox<TransportEvent>>, unread: &Unread) -> Listener {
    let inbox = Rc::clone(inbox);
    let unread = Rc::clone(unread);
    Closure::new(move |_| {
        unread.set(Some(0));
        inbox.push(TransportEvent::Opened(id));
    })
}

fn on_message(id: ConnectionId, inbox: &Rc<Inbox<TransportEvent>>, unread: &Unread) -> Listener {
    let inbox = Rc::clone(inbox);
    let unread = Rc::clone(unread);
    Closure::new(move |event: Event| {
        let data = event.unchecked_into::<MessageEvent>().data();
        let Some(frame) = to_frame(&data) else {
            let error = TransportError::new("expected messages as text or ArrayBuffer");
            inbox.push(TransportEvent::Failed(id, error));
            return;
        };
        let bytes = unread.get().unwrap_or_default() + frame.len();
        unread.set(Some(bytes));
        let event = if bytes > MOST_UNREAD {
            let error = TransportError::new("more than 64 MiB of messages wait unread");
            TransportEvent::Failed(id, error)
        } else {
            TransportEvent::Received(id, frame)
        };
        inbox.push(event);
    })
}

fn on_error(id: ConnectionId, inbox: &Rc<Inbox<TransportEvent>>, unread: &Unread) -> Listener {
    let inbox = Rc::clone(inbox);
    let unread = Rc::clone(unread);
    Closure::new(move |event: Event| {
        inbox.push(if unread.get().is_some() {
            let is_oversized = TOO_LARGE.iter().any(|words| message(&event).includes(words, 0));
            if is_oversized {
                TransportEvent::Oversized(id)
            } else {
                TransportEvent::Closed(id, None)
            }
        } else {
            TransportEvent::Failed(id, describe(&event))
        });
    })
}

fn on_close(socket: WebSocket, id: ConnectionId, inbox: &Rc<Inbox<TransportEvent>>) -> Listener {
    let inbox = Rc::clone(inbox);
    Closure::new(move |event: Event| {
        let event = event.unchecked_into::<CloseEvent>();
        if socket.ready_state() == WebSocket::CLOSING {
            let _ = socket.close_with_code_and_reason(4000, "closed by the server");
        }
        let close = match event.code() {
            0 | 1006 => None,
            code => Some(Close { code, reason: event.reason().into() }),
        };
        inbox.push(TransportEvent::Closed(id, close));
    })
}

/// The one copy of a message into our memory.
fn to_frame(data: &JsValue) -> Option<Frame> {
    if let Some(buffer) = data.dyn_ref::<ArrayBuffer>() {
        return Some(Frame::Binary(Uint8Array::new(buffer).to_vec()));
    }
    data.dyn_ref::<JsString>().map(|text| Frame::Text(text.into()))
}

/// What a thrown value or an error event says. Browsers tell nothing about why a socket failed.
fn describe(error: &JsValue) -> TransportError {
    let message = String::from(message(error));
    TransportError::new(if message.is_empty() { "the host gave no reason".into() } else { message })
}

/// Empty if there is none.
fn message(error: &JsValue) -> JsString {
    let message = Reflect::get(error, &"message".into()).ok();
    message.and_then(|text| text.dyn_into().ok()).unwrap_or_else(|| "".into())
}
