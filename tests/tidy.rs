//! Holds the house: who may import whom, and what must not occur where.
//!
//! Reads the sources as text. The floors are explained in ARCHITECTURE.md; a new file gets its place in [`FLOORS`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Each file of `src`, or a folder with all its files, with its floor. A file may import from lower floors only; the
/// exceptions are in [`NEIGHBOURS`].
const FLOORS: &[(&str, u32)] = &[
    ("proto/time", 0),
    ("proto/words", 0),
    ("proto/random", 0),
    // Plain words of the wire, and what is made of them.
    ("proto/wire/json", 9),
    ("proto/wire/frame", 10),
    ("proto/wire/opcode", 10),
    ("proto/wire/presence", 10),
    ("proto/wire/shard_id", 10),
    ("proto/wire/scan", 10),
    ("proto/wire/url", 10),
    ("proto/wire/close", 11),
    ("proto/wire/envelope", 12),
    ("proto/wire/payload", 12),
    ("proto/wire/codec/mod", 12),
    ("proto/wire/codec/buffer", 13),
    ("proto/wire/codec/inflate", 13),
    ("proto/wire/codec/miniz", 14),
    ("proto/wire/codec/zlib_rs", 14),
    ("proto/wire/codec", 15),
    ("proto/wire/codec/etf", 16),
    ("proto/wire/mod", 17),
    ("proto/form", 18),
    ("proto/error", 20),
    ("proto/session", 20),
    ("proto/shards", 20),
    ("proto/intents", 20),
    ("proto/filter", 20),
    ("proto/hooks", 20),
    ("proto/turn", 20),
    ("proto/config", 30),
    ("proto/event", 30),
    ("proto/metrics", 31),
    ("proto/command", 31),
    ("proto/request", 32),
    ("proto/pace", 40),
    ("proto/pace/mod", 41),
    ("proto/exchange", 42),
    ("proto/machine/beats", 50),
    ("proto/machine/cursor", 50),
    ("proto/machine/link", 50),
    ("proto/machine/context", 51),
    ("proto/machine/state", 60),
    ("proto/machine/mod", 70),
    ("proto/mod", 75),
    ("driver", 80),
    ("twilight", 80),
    ("testing", 90),
    ("trace", 100),
    ("native", 100),
    ("web", 100),
    ("lib", 110),
    ("bin", 110),
];

/// Files of these folders may import from each other.
const NEIGHBOURS: &[&str] = &["driver", "testing", "native", "web", "bin"];

/// Lower floors that are closed all the same: from, to, and the only files that may.
const CLOSED: &[(&str, &str, &[&str])] = &[
    ("testing", "driver", &[]),
    ("native", "testing", &["native/mock"]),
    ("web", "testing", &[]),
    ("native", "web", &[]),
    ("web", "native", &[]),
];

/// These folders know the core by what `proto/mod.rs` shows of it, not by its rooms.
const GUESTS: &[&str] = &["driver", "native", "twilight", "web", "bin"];

/// What the core must not contain, and why.
const BANNED_WORDS: &[(&str, &str)] = &[
    ("async", "the core is called, it does not wait"),
    ("dbg", "the core prints nothing"),
    ("eprintln", "the core prints nothing"),
    ("fastrand", "chance comes from outside, as a seed"),
    ("getrandom", "chance comes from outside, as a seed"),
    ("js_sys", "the core knows no platform"),
    ("print", "the core prints nothing"),
    ("println", "the core prints nothing"),
    ("RandomState", "chance comes from outside, as a seed"),
    ("SystemTime", "time comes from outside, as an argument"),
    ("tokio", "the core knows no platform"),
    ("unwrap", "say with `expect` why it cannot fail"),
    ("wasm_bindgen", "the core knows no platform"),
    ("web_sys", "the core knows no platform"),
];

/// Paths that the core must not import or name, and why.
const BANNED_PATHS: &[(&str, &str)] = &[
    ("std::env::args", "the core knows no platform"),
    ("std::env::var", "the core knows no platform"),
    ("std::fs", "the core knows no platform"),
    ("std::io", "the core knows no platform"),
    ("std::net::TcpListener", "the core knows no socket"),
    ("std::net::TcpStream", "the core knows no socket"),
    ("std::net::ToSocketAddrs", "the core knows no socket"),
    ("std::net::UdpSocket", "the core knows no socket"),
    ("std::thread", "the core knows no threads"),
    ("std::time::Instant", "time comes from outside, as an argument"),
    ("std::time::SystemTime", "time comes from outside, as an argument"),
];

