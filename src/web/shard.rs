//! The class that crosses into JavaScript. Thin on purpose: `pkg-template/index.js` gives it its looks.

use std::{cell::RefCell, future::poll_fn, mem, rc::Rc, task::Context, task::Poll, time::Duration};

use futures::StreamExt;
use js_sys::{Array, Function, Math};
use wasm_bindgen::prelude::*;

use super::{
    codec,
    command::{read_command, read_request},
    convert::{Options, reply_arguments},
    hooks::{self, Asides, Debugging},
    ledger::{Queue, RawLedger},
    line::{Line, Relief, Waiting},
    refusal::Refusal,
    task,
    timer::WebTimer,
    transport::WebTransport,
    value::{of_texts, to_object},
    values::Values,
};
use crate::{
    driver::{CloseMode, Shard, ShardHandle},
    proto::{
        CommandError, Encoding, Event, Opcode, Priority, Reply, RequestError, RequestOptions,
        SendOptions, Status, When,
    },
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
    queue: Queue,
}

/// What the class and its pump share.
#[derive(Debug)]
struct Inner {
    shard: RefCell<Shard<WebTransport, WebTimer>>,
    life: RefCell<Life>,
    asides: Asides,
}

/// What JavaScript may ask for at any time. Never borrowed while the shard runs, nor while JavaScript does.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
struct Life {
    is_started: bool,
    /// The host is away, such as offline: the link is closed, the session kept.
    is_away: bool,
    /// It was closed because the reader was too slow.
    has_failed: bool,
    /// Whether the session was ready at least once.
    was_ready: bool,
    /// No more events will come.
    is_over: bool,
    status: Status,
    /// Events that were not taken yet.
    line: Line,
    /// Resolves the promise of a reader that found nothing to take.
    reader: Option<Function>,
    /// Is told once the session is ready, or never will be.
    awaiter: Option<Function>,
}

