//! See `src/etf.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| shardwire_fuzz::etf(input));
