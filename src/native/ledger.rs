//! The identify ledger in a file, so that a program that is started again and again does not burn the budget of its bot.
//! Never knows what is in the record.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::TokioTimer;
use crate::{
    driver::{SharedSlots, Timer as _},
    proto::{LedgerRecord, SessionStartLimit},
};

/// Like [`slots`](super::slots), kept in a file: identifies of earlier processes count too.
///
/// A file that is missing, or holds something else, counts as empty. It is replaced as a whole after each identify; one that
/// cannot be written is told to `on_error`, and the shards go on without it.
///
/// # Errors
///
/// If the file is there and cannot be read.
pub fn slots_in_file(
    path: impl Into<PathBuf>,
    limit: SessionStartLimit,
    mut on_error: impl FnMut(io::Error) + Send + 'static,
) -> io::Result<SharedSlots> {
    let path = path.into();
    let mut timer = TokioTimer::new();
    let slots = SharedSlots::new(limit, timer.now());
    if let (Some(record), Some(unix)) = (read(&path)?, timer.wall()) {
        slots.restore(&record, timer.now(), unix);
    }
    slots.keep_by(move |record| {
        if let Err(error) = replace(&path, record) {
            on_error(error);
        }
    });
    Ok(slots)
}

fn read(path: &Path) -> io::Result<Option<LedgerRecord>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whoever reads it sees the old record or the new one, never half of one.
fn replace(path: &Path, record: &LedgerRecord) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, serde_json::to_vec(record)?)?;
    fs::rename(&beside, path)
}
