//! Many shards at once, in virtual time: the manager against a mock gateway, over a wire that takes time to open.
#![cfg(feature = "testing")]

mod control;
mod dispatch;
mod net;
mod reshard;
mod starts;
