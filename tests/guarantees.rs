//! `docs/guarantees.md` names a test for each promise, and patches that were seen to make tests
//! fail. These tests check that every name exists.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> String {
    fs::read_to_string(root().join("docs/guarantees.md")).unwrap()
}

/// Code spans that look like the path of a test.
fn tests_in(text: &str) -> BTreeSet<String> {
    let is_name = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
    };
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains("::") && code.split("::").all(is_name))
        .map(str::to_owned)
        .collect()
}

fn patches_in(text: &str) -> BTreeSet<String> {
    text.split(|c: char| c.is_whitespace() || c == ',')
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.ends_with(".patch"))
        .map(str::to_owned)
        .collect()
}

/// The files in which a module of the tests may be. A path begins with the name of its binary,
/// except in `tests/api`.
fn files_of(module: &[&str]) -> [PathBuf; 3] {
    let below = |folder: &str| {
        module
            .iter()
            .fold(root().join(folder), |path, part| path.join(part))
    };
    let stem = below("tests/api");
    [
        stem.with_extension("rs"),
        stem.join("mod.rs"),
        below("tests").with_extension("rs"),
    ]
}

#[test]
fn every_test_that_is_named_exists() {
    let named = tests_in(&document());

    assert!(named.len() > 40, "{named:?}");
    for test in &named {
        let parts: Vec<_> = test.split("::").collect();
        let (name, module) = parts.split_last().unwrap();
        let source = files_of(module)
            .iter()
            .find_map(|file| fs::read_to_string(file).ok())
            .unwrap_or_else(|| panic!("{test}: there is no such module"));
        // Listed for both databases, or a test of its own.
        let lines: Vec<_> = source.lines().map(str::trim).collect();
        let listed = lines.contains(&format!("{name},").as_str());
        let marked = lines
            .windows(2)
            .any(|pair| pair[0].ends_with("test]") && pair[1].contains(&format!("fn {name}(")));
        assert!(listed || marked, "{test}: there is no such test");
    }
}

#[test]
fn every_promise_names_a_test_and_what_is_not_promised() {
    let document = document();
    let sections: Vec<_> = document.split("\n## ").skip(1).collect();

    for number in 1..=15 {
        let begins = format!("{number}. ");
        let section = sections.iter().find(|section| section.starts_with(&begins));
        let section = section.unwrap_or_else(|| panic!("promise {number} is missing"));
        assert!(
            !tests_in(section).is_empty(),
            "promise {number} has no test"
        );
        for part in [
            "**Rests on**",
            "**Tests**",
            "**Seen to fail**",
            "**Not promised**",
        ] {
            assert!(section.contains(part), "promise {number} has no {part}");
        }
    }
}

#[test]
fn every_patch_that_is_named_exists() {
    let folder = root().join("tests/mutations");
    let there: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();

    let named = patches_in(&document());
    assert!(named.len() > 15, "{named:?}");
    let missing: Vec<_> = named.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
