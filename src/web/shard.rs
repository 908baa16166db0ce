//! The class that crosses into JavaScript. Thin on purpose: `pkg-template/index.js` gives it its looks.

use std::{cell::RefCell, collections::VecDeque, future::poll_fn, mem, rc::Rc};

use futures::StreamExt;
use js_sys::{Array, Function, Math};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::{
    codec,
    convert::{Options, members_command, presence_command, push_event, voice_state_command},
    ledger,
    refusal::Refusal,
    timer::WebTimer,
    transport::WebTransport,
    value::to_value,
};
use crate::{
    driver::{CloseMode, Shard, ShardHandle, Timer},
    proto::{Command, Encoding, Event, Json, Opcode, Status},
};

// Hidden from the docs, and with plain comments, as the bindings copy documentation into what browsers download: the public
// class is described in `index.d.ts`.

#[doc(hidden)]
#[wasm_bindgen]
#[derive(Debug)]
pub struct RawShard {
    inner: Rc<Inner>,
    handle: ShardHandle,
    /// Whether its messages, and its commands, go through codecs that have to be loaded.
    needs_codecs: bool,
    needs_encoder: bool,
}

/// What the class and its pump share.
#[derive(Debug)]
struct Inner {
    shard: RefCell<Shard<WebTransport, WebTimer>>,
    life: RefCell<Life>,
}

/// What JavaScript may ask for at any time. Never borrowed while the shard runs, nor while JavaScript does.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
struct Life {
    is_started: bool,
    /// The reader was too slow: the link is closed, the session kept, until the reader has caught up.
    is_paused: bool,
    /// The host is away, such as offline: the link is closed, the session kept.
    is_away: bool,
    /// No more events will come.
    is_over: bool,
    status: Status,
    /// Events that were not taken yet.
    events: VecDeque<Event>,
    /// How many of them there may be.
    most_events: usize,
    /// Resolves the promise of a reader that found nothing to take.
    reader: Option<Function>,
}

