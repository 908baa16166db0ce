//! The identify ledger in a file, so that a program that is started again and again does not burn the budget of its bot.
//! Never knows what is in the record.

use std::{io, path::PathBuf};

use super::{TokioTimer, kept_file};
use crate::{
    driver::{SharedSlots, Timer as _},
    proto::SessionStartLimit,
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
    if let (Some(record), Some(unix)) = (kept_file::read(&path)?, timer.wall()) {
        slots.restore(&record, timer.now(), unix);
    }
    slots.keep_by(move |record| {
        if let Err(error) = kept_file::replace(&path, record) {
            on_error(error);
        }
    });
    Ok(slots)
}
