//! Where a message is decompressed to: one linear buffer, so that a message is contiguous and never copied. Holds the
//! limit; knows no format.

use super::CodecError;

/// Room for a message of usual size; the buffer grows in such steps at first and doubles later.
pub(super) const ROOM: usize = 16 * 1024;
/// A buffer that one huge message blew up beyond this is given back after it.
pub(super) const KEPT: usize = 1024 * 1024;

/// History, then the message under way, then room.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// Where the message under way begins.
    start: usize,
    /// Where it ends so far.
    end: usize,
    /// How much of what came before a message must stay.
    history: usize,
    limit: usize,
}

impl Buffer {
    pub(super) const fn new(limit: usize, history: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0, history, limit }
    }

    /// The message so far.
    pub(super) fn message(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether the next byte would need more room.
    pub(super) fn is_full(&self) -> bool {
        self.end == self.bytes.len()
    }

    /// History, message and room, and where the room begins: at least one byte, unless the message is above the limit.
    pub(super) fn room(&mut self) -> Result<(&mut [u8], usize), CodecError> {
        let size = self.end - self.start;
        if size > self.limit {
            return Err(CodecError::Oversized { limit: self.limit });
        }
        if self.is_full() {
            // One byte above the limit is allowed in, so that a message of exactly the limit is told from a larger one.
            let step = size.max(ROOM).min(self.limit - size + 1);
            self.bytes.resize(self.end + step, 0);
        }
        Ok((&mut self.bytes, self.end))
    }

    /// Counts what was written to the room.
    pub(super) fn advance(&mut self, written: usize) {
        self.end += written;
    }

    /// Drops the message, keeping the history behind it.
    pub(super) fn next_message(&mut self) {
        self.start = self.end;
        // Moving only when the room is nearly used up keeps the copy rare.
        let has_room = self.history > 0 && self.bytes.len() - self.end >= ROOM / 2;
        if has_room && self.bytes.len() <= KEPT {
            return;
        }
        self.keep_history();
        if self.bytes.len() > KEPT {
            self.bytes.truncate(self.history + ROOM);
            self.bytes.shrink_to_fit();
        }
    }

    /// Drops the message, and gives back all room.
    pub(super) fn rest(&mut self) {
        self.keep_history();
        self.bytes.truncate(self.end);
        self.bytes.shrink_to_fit();
    }

    fn keep_history(&mut self) {
        let history = self.end.min(self.history);
        self.bytes.copy_within(self.end - history..self.end, 0);
        self.start = history;
        self.end = history;
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}