/// The only files that ask which features are on.
const MAY_ASK_FEATURES: &[&str] = &["lib.rs", "native/mod.rs", "proto/wire/codec/mod.rs"];

#[test]
fn files_import_from_lower_floors_only() {
    assert_clean(&floors(&House::ours()));
}

#[test]
fn the_core_reads_no_clock_no_chance_and_no_platform() {
    assert_clean(&core_bans(&House::ours()));
}

#[test]
fn features_are_asked_for_at_the_door_only() {
    assert_clean(&feature_conditions(&House::ours()));
}

#[test]
fn no_file_asks_for_the_target() {
    assert_clean(&target_conditions(&House::ours()));
}

#[test]
fn every_file_is_part_of_the_crate() {
    assert_clean(&dead_files(&House::ours()));
}

#[test]
fn every_file_says_first_what_it_is_for() {
    assert_clean(&missing_docs(&House::ours()));
}

#[test]
fn nothing_is_unsafe() {
    assert_clean(&unsafe_code(&House::ours()));
}

#[test]
fn the_readme_shows_the_example_that_is_compiled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap_or_default();
    let docs = fs::read_to_string(root.join("src/lib.rs")).expect("the crate has a root");
    if let (Some(shown), Some(compiled)) = (example(&readme), example(&module_docs(&docs))) {
        assert_eq!(shown, compiled);
    }
}

#[test]
fn the_package_knows_the_same_intents() {
    let intents = Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg-template/intents.js");
    let intents = fs::read_to_string(intents).expect("the package has its intents");
    let (_, table) = intents.split_once("const BITS = {").expect("a table of bits");
    let (table, _) = table.split_once('}').expect("its end");
    let shown: Vec<String> = table.split(',').map(|line| line.trim().to_owned()).collect();
    let mut known: Vec<String> = shardwire::proto::Intents::NAMED
        .iter()
        .map(|(name, intent)| format!("{name}: {}", intent.bits().trailing_zeros()))
        .collect();
    // What stands behind the last comma.
    known.push(String::new());
    assert_eq!(shown, known);
}

