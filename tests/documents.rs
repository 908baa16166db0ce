//! What the documents name exists: tests, items of the crate, members of the package, and code that is compiled.
//!
//! Reads everything as text. What it looks for is explained at the head of each document.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const CONFORMANCE: &str = "docs/conformance.md";
const SEEDS: &str = "docs/seeds.md";
const COMPARISON: &str = "docs/comparison.md";

/// What a row says that has no counterpart of its own, before it says why that is right.
const REASON: &str = "Left out:";

#[test]
fn every_test_that_a_document_names_exists() {
    for path in [CONFORMANCE, SEEDS] {
        let text = read(path);
        let named = named_tests(&text);
        assert!(named.len() > 100, "{path} names {} tests", named.len());
        let missing: Vec<_> =
            named.into_iter().filter(|(file, name)| !has_test(file, name)).collect();
        assert_eq!(missing, [], "in {path}");
    }
}

#[test]
fn every_scenario_has_its_number_and_a_test() {
    let text = read(CONFORMANCE);
    for number in 1..=62 {
        let start = format!("| {number} |");
        let row = text.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("number {number} is missing"));
        assert!(!named_tests(row).is_empty(), "number {number} has no test");
    }
}

#[test]
fn every_row_has_as_many_cells_as_its_head() {
    for path in [CONFORMANCE, SEEDS, COMPARISON] {
        let mut cells = 0;
        for line in read(path).lines() {
            let here = line.matches(" |").count();
            if !line.starts_with('|') {
                cells = 0;
            } else if cells == 0 {
                cells = here;
            } else {
                assert_eq!(here, cells, "{path}: {line}");
            }
        }
    }
}