#[doc(hidden)]
#[wasm_bindgen]
impl RawShard {
    // Takes the options of the package's `Shard`. Throws `[code, message]`.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue) -> Result<Self, JsValue> {
        let Options { config, session, constructor, waiting_events } = Options::read(options)?;
        let transport = WebTransport::new(constructor).ok_or_else(|| {
            Refusal::new(
                "websocket-missing",
                "expected a global WebSocket, or the option WebSocket with a class such as that of the package ws",
            )
        })?;
        let mut timer = WebTimer::default();
        let needs_codecs = config.needs_codec();
        let needs_encoder = config.encoding() != Encoding::Json;
        let slots = ledger::of(config.token(), timer.now());
        let (mut shard, handle) = Shard::new(config, seed(), slots, transport, timer);
        if let Some(session) = session {
            shard = shard.resume_from(session).map_err(Refusal::from)?;
        }
        let life = Life {
            is_started: false,
            is_paused: false,
            is_away: false,
            is_over: false,
            status: Status::Idle,
            events: VecDeque::new(),
            most_events: waiting_events,
            reader: None,
        };
        let inner = Inner { shard: RefCell::new(shard), life: RefCell::new(life) };
        Ok(Self { inner: Rc::new(inner), handle, needs_codecs, needs_encoder })
    }

    // Whether `provideCodecs` must be called before `connect`.
    #[wasm_bindgen(getter, js_name = lacksCodecs)]
    pub fn lacks_codecs(&self) -> bool {
        self.needs_codecs && !codec::is_loaded()
    }

    // Starts the pump; again does nothing.
    pub fn connect(&self) {
        let was_started = mem::replace(&mut self.inner.life.borrow_mut().is_started, true);
        if !was_started {
            spawn_local(pump(Rc::clone(&self.inner), self.handle.clone()));
        }
    }

    // All events that wait, three values each; see `push_event`.
    pub fn take(&self) -> Array {
        let (events, is_to_start) = {
            let mut life = self.inner.life.borrow_mut();
            let was_paused = mem::replace(&mut life.is_paused, false);
            (mem::take(&mut life.events), was_paused && !life.is_away)
        };
        let out = Array::new();
        for event in &events {
            push_event(&out, event);
        }
        if is_to_start {
            self.handle.start();
        }
        out
    }

    // Calls `resolve` once `take` would give something, or nothing will come any more. One reader at a time.
    pub fn wait(&self, resolve: Function) {
        self.inner.life.borrow_mut().reader = Some(resolve);
        self.inner.call_reader();
    }

    // Whether no more events will come.
    #[wasm_bindgen(getter, js_name = isOver)]
    pub fn is_over(&self) -> bool {
        self.inner.life.borrow().is_over
    }

    // The name of the status.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> String {
        self.inner.life.borrow().status.name().to_owned()
    }

    // The session, no further than what was taken; `null` if there is none.
    #[wasm_bindgen(getter)]
    pub fn session(&self) -> Result<JsValue, JsValue> {
        let shard = self.inner.shard.try_borrow().map_err(|_| busy())?;
        let session =
            shard.session().map(|session| session.before(&self.inner.life.borrow().events));
        Ok(to_value(&session))
    }

    // Everything there is to see.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let mut shard = self.inner.shard.try_borrow_mut().map_err(|_| busy())?;
        Ok(to_value(&shard.info()))
    }

    // Opcode 3. Throws `[code, message]`.
    #[wasm_bindgen(js_name = updatePresence)]
    pub fn update_presence(&self, presence: JsValue) -> Result<(), JsValue> {
        self.send_command(&presence_command(presence)?)
    }

    // Opcode 4. Throws `[code, message]`.
    #[wasm_bindgen(js_name = updateVoiceState)]
    pub fn update_voice_state(&self, state: JsValue) -> Result<(), JsValue> {
        self.send_command(&voice_state_command(state)?)
    }

    // Opcode 8. Throws `[code, message]`.
    #[wasm_bindgen(js_name = requestGuildMembers)]
    pub fn request_guild_members(&self, request: JsValue) -> Result<(), JsValue> {
        self.send_command(&members_command(request)?)
    }

    // Any opcode that a user may send, with data that `JSON.stringify` wrote. Throws `[code, message]`.
    pub fn send(&self, opcode: u16, data: String) -> Result<(), JsValue> {
        self.send_command(&Command::Raw(Opcode(opcode), Json::trusted(data)))
    }

    // A new connection with the same session, at once.
    pub fn reconnect(&self) {
        self.handle.reconnect();
    }

    // The host goes away: closes the connection, keeping the session, until `start`.
    pub fn pause(&self) {
        self.inner.life.borrow_mut().is_away = true;
        self.handle.pause();
    }

    // The host is back: connects at once, also if it was about to do so later.
    pub fn start(&self) {
        let (is_paused, status) = {
            let mut life = self.inner.life.borrow_mut();
            life.is_away = false;
            (life.is_paused, life.status)
        };
        match status {
            // `take` starts it, once the reader has caught up.
            _ if is_paused => {}
            Status::Disconnected { .. } => self.handle.reconnect(),
            _ => self.handle.start(),
        }
    }

    // Ends the shard; `wait` and `take` give the rest, the last of it `stopped`.
    pub fn close(&self, keep_session: bool) {
        self.handle.close(if keep_session {
            CloseMode::KeepSession
        } else {
            CloseMode::EndSession
        });
        self.connect();
    }

    fn send_command(&self, command: &Command) -> Result<(), JsValue> {
        if self.needs_encoder && !codec::is_loaded() {
            let message =
                "expected commands in ETF once the codecs are loaded, which the first event tells";
            return Err(Refusal::new("codec-not-loaded", message).into());
        }
        Ok(self.handle.send(command).map_err(Refusal::from)?)
    }
}

/// Nobody can read or steer it any more. The session is kept, as nobody said that it should end.
impl Drop for RawShard {
    fn drop(&mut self) {
        self.handle.close(CloseMode::KeepSession);
    }
}

impl Inner {
    /// Tells the reader, if one waits and there is something to tell.
    fn call_reader(&self) {
        let reader = {
            let mut life = self.life.borrow_mut();
            if life.is_over || !life.events.is_empty() { life.reader.take() } else { None }
        };
        if let Some(reader) = reader {
            // What a promise's own function throws is nobody's.
            let _ = reader.call0(&JsValue::UNDEFINED);
        }
    }

    /// Takes in an event; gives whether the reader has fallen too far behind just now.
    fn push(&self, event: Event) -> bool {
        let status = self.shard.borrow().status();
        let mut life = self.life.borrow_mut();
        life.status = status;
        life.events.push_back(event);
        let is_full = life.events.len() >= life.most_events;
        is_full && !mem::replace(&mut life.is_paused, is_full)
    }
}

/// Runs the shard until its end.
async fn pump(inner: Rc<Inner>, handle: ShardHandle) {
    while let Some(event) = poll_fn(|cx| inner.shard.borrow_mut().poll_next_unpin(cx)).await {
        if inner.push(event) {
            handle.pause();
        }
        inner.call_reader();
    }
    inner.life.borrow_mut().is_over = true;
    inner.call_reader();
}

/// Two draws, as one has 53 bits at most.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "chance has no meaning"
)]
fn seed() -> u64 {
    let draw = || (Math::random() * f64::from(u32::MAX)) as u64;
    draw() << 32 | draw()
}

fn busy() -> JsValue {
    Refusal::new("bad-options", "expected not to be called from inside the WebSocket class").into()
}
