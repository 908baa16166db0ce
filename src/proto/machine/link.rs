//! All that lives exactly as long as one open socket that said HELLO. Decides nothing.

use crate::proto::{
    pace::{Heartbeat, Limiter},
    time::{Instant, Wake, Why},
    wire::Decoder,
};

/// An open socket with all that belongs to it.
#[derive(Debug)]
pub(super) struct Link {
    pub phase: Phase,
    pub heartbeat: Heartbeat,
    pub limiter: Limiter,
    pub decoder: Decoder,
    /// Whether it did not bring right what could not be read on an earlier connection.
    pub is_no_better: bool,
}

/// How far the session on this link is.
#[derive(Debug)]
pub(super) enum Phase {
    /// The ledger was asked when to identify.
    AwaitingSlot,
    /// The shard identified too often of late; the ledger is asked again then.
    HeldBack { until: Instant },
    /// Identify was sent.
    Identifying { give_up_at: Instant },
    /// READY or RESUMED came.
    Ready,
    /// Resume was sent; the patience starts anew with each replayed event.
    Resuming { give_up_at: Instant, replayed: u64 },
    /// Identify is to be sent then.
    SlotAt(Instant),
}

impl Link {
    /// When something is due on this link; `command_at` says when the first waiting command may leave by its own limits.
    pub fn wake(&self, now: Instant, command_at: Option<Instant>) -> Wake {
        let heartbeat = self.heartbeat.wake();
        let heartbeat = Wake { at: heartbeat.at.max(Some(self.limiter.free_at(now))), ..heartbeat };
        heartbeat.sooner(match self.phase {
            Phase::Identifying { give_up_at } | Phase::Resuming { give_up_at, .. } => {
                Wake::at(give_up_at, Why::Patience)
            }
            Phase::Ready => command_at.map_or(Wake::NEVER, |at| {
                Wake::at(at.max(self.limiter.user_free_at(now)), Why::SendLimit)
            }),
            Phase::AwaitingSlot => Wake::NEVER,
            Phase::HeldBack { until: at } | Phase::SlotAt(at) => Wake::at(at, Why::IdentifySlot),
        })
    }
}
