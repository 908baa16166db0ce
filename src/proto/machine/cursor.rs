//! The place in a session: whose it is, and how far it came. Knows no connection, and decides nothing.

use crate::proto::{
    pace::Me,
    session::Session,
    wire::{ShardId, payload::Ready},
};

/// The place in a session: id, sequence, resume address. Empty while there is none.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// `None` before READY: an outside fact, not a state of ours.
    session_id: Option<String>,
    /// As READY named it; checked each time before it is used.
    resume_url: Option<String>,
    /// The newest sequence number; never goes back. `None` before the first dispatch.
    sequence: Option<u64>,
    /// The sequence number that came last, which may have gone back; for noticing gaps.
    latest: Option<u64>,
    /// The number of the newest RESUMED, which a replay may repeat.
    resumed_at: Option<u64>,
    /// The bot's own id; `None` if READY did not tell it.
    user_id: Option<String>,
    /// The sequence number behind which a message last cost the connection because it could not be read.
    stumbled_at: Option<u64>,
}

impl Cursor {
    /// At the beginning of the session that READY began; `resume_url` is its own, if it may be used.
    pub fn begin(ready: Ready, resume_url: Option<String>) -> Self {
        Self {
            session_id: Some(ready.session_id),
            resume_url,
            user_id: ready.user_id,
            ..Self::default()
        }
    }

    /// Where another process left off.
    pub fn take_up(session: Session) -> Self {
        Self {
            session_id: Some(session.id),
            resume_url: session.resume_url,
            sequence: Some(session.sequence),
            latest: Some(session.sequence),
            user_id: session.user_id,
            ..Self::default()
        }
    }

    // What came.

    /// Takes a sequence number; gives how many are missing before it.
    pub fn advance(&mut self, sequence: Option<u64>) -> Option<u64> {
        let sequence = sequence?;
        self.sequence = self.sequence.max(Some(sequence));
        if sequence == 0 {
            // Some servers number everything 0, which says nothing.
            return None;
        }
        let step = self.latest.and_then(|latest| sequence.checked_sub(latest));
        self.latest = Some(sequence);
        step.and_then(|step| step.checked_sub(1)).filter(|missing| *missing > 0)
    }

    /// Gives up the message behind the newest, so that a resume asks for what stands behind it.
    pub fn pass_over(&mut self) {
        self.sequence = self.sequence.map(|last| last.saturating_add(1));
    }

    /// A RESUMED with this number came.
    pub fn resumed(&mut self, sequence: Option<u64>) {
        self.resumed_at = sequence.filter(|sequence| *sequence > 0);
    }

    /// The message behind the newest cost a connection.
    pub fn stumble(&mut self) {
        self.stumbled_at = self.sequence;
    }

    // What is known.

    /// Whether there is a session that can be resumed.
    pub fn is_set(&self) -> bool {
        self.session_id.is_some() && self.sequence.is_some()
    }

    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    pub fn resume_url(&self) -> Option<&str> {
        self.resume_url.as_deref()
    }

    pub const fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    pub fn session(&self, shard: ShardId) -> Option<Session> {
        Some(Session {
            id: self.session_id.clone()?,
            sequence: self.sequence?,
            resume_url: self.resume_url.clone(),
            shard,
            user_id: self.user_id.clone(),
        })
    }

    pub fn me(&self) -> Me<'_> {
        Me { user_id: self.user_id.as_deref(), session_id: self.session_id() }
    }

    /// Whether the message behind the newest has cost a connection before.
    pub fn is_stumbling_again(&self) -> bool {
        self.stumbled_at == self.sequence
    }

    /// Whether a replay repeats what was delivered before.
    pub fn is_repeated(&self, sequence: Option<u64>) -> bool {
        sequence.is_some_and(|sequence| sequence > 0 && Some(sequence) <= self.sequence)
    }

    /// Whether a READY is that of the session that goes on, come again in the replay.
    pub fn is_old_ready(&self, ready: &Ready, sequence: Option<u64>) -> bool {
        self.session_id.as_ref() == Some(&ready.session_id) && self.is_repeated(sequence)
    }

    /// Whether a RESUMED is that of an earlier resume, come again in the replay.
    pub fn is_old_resumed(&self, sequence: Option<u64>) -> bool {
        sequence.is_some() && sequence == self.resumed_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        let ready = Ready { session_id: "a".into(), resume_gateway_url: None, user_id: None };
        Cursor::begin(ready, None)
    }

    #[test]
    fn gaps_are_counted_and_the_sequence_never_goes_back() {
        let mut cursor = cursor();
        assert!(!cursor.is_set());
        assert_eq!(cursor.advance(Some(1)), None);
        assert!(cursor.is_set());
        assert_eq!(cursor.advance(Some(2)), None);
        assert_eq!(cursor.advance(Some(6)), Some(3));
        assert_eq!(cursor.advance(Some(1)), None, "a replay");
        assert_eq!(cursor.advance(Some(0)), None, "a server that numbers nothing");
        assert_eq!(cursor.advance(None), None);
        assert_eq!(cursor.sequence(), Some(6));
    }

    #[test]
    fn what_a_replay_brings_again_is_known() {
        let mut cursor = cursor();
        cursor.advance(Some(4));
        cursor.resumed(Some(4));
        assert!(cursor.is_repeated(Some(4)) && !cursor.is_repeated(Some(5)));
        assert!(!cursor.is_repeated(Some(0)) && !cursor.is_repeated(None));
        assert!(cursor.is_old_resumed(Some(4)) && !cursor.is_old_resumed(None));
        let ready =
            |id: &str| Ready { session_id: id.into(), resume_gateway_url: None, user_id: None };
        assert!(cursor.is_old_ready(&ready("a"), Some(1)));
        assert!(!cursor.is_old_ready(&ready("b"), Some(1)));
    }

    #[test]
    fn a_session_comes_back_as_it_went() {
        let shard = ShardId::ONE;
        let session = Session {
            id: "a".into(),
            sequence: 7,
            resume_url: Some("wss://x".into()),
            shard,
            user_id: Some("1".into()),
        };
        assert_eq!(Cursor::take_up(session.clone()).session(shard), Some(session));
    }
}