#[test]
fn invented_violations_are_caught() {
    let check = |rule: fn(&House) -> Vec<String>, path: &str, text: &str| {
        let house = House::of(&[
            ("lib.rs", "//! Doc.\nmod proto;\nmod driver;\nmod testing;\nmod native;\nmod web;"),
            (
                "proto/mod.rs",
                "//! Doc.\nmod time;\nmod config;\nmod wire;\npub use self::{config::Config, wire::Frame};",
            ),
            ("proto/time.rs", "//! Doc."),
            ("driver/mod.rs", "//! Doc."),
            ("native/mod.rs", "//! Doc."),
            ("testing/mod.rs", "//! Doc."),
            ("proto/config.rs", "//! Doc."),
            ("proto/wire/mod.rs", "//! Doc.\nmod frame;\npub use self::frame::Frame;"),
            ("proto/wire/frame.rs", "//! Doc."),
            (path, text),
        ]);
        rule(&house).len()
    };
    // Upwards, in every form that an import can have.
    assert_eq!(check(floors, "proto/time.rs", "use crate::proto::config::Config;"), 1);
    assert_eq!(check(floors, "proto/time.rs", "use crate::proto::Config;"), 1);
    assert_eq!(check(floors, "proto/time.rs", "use super::{wire::{Frame}, Config};"), 2);
    assert_eq!(check(floors, "proto/time.rs", "fn f() -> super::Config {}"), 1);
    assert_eq!(check(floors, "proto/wire/frame.rs", "use super::super::Config;"), 1);
    assert_eq!(check(floors, "proto/event.rs", "use super::Config;"), 1, "the same floor");
    assert_eq!(check(floors, "proto/config.rs", "use crate::driver::Shard;"), 1);
    // Past the front door, across, and where no floor was given.
    assert_eq!(check(floors, "driver/mod.rs", "use crate::proto::wire::Frame;"), 1);
    assert_eq!(check(floors, "testing/mod.rs", "use crate::driver::Shard;"), 1);
    assert_eq!(check(floors, "web/mod.rs", "use crate::native::connect;"), 1);
    assert_eq!(check(floors, "native/mod.rs", "use crate::testing::Gateway;"), 1);
    assert_eq!(check(floors, "native/mock.rs", "use crate::testing::Gateway;"), 0);
    assert_eq!(check(floors, "proto/new.rs", "//! Doc."), 1);
    // Downwards, in tests, in comments and in texts.
    assert_eq!(check(floors, "driver/mod.rs", "use crate::proto::{Config, Frame};"), 0);
    assert_eq!(check(floors, "proto/config.rs", "use super::{time::Instant, wire::Frame};"), 0);
    assert_eq!(check(floors, "proto/time.rs", "// use super::Config;"), 0);
    assert_eq!(check(floors, "proto/time.rs", "const A: &str = \"use super::Config;\";"), 0);
    let test = "#[cfg(test)]\nmod tests { use super::Config; fn f() { g().unwrap(); } }";
    assert_eq!(check(floors, "proto/time.rs", test), 0);
    assert_eq!(check(core_bans, "proto/time.rs", test), 0);

    for text in [
        "use std::time::{Duration, Instant};",
        "fn f() { std::time::SystemTime::now(); }",
        "use std::thread;",
        "async fn f() {}",
        "fn f() { g().unwrap(); }",
        "fn f() { println!(\"\"); }",
        "use tokio::net;",
        "#[cfg(debug_assertions)] fn f() {}",
    ] {
        assert!(check(core_bans, "proto/time.rs", text) > 0, "{text}");
    }
    for text in [
        "use std::time::Duration;",
        "/// async\nfn unwrapped() {}",
        "const C: char = '\"'; // tokio",
    ] {
        assert_eq!(check(core_bans, "proto/time.rs", text), 0, "{text}");
    }
    let feature = "//! Doc.\n#[cfg(feature = \"zlib\")] mod x;";
    assert_eq!(check(feature_conditions, "driver/mod.rs", feature), 1);
    assert_eq!(check(feature_conditions, "proto/wire/codec/mod.rs", feature), 0);
    assert_eq!(check(core_bans, "proto/wire/codec/mod.rs", feature), 0);
    assert_eq!(
        check(target_conditions, "web/mod.rs", "#[cfg(target_arch = \"wasm32\")] fn f() {}"),
        1
    );
    assert_eq!(check(dead_files, "proto/lost.rs", "//! Doc."), 1);
    assert_eq!(check(dead_files, "driver/mod.rs", "//! Doc."), 0);
    let path = "//! Doc.\n#[path = \"mod.rs\"]\nmod same;";
    assert_eq!(check(dead_files, "driver/mod.rs", path), 0);
    assert_eq!(check(missing_docs, "driver/mod.rs", "use std::fmt;"), 1);
    assert_eq!(check(unsafe_code, "driver/mod.rs", "//! Doc.\nfn f() { unsafe { g() } }"), 1);
    assert_eq!(
        example("```rust\nlet x = native::connect();\n```"),
        Some("let x = native::connect();".into())
    );
}

/// All sources by their path below `src`.
struct House {
    files: BTreeMap<String, Source>,
    /// Files that Cargo starts from.
    roots: Vec<String>,
}

struct Source {
    /// As written.
    text: String,
    /// Without comments, the contents of texts, and tests.
    code: String,
}