#[test]
fn every_item_that_is_a_seeds_counterpart_exists() {
    let (rust, script) = (Crate::read(), declarations());
    let mut missing = Vec::new();
    for [_, in_rust, in_script, ..] in rows(&read(SEEDS)) {
        missing.extend(quoted(&in_rust).filter(|item| !rust.has(item)).map(str::to_owned));
        missing.extend(
            quoted(&in_script).filter(|item| !is_declared(&script, item)).map(str::to_owned),
        );
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn every_seed_has_a_counterpart_and_a_test_or_the_reason_why_not() {
    let rows = rows(&read(SEEDS));
    assert!(rows.len() > 110, "{} rows", rows.len());
    for [seed, in_rust, in_script, tests, remark] in rows {
        let is_reasoned = remark.starts_with(REASON);
        let is_shown = quoted(&in_rust).count() > 0 && !named_tests(&tests).is_empty();
        assert!(is_reasoned || is_shown, "{seed}");
        let is_told = quoted(&in_script).count() > 0 || in_script == "–" || in_script == "not yet";
        assert!(is_told, "{seed}: `–` or `not yet` if there is nothing in JavaScript");
    }
}

#[test]
fn our_side_of_the_comparison_is_compiled() {
    let text = read(COMPARISON);
    for (language, example) in [("rust", "examples/tasks.rs"), ("ts", "examples/tasks.ts")] {
        let compiled = read(example);
        let compiled = lines(&compiled);
        let shown = blocks(&text, &format!("{language} shardwire"));
        assert_eq!(shown.len(), 10, "{language}: one block for each task");
        for block in shown {
            assert!(contains(&compiled, &lines(&block)), "not in {example}:\n{block}");
        }
    }
}

#[test]
fn made_up_names_are_caught() {
    assert!(has_test("tests/documents.rs", "made_up_names_are_caught"));
    assert!(!has_test("tests/documents.rs", "has_test"), "not every function is a test");
    assert!(!has_test("tests/documents.rs", "made_up"));
    assert!(!has_test("tests/nowhere.rs", "made_up_names_are_caught"));
    assert!(has_test("tests/pkg/install.test.mjs", "nothing keeps the process alive after close"));
    assert!(!has_test("tests/pkg/install.test.mjs", "nothing keeps"));

    let ours = Crate::read();
    for item in [
        "proto::Config",
        "proto::ConfigBuilder::build",
        "proto::ShardInfo::connection_id",
        "proto::Event::Stopped",
        "proto::Opcode::HELLO",
        "proto::Intents::GUILDS",
        "proto::API_VERSION",
        "driver::Shard::next_event",
        "native::connect",
    ] {
        assert!(ours.has(item), "{item}");
    }
    for item in [
        "Config",
        "proto::Confi",
        "proto::Shard",
        "proto::ShardInfo::connection",
        "proto::ConfigBuilder::no_such_option",
        "proto::Event::Paused",
        "proto::Opcode::GOODBYE",
        "proto::Context",
        "driver::handle::Line",
        "native::disconnect",
        "nowhere::connect",
    ] {
        assert!(!ours.has(item), "{item}");
    }

    let script = declarations();
    for item in
        ["Shard", "Shard.info()", "ShardOptions.token", "ShardInfo.heartbeat.isAcked", "Intents"]
    {
        assert!(is_declared(&script, item), "{item}");
    }
    for item in [
        "Shar",
        "Shard.inf",
        "Shard.token",
        "Shard.made()",
        "Shard.status()",
        "ShardInfo.isAcked",
        "ShardInfo.counters.isAcked",
        "info()",
    ] {
        assert!(!is_declared(&script, item), "{item}");
    }

    let ours = lines("fn a() {\n    let x = 1;\n\n    use_it(x);\n}");
    assert!(contains(&ours, &lines("let x = 1;\n\nuse_it(x);")));
    assert!(!contains(&ours, &lines("let x = 2;\n\nuse_it(x);")));
    assert!(!contains(&ours, &lines("let x = 1;\n    use_it(x);")));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

// Tables

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The cells of all rows with five of them, without heads.
fn rows(text: &str) -> Vec<[String; 5]> {
    let body = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = body.filter_map(|line| <[String; 5]>::try_from(cells(line)).ok());
    rows.filter(|[seed, ..]| seed != "Seed").collect()
}

// Tests

/// All `path::name` of tests.
fn named_tests(text: &str) -> BTreeSet<(&str, &str)> {
    quoted(text)
        .filter_map(|word| word.split_once("::"))
        .filter(|(file, _)| file.contains('/'))
        .collect()
}

fn has_test(path: &str, name: &str) -> bool {
    let source = fs::read_to_string(root().join(path)).unwrap_or_default();
    if Path::new(path).extension().is_some_and(|extension| extension == "mjs") {
        return source.contains(&format!("test(\"{name}\","));
    }
    let mut lines = source.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let is_test = line == "#[test]" || line.starts_with("#[tokio::test");
        let function = is_test.then(|| lines.find_map(|line| line.split_once("fn "))).flatten();
        if function.is_some_and(|(_, rest)| rest.split('(').next() == Some(name)) {
            return true;
        }
    }
    false
}

// Items of the crate

/// The sources below `src`.
struct Crate(Vec<(PathBuf, String)>);

impl Crate {
    fn read() -> Self {
        let mut files = Vec::new();
        let mut open = vec![root().join("src")];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).expect("a folder of ours") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let text = fs::read_to_string(&path).expect("a source");
                    files.push((path, text));
                }
            }
        }
        Self(files)
    }

    /// Whether `module::Item` or `module::Type::member` is there for users: the module shows the item by its name, a file
    /// below it declares it, and that file declares the member.
    fn has(&self, item: &str) -> bool {
        let path: Vec<_> = item.split("::").collect();
        let [module, item, ref member @ ..] = path[..] else { return false };
        let folder = root().join("src").join(module);
        let front = [folder.join("mod.rs"), folder.with_extension("rs")];
        let is_front = |path: &Path| front.iter().any(|front| front == path);
        let is_shown = self
            .0
            .iter()
            .any(|(path, text)| is_front(path) && (shows(text, item) || declares(text, item)));
        let is_declared = |(path, text): &(PathBuf, String)| {
            let is_within = path.starts_with(&folder) || is_front(path);
            is_within && declares(text, item) && member.iter().all(|name| has_member(text, name))
        };
        is_shown && member.len() < 2 && self.0.iter().any(is_declared)
    }
}

/// Whether a module gives a name of its rooms to the outside.
fn shows(text: &str, name: &str) -> bool {
    let lists = text.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next());
    lists.flat_map(|list| list.split(|it| !is_word(it))).any(|word| word == name)
}

fn declares(text: &str, name: &str) -> bool {
    let kinds = ["struct", "enum", "trait", "type", "fn", "async fn", "const fn", "const", "mod"];
    text.lines().any(|line| {
        let item = line.strip_prefix("pub ").unwrap_or_default();
        kinds.iter().any(|kind| {
            item.strip_prefix(kind)
                .and_then(|rest| rest.strip_prefix(' ')?.strip_prefix(name))
                .is_some_and(|rest| !rest.starts_with(is_word))
        })
    })
}

