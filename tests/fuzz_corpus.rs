//! Replays the seeds of all fuzz targets, and every input that a fuzzer ever found, through the same functions.
#![cfg(all(feature = "etf", feature = "zlib", feature = "zstd"))]

use std::{fs, path::Path};

#[path = "../fuzz/src/lib.rs"]
mod targets;

#[test]
fn every_target_stands_every_input_that_is_kept_for_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (name, target) in targets::TARGETS {
        let kept = fs::read_dir(folder.join("seeds").join(name)).expect("a target has seeds");
        let mut paths: Vec<_> = kept.map(|entry| entry.expect("can be listed").path()).collect();
        paths.sort();
        assert!(paths.len() > 5, "{name} has seeds");
        for path in paths {
            println!("{}", path.display());
            target(&fs::read(&path).expect("can be read"));
        }
    }
}

#[test]
fn every_target_can_be_fuzzed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("there are targets")
        .map(|entry| entry.expect("can be listed").file_name().into_string().expect("UTF-8"))
        .collect();
    files.sort();
    let known: Vec<_> = targets::TARGETS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    assert_eq!(files, known);
}

#[test]
fn no_input_makes_a_target_fail_by_being_short() {
    for (_, target) in targets::TARGETS {
        (0..=u8::MAX).for_each(|byte| target(&[byte]));
        target(&[]);
    }
}
