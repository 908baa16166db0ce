//! A session as it is kept and carried elsewhere. Plain data.

use serde::{Deserialize, Serialize};

use super::wire::ShardId;

/// Everything that is needed to take a session up again, here or in another process or runtime.
///
/// The JSON form is the same in Rust and JavaScript: `{ "id", "sequence", "resumeUrl", "shard": [number, total],
/// "userId" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Session {
    /// The session id from READY.
    pub id: String,
    /// The last sequence number that was handed over.
    pub sequence: u64,
    /// Where Discord wants it resumed, if it said so. Kept apart from the base address; neither overwrites the other.
    #[serde(default)]
    pub resume_url: Option<String>,
    /// The shard that it belongs to.
    pub shard: ShardId,
    /// The bot's own id, if READY told it.
    #[serde(default)]
    pub user_id: Option<String>,
}