impl House {
    fn ours() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = BTreeMap::new();
        read(&root.join("src"), "", &mut files);
        let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("there is a manifest");
        let binaries = manifest.lines().filter_map(|line| {
            line.strip_prefix("path = \"src/")?.strip_suffix('"').map(str::to_owned)
        });
        let roots = binaries.chain(["lib.rs".to_owned()]).collect();
        Self { files, roots }
    }

    fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Source::new(text)));
        Self { files: files.collect(), roots: vec!["lib.rs".to_owned()] }
    }

    /// The file that a module's items are in, for `["proto", "wire"]` `proto/wire/mod.rs`.
    fn file_of(&self, module: &[String]) -> Option<&str> {
        let path = module.join("/");
        let candidates = [format!("{path}.rs"), format!("{path}/mod.rs")];
        let candidates =
            if module.is_empty() { ["lib.rs".into(), String::new()] } else { candidates };
        candidates.iter().find_map(|it| self.files.get_key_value(it)).map(|(path, _)| path.as_str())
    }

    /// The file that an item comes from, looking through re-exports. `None` for items that are not ours.
    fn origin(&self, path: &[String]) -> Option<&str> {
        let mut path = path.to_vec();
        // No chain of re-exports is longer than the house is high.
        for _ in 0..8 {
            let depth =
                (0..=path.len()).rev().find(|depth| self.file_of(&path[..*depth]).is_some())?;
            let module = path[..depth].to_vec();
            let file = self.file_of(&module)?;
            match path.get(depth).and_then(|name| self.reexport(file, &module, name)) {
                Some(target) => path = target,
                None => return Some(file),
            }
        }
        None
    }

    /// What a name means that a file takes from one of its own modules.
    fn reexport(&self, file: &str, module: &[String], name: &str) -> Option<Vec<String>> {
        let imports = imports(&self.files[file].code, "self");
        let import = imports
            .into_iter()
            .find(|path| path.len() > 1 && path.last().is_some_and(|it| it == name))?;
        Some(module.iter().cloned().chain(import).collect())
    }
}

impl Source {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), code: without_tests(&blank(text)) }
    }
}

fn read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Source>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are UTF-8");
        let inner = format!("{prefix}{name}");
        if path.is_dir() {
            read(&path, &format!("{inner}/"), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            files.insert(inner, Source::new(&text));
        }
    }
}

