//! Finds what a zstd frame repeats, for the mock gateway's compressor: the matcher of `structured-zstd` cannot be moved to
//! another thread. Simple and quick rather than thorough.

use structured_zstd::encoding::{CompressionLevel, HistoryBuf, Matcher, Sequence};

/// How far back a repeat may lie. Discord's window.
const WINDOW: usize = 256 * 1024;
/// Texts that begin with the same so many bytes are looked at.
const SHORTEST: usize = 6;
/// Places that are remembered: a power of two, 64 KiB of them.
const PLACES: usize = 1 << 14;

/// The history of one frame, and where in it things were seen last.
pub(super) struct Repeats {
    history: HistoryBuf,
    /// The block that was claimed last.
    block: (usize, usize),
    /// Where texts were seen last, by their hash, from 1 on; 0: nowhere.
    places: Vec<u32>,
}

impl Repeats {
    pub(super) fn new() -> Self {
        Self { history: HistoryBuf::new(), block: (0, 0), places: vec![0; PLACES] }
    }

    /// Remembers the text at `at`; gives the place where it was seen before, if it was within the window.
    fn visit(&mut self, at: usize) -> Option<usize> {
        let text = self.history.get(at..at + SHORTEST)?;
        let place = &mut self.places[hash(text)];
        let before = usize::try_from(*place).expect("32 bits").checked_sub(1);
        *place = u32::try_from(at + 1).expect("the history is a few hundred kilobytes");
        before.filter(|before| {
            at - before <= WINDOW && self.history[*before..*before + SHORTEST] == *text
        })
    }

    /// Whether so much has passed that the oldest part of the history can go.
    fn forget(&mut self) {
        let old = self.block.1.saturating_sub(WINDOW);
        if old < WINDOW {
            return;
        }
        self.history.drain_front(old);
        self.block = (self.block.0 - old, self.block.1 - old);
        for place in &mut self.places {
            *place = place.saturating_sub(u32::try_from(old).expect("a few hundred kilobytes"));
        }
    }
}

impl Matcher for Repeats {
    fn get_last_space(&mut self) -> &[u8] {
        &self.history[self.block.0..self.block.1]
    }

    fn fill_in_place(
        &mut self,
        capacity: usize,
        fill: &mut dyn FnMut(&mut HistoryBuf) -> (usize, bool),
    ) -> (usize, bool) {
        self.forget();
        self.history.reserve(capacity);
        fill(&mut self.history)
    }

    fn uncommitted_input(&self) -> &[u8] {
        &self.history[self.block.1..]
    }

    fn commit_filled(&mut self, len: usize) {
        self.block = (self.block.1, self.block.1 + len);
    }

    fn skip_matching(&mut self) {}

    fn start_matching(&mut self, mut handle_sequence: impl FnMut(Sequence)) {
        let (mut literals, end) = self.block;
        let mut at = literals;
        while at < end {
            let before = self.visit(at);
            let Some(before) = before.filter(|_| at + SHORTEST <= end) else {
                at += 1;
                continue;
            };
            let again = self.history[before..].iter().zip(&self.history[at..end]);
            let match_len = again.take_while(|(old, new)| old == new).count();
            handle_sequence(Sequence::Triple {
                literal_len: at - literals,
                offset: at - before,
                match_len,
            });
            at += match_len;
            literals = at;
        }
        if literals < end {
            handle_sequence(Sequence::Literals { len: end - literals });
        }
    }

    fn reset(&mut self, _level: CompressionLevel) {
        self.history.clear();
        self.block = (0, 0);
        self.places.fill(0);
    }

    fn window_size(&self) -> u64 {
        WINDOW as u64
    }
}

fn hash(text: &[u8]) -> usize {
    let word =
        text.iter().fold(0_u32, |word, byte| word.wrapping_mul(0x0100_0193) ^ u32::from(*byte));
    // Multiplied again, as the upper bits are the mixed ones.
    (word.wrapping_mul(0x9E37_79B1) >> 18) as usize
}
