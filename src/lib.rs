//! shardwire: one Discord Gateway client for every runtime.

pub mod driver;
#[cfg(feature = "native")]
pub mod native;
pub mod proto;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "web")]
pub mod web;
