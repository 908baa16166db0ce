//! What becomes of an errand, told from the shard to whoever waits for it. Bounded by what the shard tells: one outcome, or the
//! parts of an answer, which have a limit.
//!
//! By hand rather than by the channels of `futures`, which work without a lock: 1 KB of what browsers download, for lines that
//! hold a handful of things in their life.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

/// A new line: its two ends.
pub(super) fn line<T>() -> (Teller<T>, News<T>) {
    let line = Arc::new(Mutex::new(Line { told: VecDeque::new(), reader: None, is_over: false }));
    (Teller(Arc::clone(&line)), News(line))
}

/// The end that tells. When it is dropped the line ends.
pub(super) struct Teller<T>(Arc<Mutex<Line<T>>>);

/// The end that is told.
pub(super) struct News<T>(Arc<Mutex<Line<T>>>);

struct Line<T> {
    told: VecDeque<T>,
    reader: Option<Waker>,
    is_over: bool,
}

impl<T> Teller<T> {
    /// Nobody may be left who listens.
    pub(super) fn tell(&self, news: T) {
        self.change(|line| line.told.push_back(news));
    }

    fn change(&self, change: impl FnOnce(&mut Line<T>)) {
        let reader = with(&self.0, |line| {
            change(line);
            line.reader.take()
        });
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        self.change(|line| line.is_over = true);
    }
}

impl<T> News<T> {
    /// The next of what was told; `None` at the end of the line.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        with(&self.0, |line| match line.told.pop_front() {
            None if !line.is_over => {
                line.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            told => Poll::Ready(told),
        })
    }
}

/// Nobody listens any more, so nothing needs to be kept.
impl<T> Drop for News<T> {
    fn drop(&mut self) {
        drop(with(&self.0, |line| mem::take(&mut line.told)));
    }
}

impl<T> fmt::Debug for News<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

fn with<T, R>(line: &Mutex<Line<T>>, act: impl FnOnce(&mut Line<T>) -> R) -> R {
    // Nothing in here panics half-way, so a poisoned lock still holds sound data.
    act(&mut line.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, future::poll_fn};

    use super::*;

    /// What comes next, by now.
    #[derive(Debug, PartialEq, Eq)]
    enum Next {
        Nothing,
        News(u32),
        End,
    }

    fn next(news: &News<u32>) -> Next {
        match poll_fn(|cx| news.poll(cx)).now_or_never() {
            None => Next::Nothing,
            Some(Some(news)) => Next::News(news),
            Some(None) => Next::End,
        }
    }

    #[test]
    fn news_come_in_order_and_then_the_end() {
        let (teller, news) = line();
        assert_eq!(next(&news), Next::Nothing);
        teller.tell(1);
        teller.tell(2);
        drop(teller);
        assert_eq!(
            [next(&news), next(&news), next(&news)],
            [Next::News(1), Next::News(2), Next::End]
        );
    }

    #[test]
    fn who_waits_is_woken_by_news_and_by_the_end() {
        let (teller, news) = line();
        for tell in [true, false] {
            let woken = futures::task::noop_waker();
            assert!(news.poll(&mut Context::from_waker(&woken)).is_pending());
            assert!(with(&news.0, |line| line.reader.is_some()));
            if tell {
                teller.tell(1);
                assert_eq!(next(&news), Next::News(1));
            }
        }
        drop(teller);
        assert!(with(&news.0, |line| line.reader.is_none()));
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let (teller, news) = line();
        teller.tell(Arc::new(1));
        let kept = Arc::downgrade(&with(&news.0, |line| Arc::clone(&line.told[0])));
        drop(news);
        assert!(kept.upgrade().is_none());
    }
}
