//! A line with one reader: JavaScript's callbacks push, a task pops. Knows nothing of what is in it.

use std::{
    cell::RefCell,
    collections::VecDeque,
    mem,
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
    /// No more will come.
    is_closed: bool,
}

impl<T> Inbox<T> {
    pub(super) const fn new() -> Self {
        Self(RefCell::new(Inner { items: VecDeque::new(), reader: None, is_closed: false }))
    }

    /// Appends `item`; gives the new length.
    pub(super) fn push(&self, item: T) -> usize {
        let (length, reader) = {
            let mut inner = self.0.borrow_mut();
            inner.items.push_back(item);
            (inner.items.len(), inner.reader.take())
        };
        if let Some(reader) = reader {
            reader.wake();
        }
        length
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

    /// Ready once there is something to take, or nothing will come any more.
    pub(super) fn poll_filled(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.0.borrow_mut();
        if inner.is_closed || !inner.items.is_empty() {
            return Poll::Ready(());
        }
        inner.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Everything that waits.
    pub(super) fn take(&self) -> VecDeque<T> {
        mem::take(&mut self.0.borrow_mut().items)
    }

    /// Looks at what waits, oldest first.
    pub(super) fn peek<R>(&self, look: impl FnOnce(&VecDeque<T>) -> R) -> R {
        look(&self.0.borrow().items)
    }

    /// No more will come.
    pub(super) fn close(&self) {
        let reader = {
            let mut inner = self.0.borrow_mut();
            inner.is_closed = true;
            inner.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Whether no more will come.
    pub(super) fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }
}
