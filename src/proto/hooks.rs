//! What a user may hook into a shard's life, as functions that are called at the moment they are about. Calls none of them.
//!
//! A hook must return at once, and must not call back into the shard that called it.

use std::{fmt, sync::Arc};

use super::wire::{IdentifyProperties, Presence, ShardId};

/// A connection that is about to be made. A hook may change its address and what identify will say about the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectPlan {
    /// Where it goes, without its query. Version, encoding and compression are added afterwards.
    pub url: String,
    /// What identify says about the client, from now on.
    pub properties: IdentifyProperties,
    /// Whether a session will be resumed; else a new one is asked for.
    pub is_resume: bool,
    /// How many connections have failed in a row.
    pub attempt: u32,
    /// The shard.
    pub shard: ShardId,
}

/// What becomes of a message that a tap has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tap {
    /// It is not processed; its sequence number counts as received.
    Drop,
    /// It is processed as if there were no tap.
    Pass,
    /// The shard stops, with the session kept. The message counts as never received: a resume brings it again.
    Stop,
}

type BeforeConnect = Arc<dyn Fn(&mut ConnectPlan) + Send + Sync>;
type PresenceOf = Arc<dyn Fn(ShardId) -> Presence + Send + Sync>;
type Tapped = Arc<dyn Fn(&str) -> Tap + Send + Sync>;

/// All hooks of a shard; none unless set.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub before_connect: Option<BeforeConnect>,
    pub presence: Option<PresenceOf>,
    pub tap: Option<Tapped>,
}

/// Functions have no text; which are set is what can be told.
impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("before_connect", &self.before_connect.is_some())
            .field("presence", &self.presence.is_some())
            .field("tap", &self.tap.is_some())
            .finish()
    }
}
