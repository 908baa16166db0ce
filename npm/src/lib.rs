//! The WebAssembly module of the npm package. A crate of its own, so that whoever builds shardwire into a module of theirs
//! chooses the allocator. Empty on other targets.
#![cfg(target_family = "wasm")]

// What is exported to JavaScript is in there.
use shardwire as _;

#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
