//! Runs futures, each by microtasks of its own. Knows nothing of what they do.
//!
//! The usual executor has one microtask for all tasks of a module. Where the host breaks JavaScript off, as workerd does when a
//! Durable Object is aborted, the microtasks that wait are dropped: that one would never come, and no object that shares the
//! module would run again. Here only the task that was broken off is lost.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Wake, Waker},
};

use futures::future::{FutureExt, LocalBoxFuture};
use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(run: &Function);
}

/// Runs `future` from the next microtask on, until its end.
pub(super) fn spawn(future: impl Future<Output = ()> + 'static) {
    let place = Rc::new(Place::default());
    let run = Closure::new({
        let place = Rc::clone(&place);
        move || poll(&place)
    });
    let function = run.as_ref().unchecked_ref::<Function>().clone();
    let alarm = Arc::new(Alarm { run: function, is_off: AtomicBool::new(false) });
    place.replace(Some(Task {
        future: future.boxed_local(),
        alarm: Arc::clone(&alarm),
        _run: run,
    }));
    alarm.wake();
}

/// Where a task is between two polls. Empty while it is polled, and after its end.
type Place = RefCell<Option<Task>>;

struct Task {
    future: LocalBoxFuture<'static, ()>,
    alarm: Arc<Alarm>,
    /// Polls this very task, by the place where it is; dropped with it.
    _run: Closure<dyn FnMut()>,
}

/// Has a task polled once.
struct Alarm {
    run: Function,
    /// It has rung and the poll is still to come, or there is nothing to be polled any more.
    is_off: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_off.swap(true, Relaxed) {
            queue_microtask(&self.run);
        }
    }
}

fn poll(place: &Place) {
    let Some(mut task) = place.take() else { return };
    task.alarm.is_off.store(false, Relaxed);
    let waker = Waker::from(Arc::clone(&task.alarm));
    let polled = task.future.poll_unpin(&mut Context::from_waker(&waker));
    if polled.is_pending() {
        place.replace(Some(task));
    } else {
        // Whoever wakes it still must not call a function that is gone.
        task.alarm.is_off.store(true, Relaxed);
    }
}