fn assert_clean(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

// The rules

fn floors(house: &House) -> Vec<String> {
    let mut violations = Vec::new();
    for (file, source) in &house.files {
        let Some(own) = floor(file) else {
            violations.push(format!("{file} has no floor: give it one in tests/tidy.rs"));
            continue;
        };
        for path in absolute_imports(file, &source.code) {
            let Some(origin) = house.origin(&path) else { continue };
            if let Some(why) = refusal(house, file, own, &path, origin) {
                violations.push(format!("{file} must not import {}: {why}", path.join("::")));
            }
        }
    }
    violations
}

/// Why an import is not allowed.
fn refusal(house: &House, file: &str, own: u32, path: &[String], origin: &str) -> Option<String> {
    let (from, to) = (folder(file), folder(origin));
    if origin == file || (from == to && NEIGHBOURS.contains(&from)) {
        return None;
    }
    let is_closed = CLOSED.iter().any(|(guest, host, except)| {
        *guest == from && *host == to && !except.iter().any(|it| file.starts_with(it))
    });
    if is_closed {
        return Some(format!("{from} and {to} are strangers"));
    }
    let is_room = to == "proto" && path.len() > 1 && house.file_of(&path[..2]).is_some();
    if is_room && GUESTS.contains(&from) {
        return Some("take it from crate::proto, which shows what is meant to be seen".into());
    }
    let theirs = floor(origin)?;
    (theirs >= own).then(|| format!("{origin} is on floor {theirs}, {file} on floor {own}"))
}

fn core_bans(house: &House) -> Vec<String> {
    let mut violations = Vec::new();
    for (file, source) in house.files.iter().filter(|(file, _)| folder(file) == "proto") {
        let words: BTreeSet<_> = words(&source.code).collect();
        for (word, why) in BANNED_WORDS.iter().filter(|(word, _)| words.contains(word)) {
            violations.push(format!("{file} must not say `{word}`: {why}"));
        }
        let paths = imports(&source.code, "std");
        for (banned, why) in BANNED_PATHS {
            let is_it = |path: &Vec<String>| {
                format!("std::{}::", path.join("::")).starts_with(&format!("{banned}::"))
            };
            if paths.iter().any(is_it) {
                violations.push(format!("{file} must not use `{banned}`: {why}"));
            }
        }
        if file != "proto/wire/codec/mod.rs" && words.contains("cfg") {
            violations.push(format!("{file} must not depend on conditions: they are at the door"));
        }
    }
    violations
}

fn feature_conditions(house: &House) -> Vec<String> {
    let asks = |source: &Source| source.code.contains("feature =");
    let files = house.files.iter().filter(|(file, _)| !MAY_ASK_FEATURES.contains(&file.as_str()));
    files
        .filter(|(_, source)| asks(source))
        .map(|(file, _)| format!("{file} must not ask for features"))
        .collect()
}

fn target_conditions(house: &House) -> Vec<String> {
    const KEYS: [&str; 6] = [
        "target_arch",
        "target_env",
        "target_family",
        "target_os",
        "target_pointer_width",
        "target_vendor",
    ];
    let asks = |source: &Source| words(&source.code).any(|word| KEYS.contains(&word));
    house
        .files
        .iter()
        .filter(|(_, source)| asks(source))
        .map(|(file, _)| format!("{file} must not ask for the target: features decide"))
        .collect()
}

fn dead_files(house: &House) -> Vec<String> {
    let mut alive: BTreeSet<String> = house.roots.iter().cloned().collect();
    let mut open: Vec<String> = house.roots.clone();
    while let Some(file) = open.pop() {
        let Some(source) = house.files.get(&file) else { continue };
        // Modules for tests are alive too.
        let code = blank(&source.text);
        let modules = declared_modules(&code).into_iter().filter_map(|name| {
            let path: Vec<_> = children_of(&file).into_iter().chain([name]).collect();
            house.file_of(&path).map(str::to_owned)
        });
        for child in modules.chain(path_attributes(&file, &source.text)) {
            if alive.insert(child.clone()) {
                open.push(child);
            }
        }
    }
    let dead = house.files.keys().filter(|file| !alive.contains(*file));
    dead.map(|file| format!("{file} is dead: no `mod` line names it")).collect()
}

fn missing_docs(house: &House) -> Vec<String> {
    let is_silent = |source: &Source| !source.text.starts_with("//! ");
    let silent = house.files.iter().filter(|(_, source)| is_silent(source));
    silent.map(|(file, _)| format!("{file} must begin with `//! ` and what it is for")).collect()
}

fn unsafe_code(house: &House) -> Vec<String> {
    let is_unsafe = |source: &Source| words(&source.code).any(|word| word == "unsafe");
    let found = house.files.iter().filter(|(_, source)| is_unsafe(source));
    found.map(|(file, _)| format!("{file} must do without `unsafe`")).collect()
}

/// The first fenced block that connects natively, without the lines that rustdoc hides.
fn example(markdown: &str) -> Option<String> {
    let blocks = markdown.split("```").skip(1).step_by(2);
    let block = blocks.into_iter().find(|block| block.contains("native::connect"))?;
    let (_, code) = block.split_once('\n')?;
    let is_shown = |line: &&str| *line != "#" && !line.starts_with("# ");
    Some(code.lines().filter(is_shown).collect::<Vec<_>>().join("\n").trim().to_owned())
}

fn module_docs(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join(
        "
",
    )
}

// The plan of the house

/// The floor by the longest entry that fits.
fn floor(file: &str) -> Option<u32> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let fits = |entry: &str| path == entry || path.starts_with(&format!("{entry}/"));
    let fitting = FLOORS.iter().filter(|(entry, _)| fits(entry));
    fitting.max_by_key(|(entry, _)| entry.len()).map(|(_, floor)| *floor)
}

/// The folder of the first level, or the file itself in `src`.
fn folder(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or(file)
}

/// The module that a file is: `["proto", "time"]` for `proto/time.rs`.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// Where a file's own modules are: beside it for the roots of crates.
fn children_of(file: &str) -> Vec<String> {
    let mut module = module_of(file);
    if file.starts_with("bin/") {
        module.pop();
    }
    module
}

// Reading Rust, as far as is needed

/// All that a file takes from this crate, as paths from its root.
fn absolute_imports(file: &str, code: &str) -> Vec<Vec<String>> {
    let mut found = imports(code, "crate");
    let module = module_of(file);
    for mut path in imports(code, "super") {
        let mut base = module.clone();
        base.pop();
        while path.first().is_some_and(|name| name == "super") {
            path.remove(0);
            base.pop();
        }
        found.push(base.into_iter().chain(path).collect());
    }
    found
}

