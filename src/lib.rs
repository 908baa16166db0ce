//! shardwire

pub mod proto;
#[cfg(feature = "testing")]
pub mod testing;