#[doc(hidden)]
#[wasm_bindgen]
impl RawShard {
    // Takes the options of the package's `Shard`, laid out by `options.js`, and the ledger of its bot. Throws `[code, message]`.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue, ledger: &RawLedger) -> Result<Self, JsValue> {
        let asides = Asides::default();
        let Options { config, session, constructor, bounds, raw, debugging } =
            Options::read(&Values::new(options), &asides)?;
        let transport = WebTransport::by(constructor);
        let timer = WebTimer::default();
        let needs_codecs = config.needs_codec();
        let needs_encoder = config.encoding() != Encoding::Json;
        let queue = Queue::new(ledger);
        let (mut shard, handle) = Shard::new(config, seed(), queue.clone(), transport, timer);
        if debugging != Debugging::Off {
            shard.watch(hooks::watcher(debugging, asides.clone()));
        }
        if let Some(session) = session {
            shard = shard.resume_from(session).map_err(Refusal::from)?;
        }
        let life = Life {
            is_started: false,
            is_away: false,
            has_failed: false,
            was_ready: false,
            is_over: false,
            status: Status::Idle,
            line: Line::new(bounds, raw),
            reader: None,
            awaiter: None,
        };
        let inner = Inner { shard: RefCell::new(shard), life: RefCell::new(life), asides };
        Ok(Self { inner: Rc::new(inner), handle, needs_codecs, needs_encoder, queue })
    }

    // Whether `provideCodecs` must be called before `connect`.
    #[wasm_bindgen(getter, js_name = lacksCodecs)]
    #[must_use]
    pub fn lacks_codecs(&self) -> bool {
        self.needs_codecs && !codec::is_loaded()
    }

    // Starts the pump; again does nothing.
    pub fn connect(&self) {
        let was_started = mem::replace(&mut self.inner.life.borrow_mut().is_started, true);
        if !was_started {
            task::spawn(pump(Rc::clone(&self.inner), self.handle.clone()));
        }
    }

    // All events that wait, three values each; see `push_event`.
    #[must_use]
    pub fn take(&self) -> Array {
        let mut life = self.inner.life.borrow_mut();
        // One that has failed stays closed, whatever it is told.
        if life.line.is_full() && !life.is_away {
            self.handle.start();
        }
        life.line.take()
    }

    // Calls `resolve` once `take` would give something, or nothing will come any more. One reader at a time.
    pub fn wait(&self, resolve: Function) {
        self.inner.life.borrow_mut().reader = Some(resolve);
        self.inner.call_reader();
    }

    // Calls `done` once the session is ready, or with `[code, message]` if the shard ends before.
    #[wasm_bindgen(js_name = whenReady)]
    pub fn when_ready(&self, done: Function) {
        self.inner.life.borrow_mut().awaiter = Some(done);
        self.inner.call_awaiter();
    }

    // Whether no more events will come.
    #[wasm_bindgen(getter, js_name = isOver)]
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.inner.life.borrow().is_over
    }

    // The name of the status.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn status(&self) -> JsValue {
        self.inner.life.borrow().status.name().into()
    }

    // The session, no further than what was taken; `null` if there is none.
    #[wasm_bindgen(getter)]
    pub fn session(&self) -> Result<JsValue, JsValue> {
        let shard = self.inner.shard.try_borrow().map_err(|_| busy())?;
        let life = self.inner.life.borrow();
        let session = shard.session().map(|session| session.before(life.line.unread()));
        Ok(session.map_or(JsValue::NULL, |session| to_object(&session)))
    }

    // Everything there is to see.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let mut shard = self.inner.shard.try_borrow_mut().map_err(|_| busy())?;
        Ok(to_object(&shard.info()))
    }

    // Counts from zero again.
    #[wasm_bindgen(js_name = resetCounters)]
    pub fn reset_counters(&self) -> Result<(), JsValue> {
        self.inner.shard.try_borrow_mut().map_err(|_| busy())?.reset_counters();
        Ok(())
    }

    // Sends a command; see `read_command`. Gives its number; calls `done` with nothing or `[code, message, retryAfterMs]`.
    // Throws the same.
    pub fn submit(
        &self,
        opcode: Option<u16>,
        argument: JsValue,
        is_high: bool,
        within_ms: f64,
        done: Function,
    ) -> Result<f64, JsValue> {
        self.check_encoder()?;
        let command = read_command(opcode, argument);
        let options = SendOptions { priority: priority(is_high), when: when(within_ms) };
        let sending = self.handle.send_with(&command, options).map_err(refused)?;
        let number = sending.number();
        task::spawn(async move {
            let outcome = sending.await.map_or_else(refused, |()| JsValue::UNDEFINED);
            // It settles a promise, and throws nothing.
            let _ = done.call1(&JsValue::UNDEFINED, &outcome);
        });
        Ok(as_number(number))
    }

    // Asks what `opcode` asks. Gives its number; calls `told` with each news, see `reply_arguments`. Throws as `submit` does.
    pub fn request(
        &self,
        opcode: u16,
        argument: JsValue,
        is_high: bool,
        timeout_ms: f64,
        deadline_ms: f64,
        told: Function,
    ) -> Result<f64, JsValue> {
        self.check_encoder()?;
        let request = read_request(Opcode(opcode), argument);
        let options = RequestOptions {
            priority: priority(is_high),
            timeout: millis(timeout_ms),
            deadline: millis(deadline_ms),
        };
        let mut collecting = self.handle.request(request, options).map_err(refused)?;
        let number = collecting.number();
        task::spawn(async move {
            while let Some(reply) = collecting.next().await {
                // It reports by itself what the user's own functions throw.
                let _ = told.apply(&JsValue::UNDEFINED, &reply_arguments(reply));
            }
            // The line ends without a last word if the shard does. After a last word this one changes nothing.
            let stopped = reply_arguments(Reply::Failed(RequestError::Stopped));
            let _ = told.apply(&JsValue::UNDEFINED, &stopped);
        });
        Ok(as_number(number))
    }

    // Takes back what `submit` or `request` gave this number.
    #[wasm_bindgen(js_name = takeBack)]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "one of our own")]
    pub fn take_back(&self, number: f64) {
        self.handle.take_back(number as u64);
    }

    // Asks `ask` in place of the ledger; see `Own::ask`.
    #[wasm_bindgen(js_name = askBy)]
    pub fn ask_by(&self, ask: Function) {
        self.queue.ask_by(ask);
    }

    // Answers what was asked; see `Own::answer`.
    pub fn answer(&self, retry_in_ms: f64) {
        self.queue.answer(retry_in_ms);
    }

    // Puts an event of JavaScript's own into the line.
    pub fn tell(&self, event: JsValue) {
        self.inner.push(Waiting::Aside(event), &self.handle);
        self.inner.call_reader();
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
            (life.line.is_full(), life.status)
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

    /// Commands are encoded as they are given.
    fn check_encoder(&self) -> Result<(), JsValue> {
        if self.needs_encoder && !codec::is_loaded() {
            let message =
                "expected commands in ETF once the codecs are loaded, which the first event tells";
            return Err(Refusal::new("codec-not-loaded", message).into());
        }
        Ok(())
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
            if life.is_over || !life.line.is_empty() { life.reader.take() } else { None }
        };
        if let Some(reader) = reader {
            // What a promise's own function throws is nobody's.
            let _ = reader.call0(&JsValue::UNDEFINED);
        }
    }

    /// Tells whoever waits for the session to be ready.
    fn call_awaiter(&self) {
        let (awaiter, outcome) = {
            let mut life = self.life.borrow_mut();
            let outcome = if life.was_ready {
                JsValue::UNDEFINED
            } else if life.is_over {
                Refusal::new("stopped", "the shard stopped before the session was ready").into()
            } else {
                return;
            };
            (life.awaiter.take(), outcome)
        };
        if let Some(awaiter) = awaiter {
            // It settles a promise, and throws nothing.
            let _ = awaiter.call1(&JsValue::UNDEFINED, &outcome);
        }
    }

    /// Takes in an event, and lets the reader catch up if that is one too many.
    fn push(&self, event: Waiting, handle: &ShardHandle) {
        let relief = self.life.borrow_mut().line.push(event);
        match relief {
            None => {}
            Some(Relief::Pause) => handle.pause(),
            Some(Relief::Stop) => {
                self.life.borrow_mut().has_failed = true;
                handle.close(CloseMode::KeepSession);
            }
        }
    }

    /// The last event, with the reason that only this side knows.
    fn event(&self, event: Event) -> Waiting {
        if !matches!(event, Event::Stopped { .. }) || !self.life.borrow().has_failed {
            return Waiting::Event(event);
        }
        let reason = of_texts(&[
            ("code", "reader-too-slow"),
            ("message", "more events waited for the reader than the limits allow"),
        ]);
        let stopped = of_texts(&[("type", "stopped")]);
        stopped.set("reason", &reason);
        Waiting::Aside(stopped.into())
    }

    /// The next event, with what was laid aside meanwhile put before it. The shard is borrowed for no longer than it runs.
    fn poll(&self, cx: &mut Context<'_>, handle: &ShardHandle) -> Poll<bool> {
        let (polled, status) = {
            let mut shard = self.shard.borrow_mut();
            (shard.poll_next_unpin(cx), shard.status())
        };
        {
            let mut life = self.life.borrow_mut();
            life.status = status;
            life.was_ready |= status == Status::Ready;
        }
        let asides = self.asides.take().into_iter().map(Waiting::Aside);
        let is_over = matches!(polled, Poll::Ready(None));
        let event = match polled {
            Poll::Ready(event) => event.map(|event| self.event(event)),
            Poll::Pending => None,
        };
        let is_pending = !is_over && event.is_none();
        for waiting in asides.chain(event) {
            self.push(waiting, handle);
        }
        self.life.borrow_mut().is_over = is_over;
        self.call_reader();
        self.call_awaiter();
        if is_pending { Poll::Pending } else { Poll::Ready(is_over) }
    }
}

