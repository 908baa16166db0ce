//! The sessions of a fleet in one file. Written by a thread of its own, so that no shard waits for a disk.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::PathBuf,
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
};

use futures::future::{BoxFuture, FutureExt as _, ready};

use super::kept_file;
use crate::{
    driver::{SessionStore, StoreError},
    proto::{Session, ShardId},
};

/// Keeps the sessions of a fleet in a file, which is replaced as a whole: whoever reads it sees all of the old ones or all of
/// the new.
///
/// A file that is missing, or holds something else, counts as empty. Two fleets need two files.
pub struct SessionFile {
    path: PathBuf,
    sessions: BTreeMap<ShardId, Session>,
    is_changed: bool,
    /// `None` only while it is dropped.
    to_writer: Option<Sender<Vec<Session>>>,
    writer: Option<JoinHandle<()>>,
}

impl SessionFile {
    /// Keeps them in `path`. What goes wrong later is told to `on_error`, on the thread that writes, and the fleet goes on.
    pub fn new(
        path: impl Into<PathBuf>,
        mut on_error: impl FnMut(io::Error) + Send + 'static,
    ) -> Self {
        let path = path.into();
        let (to_writer, lines) = mpsc::channel();
        let target = path.clone();
        let writer = thread::spawn(move || {
            while let Some(sessions) = newest(&lines) {
                if let Err(error) = kept_file::replace(&target, &sessions) {
                    on_error(error);
                }
            }
        });
        Self {
            path,
            sessions: BTreeMap::new(),
            is_changed: false,
            to_writer: Some(to_writer),
            writer: Some(writer),
        }
    }
}

/// The newest of what waits: what a slow disk was overtaken by need not be written.
fn newest(lines: &Receiver<Vec<Session>>) -> Option<Vec<Session>> {
    let first = lines.recv().ok()?;
    Some(lines.try_iter().last().unwrap_or(first))
}

impl SessionStore for SessionFile {
    fn load(&mut self) -> BoxFuture<'_, Result<Vec<Session>, StoreError>> {
        let read = kept_file::read::<Vec<Session>>(&self.path);
        let sessions = read.map(Option::unwrap_or_default);
        if let Ok(sessions) = &sessions {
            self.sessions = sessions.iter().map(|kept| (kept.shard, kept.clone())).collect();
        }
        ready(sessions.map_err(StoreError::from)).boxed()
    }

    fn save(&mut self, session: &Session) {
        self.sessions.insert(session.shard, session.clone());
        self.is_changed = true;
    }

    fn remove(&mut self, shard: ShardId) {
        self.is_changed |= self.sessions.remove(&shard).is_some();
    }

    fn flush(&mut self) {
        if std::mem::take(&mut self.is_changed)
            && let Some(to_writer) = &self.to_writer
        {
            // The writer lives as long as this end.
            let _ = to_writer.send(self.sessions.values().cloned().collect());
        }
    }
}

/// What was told last is written before this returns.
impl Drop for SessionFile {
    fn drop(&mut self) {
        self.flush();
        self.to_writer = None;
        if let Some(writer) = self.writer.take() {
            // It panics only if `on_error` does.
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for SessionFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFile").field("path", &self.path).finish_non_exhaustive()
    }
}
