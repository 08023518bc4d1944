//! Runs the fuzz targets on stable Rust with `fuzz/corpus` and random mutations of it.
//! `cargo +nightly fuzz run webhook` does the same with libFuzzer, which searches for inputs that reach new
//! code; see `fuzz/README.md`.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod mutation;
#[path = "../../fuzz/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::test_runner::{Config, TestRunner};

use mutation::mutations;

/// Mutations per target, unless `MALIPO_TEST_FUZZ` sets another number.
const MUTATIONS: u32 = 50_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_in(folder: PathBuf) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    files_in(root().join("fuzz/corpus").join(target))
}

/// Tries the corpus, then mutations of it. A failing input is shrunk and printed.
fn hold(name: &str, target: fn(&[u8])) {
    let corpus = corpus(name);
    assert!(corpus.len() >= 10, "the corpus of {name} is too small");
    for input in &corpus {
        target(input);
    }

    let asked = std::env::var("MALIPO_TEST_FUZZ").ok();
    let cases = asked.map_or(MUTATIONS, |asked| asked.parse().unwrap());
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let tried = TestRunner::new(config).run(&mutations(corpus), |input| {
        target(&input.0);
        Ok(())
    });
    if let Err(fault) = tried {
        panic!("{name}: {fault}");
    }
}

#[test]
fn whatever_is_sent_as_a_webhook_is_read_as_it_is_meant_or_refused() {
    hold("webhook", targets::webhook);
}

#[test]
fn whatever_is_typed_as_a_phone_is_one_number_or_none() {
    hold("phone", targets::phone);
}

#[test]
fn whatever_order_status_answers_says_no_more_than_a_row_of_our_order() {
    hold("order_status", targets::order_status);
}

/// Fails if a fixture was added without `scripts/fuzz --corpus`.
#[test]
fn every_fixture_is_in_the_corpus() {
    let known: BTreeSet<Vec<u8>> = corpus("webhook")
        .into_iter()
        .chain(
            corpus("order_status")
                .into_iter()
                .map(|it| it[2..].to_vec()),
        )
        .collect();

    for entry in fs::read_dir(root().join("tests/fixtures/zenopay")).unwrap() {
        let path = entry.unwrap().path();
        let body = fs::read_to_string(&path).unwrap();
        let body = body
            .replace("ORDER", targets::ORDER)
            .replace("AMOUNT", "2000");
        let is_known = path.ends_with("README.md") || known.contains(body.as_bytes());
        assert!(
            is_known,
            "{} is not in fuzz/corpus: scripts/fuzz --corpus",
            path.display()
        );
    }
}