/// Runs the shard until its end.
async fn pump(inner: Rc<Inner>, handle: ShardHandle) {
    while !poll_fn(|cx| inner.poll(cx, &handle)).await {}
}

/// `[code, message, retryAfterMs]`.
fn refused(error: CommandError) -> JsValue {
    let retry_after = match &error {
        CommandError::NotNow { retry_in: Some(span) } => (span.as_secs_f64() * 1000.0).into(),
        _ => JsValue::UNDEFINED,
    };
    let refusal = JsValue::from(Refusal::from(error)).unchecked_into::<Array>();
    refusal.push(&retry_after);
    refusal.into()
}

const fn priority(is_high: bool) -> Priority {
    if is_high { Priority::High } else { Priority::Normal }
}

/// Zero is at once, infinity is whenever it may be.
fn when(within_ms: f64) -> When {
    if within_ms <= 0.0 {
        When::Now
    } else if within_ms.is_finite() {
        When::Within(millis(within_ms))
    } else {
        When::Whenever
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
pub(super) fn millis(number: f64) -> Duration {
    // A week is long enough for anything, and cannot overflow an instant.
    Duration::from_millis((number as u64).min(7 * 24 * 60 * 60 * 1000))
}

#[expect(clippy::cast_precision_loss, reason = "2^53 commands are a lifetime's")]
const fn as_number(number: u64) -> f64 {
    number as f64
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
    Refusal::new(
        "bad-options",
        "expected not to be called from inside a hook or the WebSocket class",
    )
    .into()
}
