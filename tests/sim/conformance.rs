//! `docs/conformance.md` names tests that exist, and leaves out no number.

use std::{collections::BTreeSet, fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> String {
    fs::read_to_string(root().join("docs/conformance.md")).expect("the table is there")
}

/// All `path::function` in the table.
fn named(table: &str) -> BTreeSet<(&str, &str)> {
    table.split('`').filter_map(|word| word.split_once("::")).collect()
}

/// The functions of a file that are tests.
fn tests(path: &str) -> BTreeSet<String> {
    let source = fs::read_to_string(root().join(path)).unwrap_or_default();
    let mut lines = source.lines();
    let mut tests = BTreeSet::new();
    while let Some(line) = lines.next() {
        let attribute = line.trim();
        if attribute != "#[test]" && !attribute.starts_with("#[tokio::test") {
            continue;
        }
        let function = lines.by_ref().find_map(|line| Some(line.split_once("fn ")?.1.to_owned()));
        tests.extend(function.and_then(|name| Some(name.split_once('(')?.0.to_owned())));
    }
    tests
}

#[test]
fn every_test_in_the_table_exists() {
    let table = table();
    let named = named(&table);
    assert!(named.len() > 100, "{}", named.len());
    let missing: Vec<_> =
        named.into_iter().filter(|(path, function)| !tests(path).contains(*function)).collect();
    assert_eq!(missing, []);
}

#[test]
fn no_number_is_missing_and_each_has_a_test() {
    let table = table();
    for number in 1..=54 {
        let start = format!("| {number} |");
        let row = table.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("number {number} is missing"));
        assert!(!named(row).is_empty(), "number {number} has no test");
    }
}

#[test]
fn every_row_has_as_many_cells_as_its_head() {
    let table = table();
    let mut cells = 0;
    for line in table.lines() {
        let here = line.matches(" |").count();
        if !line.starts_with('|') {
            cells = 0;
        } else if cells == 0 {
            cells = here;
        } else {
            assert_eq!(here, cells, "{line}");
        }
    }
}
