//! A line with one reader: JavaScript's callbacks push, a task pops. Knows nothing of what is in it.

use std::{
    cell::RefCell,
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

/// The line. Shared by `Rc`; no call out happens while it is borrowed.
#[derive(Debug)]
pub(super) struct Inbox<T>(RefCell<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<T>,
    /// The reader that found the line empty, if it waits.
    reader: Option<Waker>,
}

impl<T> Inbox<T> {
    pub(super) const fn new() -> Self {
        Self(RefCell::new(Inner { items: VecDeque::new(), reader: None }))
    }

    /// Appends `item`.
    pub(super) fn push(&self, item: T) {
        let reader = {
            let mut inner = self.0.borrow_mut();
            inner.items.push_back(item);
            inner.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// The oldest item.
    pub(super) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<T> {
        let mut inner = self.0.borrow_mut();
        if let Some(item) = inner.items.pop_front() {
            return Poll::Ready(item);
        }
        inner.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Forgets what waits.
    pub(super) fn clear(&self) {
        self.0.borrow_mut().items.clear();
    }
}