/// All paths in the code that begin with `root::`, whether in `use` lines or not, without that beginning.
fn imports(code: &str, root: &str) -> Vec<Vec<String>> {
    let start = format!("{root}::");
    let mut found = Vec::new();
    for (at, _) in code.match_indices(&start) {
        let before = code[..at].chars().next_back();
        let is_inside = before.is_some_and(|it| is_word(it) || it == ':');
        if !is_inside {
            tree(&mut code[at + start.len()..].trim_start(), &[], &mut found);
        }
    }
    found
}

/// Takes one path or group of paths from the front of the code: `a::{b, c::d as e}`.
fn tree(rest: &mut &str, prefix: &[String], found: &mut Vec<Vec<String>>) {
    let mut path = prefix.to_vec();
    loop {
        *rest = rest.trim_start();
        if let Some(inner) = rest.strip_prefix('{') {
            *rest = inner;
            while !rest.is_empty() && !rest.trim_start().starts_with('}') {
                tree(rest, &path, found);
                *rest = rest.trim_start().trim_start_matches(|it| it != ',' && it != '}');
                *rest = rest.strip_prefix(',').unwrap_or(rest);
            }
            *rest = rest.trim_start().strip_prefix('}').unwrap_or_default();
            return;
        }
        let end = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() && name != "self" {
            path.push(name.to_owned());
        }
        match after.strip_prefix("::") {
            Some(after) if !name.is_empty() => *rest = after,
            _ => {
                *rest = after;
                found.push(path);
                return;
            }
        }
    }
}

/// The names of `mod name;` lines.
fn declared_modules(code: &str) -> Vec<String> {
    let words: Vec<_> = code.split_inclusive(|it: char| !is_word(it)).collect();
    let declarations = words.windows(2).filter(|pair| pair[0].trim() == "mod");
    declarations.filter_map(|pair| pair[1].strip_suffix(';')).map(str::to_owned).collect()
}

/// Files that are modules by `#[path = "…"]`.
fn path_attributes(file: &str, text: &str) -> Vec<String> {
    let folder = file.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    names.map(|name| format!("{folder}{name}")).collect()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|it| !is_word(it)).filter(|word| !word.is_empty())
}

fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

/// Removes what `#[cfg(test)]` stands before: a block, or all up to a semicolon.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        rest = &item[item_length(item)..];
    }
    kept + rest
}

fn item_length(item: &str) -> usize {
    let mut depth = 0_u32;
    for (at, it) in item.char_indices() {
        match it {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

/// Takes out comments and the contents of texts, so that only code is left.
fn blank(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(it) = rest.chars().next() {
        let skipped = skipped(rest, code.chars().next_back());
        if skipped > 0 {
            // Something must stay between the words on both sides.
            code.push(' ');
            rest = &rest[skipped..];
        } else {
            code.push(it);
            rest = &rest[it.len_utf8()..];
        }
    }
    code
}

/// How much of the front is a comment or a text; 0 if it is code.
fn skipped(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    if rest.starts_with('r') && !before.is_some_and(|it| is_word(it) && it != 'b') {
        return raw_text(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"').unwrap_or(rest.len());
    }
    if rest.starts_with('\'') { character(rest) } else { 0 }
}

/// `r"…"`, `r#"…"#` and so on.
fn raw_text(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|it| *it == '#').count();
    let Some(inner) = rest[1 + hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    inner.find(&end).map_or(rest.len(), |at| rest.len() - inner.len() + at + end.len())
}

/// `'x'` or `'\n'`, but not the lifetime `'x`.
fn character(rest: &str) -> usize {
    let is_escape = rest[1..].starts_with('\\');
    let is_single = rest.chars().nth(2) == Some('\'');
    if is_escape || is_single { quoted(rest, '\'').unwrap_or(0) } else { 0 }
}

/// Length of a quoted text with its quotes.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, it) in rest.char_indices().skip(1) {
        if it == quote && !is_escaped {
            return Some(at + 1);
        }
        is_escaped = it == '\\' && !is_escaped;
    }
    None
}
