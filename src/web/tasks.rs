//! Runs futures in the host's microtasks. Knows nothing of what they do.
//!
//! By hand rather than by `wasm-bindgen-futures`, which can also wait for promises and work with threads: 2 KB of the module.

use std::{
    cell::RefCell,
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Wake, Waker},
};

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(run: &Closure<dyn FnMut()>);
}

thread_local! {
    static TASKS: RefCell<Tasks> = const { RefCell::new(Tasks::new()) };
}

struct Tasks {
    /// By place. `None` where there is no task, and while it runs.
    all: Vec<Option<Task>>,
    /// Places without a task.
    free: Vec<usize>,
    /// Places of tasks that can go on.
    woken: VecDeque<usize>,
    /// Whether the host will call `run`.
    is_queued: bool,
    /// What the host calls; made when it is first needed.
    run: Option<Closure<dyn FnMut()>>,
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

/// Wakes the task at a place. One that was woken after its end may wake another for nothing, which does no harm.
struct Place(usize);

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        TASKS.with_borrow_mut(|tasks| tasks.wake(self.0));
    }
}

impl Tasks {
    const fn new() -> Self {
        Self {
            all: Vec::new(),
            free: Vec::new(),
            woken: VecDeque::new(),
            is_queued: false,
            run: None,
        }
    }

    fn spawn(&mut self, future: Pin<Box<dyn Future<Output = ()>>>) {
        let place = self.free.pop().unwrap_or(self.all.len());
        let task = Some(Task { future, waker: Arc::new(Place(place)).into() });
        match self.all.get_mut(place) {
            Some(free) => *free = task,
            None => self.all.push(task),
        }
        self.wake(place);
    }

    fn wake(&mut self, place: usize) {
        if !self.woken.contains(&place) {
            self.woken.push_back(place);
        }
        if !self.is_queued {
            self.is_queued = true;
            queue_microtask(self.run.get_or_insert_with(|| Closure::new(run)));
        }
    }

    fn take(&mut self) -> Option<(usize, Task)> {
        let place = self.woken.pop_front()?;
        Some((place, self.all.get_mut(place)?.take()?))
    }

    /// Takes a task back that has run.
    fn put(&mut self, place: usize, task: Option<Task>) {
        if task.is_none() {
            self.free.push(place);
        }
        self.all[place] = task;
    }
}

/// Runs `future` until its end, but not before the caller is done.
pub(super) fn spawn(future: impl Future<Output = ()> + 'static) {
    let future = Box::pin(future);
    TASKS.with_borrow_mut(|tasks| tasks.spawn(future));
}

/// Runs all that were woken until now. What they wake has its turn in the next microtask.
fn run() {
    let woken = TASKS.with_borrow_mut(|tasks| {
        tasks.is_queued = false;
        tasks.woken.len()
    });
    for _ in 0..woken {
        let taken = TASKS.with_borrow_mut(Tasks::take);
        let Some((place, mut task)) = taken else { continue };
        let polled = task.future.as_mut().poll(&mut Context::from_waker(&task.waker));
        let left = polled.is_pending().then_some(task);
        TASKS.with_borrow_mut(|tasks| tasks.put(place, left));
    }
}