/// A field, a variant, a method, or a constant, also one of a table that a macro reads.
fn has_member(text: &str, name: &str) -> bool {
    let before = ["", "pub ", "pub fn ", "pub const fn ", "pub async fn ", "pub const ", "fn "];
    let after = ["(", "<", ":", ",", " {", " ="];
    text.lines().filter(|line| line.starts_with(' ')).any(|line| {
        before.iter().any(|before| {
            let rest = line.trim_start().strip_prefix(before).and_then(|it| it.strip_prefix(name));
            rest.is_some_and(|rest| after.iter().any(|after| rest.starts_with(after)))
        })
    })
}

fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

// Declarations of the package

/// All declaration files of the package, one after another.
fn declarations() -> String {
    let folder = fs::read_dir(root().join("pkg-template")).expect("the package's folder");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let files = paths.filter(|path| path.to_string_lossy().ends_with(".d.ts"));
    files.map(|path| fs::read_to_string(path).expect("declarations")).collect()
}

/// Whether `Name`, `Name.member`, `Name.method()` or `Name.member.member` is declared, there or in what `Name` extends.
fn is_declared(text: &str, item: &str) -> bool {
    let (name, member) = item.split_once('.').unwrap_or((item, ""));
    let extension = format!("export interface {name}<Form extends RawForm = \"text\"> extends ");
    let base = text.lines().find_map(|line| line.strip_prefix(&extension)?.split_once('<'));
    declares_itself(text, item)
        || base.is_some_and(|(base, _)| declares_itself(text, &format!("{base}.{member}")))
}

fn declares_itself(text: &str, item: &str) -> bool {
    let mut path = item.split('.');
    let name = path.next().unwrap_or_default();
    let kinds = ["interface ", "class ", "type ", "function ", "const "];
    // A class is not what an empty interface beside it is.
    let head = text.lines().filter(|line| !line.ends_with("{}")).find(|line| {
        kinds.iter().any(|kind| {
            let rest = line.starts_with("export ").then(|| line.split_once(kind)).flatten();
            let rest = rest.and_then(|(_, rest)| rest.strip_prefix(name.trim_end_matches("()")));
            rest.is_some_and(|rest| !rest.starts_with(is_word))
        })
    });
    let Some(head) = head else { return false };
    let mut block = block_after(text, head);
    for member in path {
        let (name, is_method) = match member.strip_suffix("()") {
            Some(name) => (name, true),
            None => (member, false),
        };
        let line = members(block).find(|line| {
            let rest = line.trim_start().trim_start_matches("readonly ").strip_prefix(name);
            rest.is_some_and(|rest| {
                if is_method { rest.starts_with(['(', '<']) } else { rest.starts_with([':', '?']) }
            })
        });
        let Some(line) = line else { return false };
        block = block_after(block, line);
    }
    true
}

/// The lines of a block that are as far to the right as its first one.
fn members(block: &str) -> impl Iterator<Item = &str> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let first = block.lines().find(|line| !line.trim().is_empty()).map(depth);
    block.lines().filter(move |line| Some(depth(line)) == first)
}

/// What stands behind a line up to the next one that is as far to the left.
fn block_after<'a>(text: &'a str, head: &str) -> &'a str {
    let depth = head.len() - head.trim_start().len();
    let start = text.find(head).map_or(text.len(), |at| at + head.len());
    let rest = text[start..].trim_start_matches('\n');
    let end = rest.split_inclusive('\n').scan(0, |at, line| {
        *at += line.len();
        Some((*at - line.len(), line))
    });
    let mut end = end.filter(|(_, line)| {
        !line.trim().is_empty() && line.len() - line.trim_start().len() <= depth
    });
    &rest[..end.next().map_or(rest.len(), |(at, _)| at)]
}

// Code in documents

/// The fenced blocks with these words behind the fence.
fn blocks(text: &str, info: &str) -> Vec<String> {
    let fenced = text.split("```").skip(1).step_by(2);
    fenced
        .filter_map(|block| block.split_once('\n'))
        .filter(|(head, _)| *head == info)
        .map(|(_, code)| code.to_owned())
        .collect()
}

fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

/// Whether some lines stand in the code as they are, all of them moved to the right by the same width.
fn contains(code: &[&str], shown: &[&str]) -> bool {
    code.windows(shown.len()).any(|window| {
        let indent = window[0].len() - window[0].trim_start().len();
        window
            .iter()
            .zip(shown)
            .all(|(line, shown)| line.get(indent..).unwrap_or_default() == *shown)
    })
}
