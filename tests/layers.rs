//! Arrows point down only. This test reads the paths in every file under `src/`, from `use` lines
//! and from code, and fails on an arrow that [`TABLE`] does not allow.
//!
//! Rule: a module without a row fails too, so each has a place before it has a neighbour. Modules
//! and imports under `#[cfg(test)]` are exempt.

use std::path::{Path, PathBuf};
use std::{fs, io, mem};

/// Module, our modules that it may use, crates among [`WATCHED`] that it may use, and why. From the
/// core up: a row names only rows above it. `*` is every module but `app` and `cli`.
#[rustfmt::skip]
const TABLE: &[[&str; 4]] = &[
    // Core.
    ["domain", "", "", "the core is pure: nothing of ours, no async, no I/O, no clock, no dice"],

    // Beside. Handed to the rows below, so they know next to nothing.
    ["config", "domain", "", BESIDE],
    ["metrics", "domain config", "", BESIDE],
    ["telemetry", "config", "tokio reqwest", BESIDE],
    ["timekeeper", "", "", BESIDE],
    ["failpoint", "", "", BESIDE],

    // Translators. Of `config` they may use the type of their own section.
    ["zenopay", "domain config", "tokio rand reqwest", TRANSLATORS],
    ["sms", "domain config", "tokio rand reqwest", TRANSLATORS],
    ["radius", "domain config", "tokio rand", TRANSLATORS],
    ["store", "domain config failpoint", "tokio rand sea_orm sqlx entities migration", TRANSLATORS],

    // Shell. A loop reaches an order through its actor; the actor does not know the loops.
    ["actors", "domain zenopay sms radius store config metrics timekeeper failpoint", "actix tokio rand", SHELL],
    ["checkout", "domain zenopay store actors config metrics", "actix tokio rand", SHELL],
    // A printed voucher is let in by the same rows as a sold one.
    ["printing", "domain radius store actors", "", SHELL],
    ["relay", "domain zenopay sms radius store config metrics timekeeper", "actix tokio rand", SHELL],
    ["reconciler", "domain zenopay store actors config metrics timekeeper", "actix tokio rand", SHELL],
    ["retention", "domain store config metrics", "tokio rand", SHELL],
    ["sandbox", "domain zenopay store config metrics", "tokio rand reqwest", SHELL],

    // Edges. `http` has all routes on one screen, so it knows the pages that `web` draws; it shows
    // an owner what is pasted into a router, which `radius` writes; a trace goes on in here.
    // Pages are drawn from nouns that they are handed.
    ["web", "domain config", "", EDGES],
    ["http", "domain zenopay sms radius store actors checkout relay reconciler sandbox printing web config metrics telemetry",
             "actix tokio rand", EDGES],
    ["drill", "domain zenopay store actors config metrics", "actix tokio rand reqwest", EDGES],

    // Compose.
    ["app", "*", "actix tokio rand reqwest migration", COMPOSE],
    ["cli", "* app", "actix tokio rand reqwest migration", COMPOSE],
    ["main", "* app cli", "actix tokio rand reqwest migration", COMPOSE],
    ["lib", "", "", "lib.rs is the map: it names the modules and uses none"],
];

const BESIDE: &str = "what stands beside is handed to all, so it knows the core at most";
const TRANSLATORS: &str =
    "a translator knows the domain and its own wire, only the store knows tables";
const SHELL: &str = "the shell knows no edge, no table, and no neighbour that is not in its row";
const EDGES: &str = "an edge knows no table, and not who put it together";
const COMPOSE: &str = "only main and cli use app, only main uses cli, only the store knows tables";

/// `actix` stands for `actix_web` and its like too. All other crates are free.
const WATCHED: &str = "actix tokio rand reqwest sea_orm sqlx entities migration";

/// What makes the core impure without a watched crate.
const IMPURE: &str = "async Utc::now Local::now Instant::now SystemTime::now Uuid::new_v4 \
                      Uuid::now_v7 std::env std::fs std::io std::net std::process std::thread";

/// What `file`, a path below `src`, uses against its row: a line each, to be read by a person.
fn bad_arrows(file: &str, source: &str) -> Vec<String> {
    let names: Vec<_> = file.trim_end_matches(".rs").split('/').collect();
    let module = names[0];
    let Some([_, ours, crates, rule]) = TABLE.iter().find(|row| row[0] == module) else {
        return vec![format!(
            "src/{file}: `{module}` has no row in tests/layers.rs"
        )];
    };

    let is_ours = |to| to == module || has(ours, to) || (has(ours, "*") && !has("app cli", to));
    let is_of = |list, to: &str| words(list).any(|family| is_family(family, to));

    let mut bad = Vec::new();
    for (line, path) in paths(source) {
        let written = path.join("::");
        let to = match target(&names, &path) {
            Target::Ours(to) if !is_ours(to) => to,
            Target::Crate(to) if is_of(WATCHED, to) && !is_of(crates, to) => to,
            _ if module == "domain" && is_impure(&path) => &written,
            _ => continue,
        };
        bad.push(format!(
            "src/{file}:{line}: {module} → {to} (`{written}`): {rule}"
        ));
    }
    bad
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split_whitespace()
}

fn has(list: &str, wanted: &str) -> bool {
    words(list).any(|word| word == wanted)
}

fn is_family(family: &str, name: &str) -> bool {
    name.strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

fn is_impure(path: &[&str]) -> bool {
    words(IMPURE).any(|impure| {
        let impure: Vec<_> = impure.split("::").collect();
        path.windows(impure.len()).any(|part| part == impure)
    })
}

enum Target<'a> {
    /// A top-level module of ours, or what else stands in the root; `crate` is the root itself.
    Ours(&'a str),
    /// The first name of a path that may be a crate.
    Crate(&'a str),
}

fn target<'a>(file: &[&'a str], path: &[&'a str]) -> Target<'a> {
    let is_root = |name: &&&str| matches!(**name, "mod" | "main" | "lib");
    let mut place = match path[0] {
        "crate" | "malipo" => Vec::new(),
        "self" | "super" => file.iter().filter(|name| !is_root(name)).copied().collect(),
        name => return Target::Crate(name),
    };
    for name in path {
        match *name {
            "crate" | "malipo" | "self" => {}
            "super" => drop(place.pop()),
            name => {
                place.push(name);
                break;
            }
        }
    }
    Target::Ours(place.first().copied().unwrap_or("crate"))
}

/// The paths in the code and their lines; `use a::{b, c}` is two. It knows just enough grammar to
/// do without a parser.
fn paths(source: &str) -> Vec<(usize, Vec<&str>)> {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |(_, text)| *text);

    let mut found = Vec::new();
    let (mut path, mut groups, mut in_use) = (Vec::new(), Vec::new(), false);
    let mut at = 0;
    while let Some((line, name)) = tokens.get(at) {
        let continues = at > 0 && text(at - 1) == "::";
        match *name {
            "#" => at += test_item(&tokens[at..]),
            "use" => in_use = text(at + 1) != "<",
            ";" => in_use = false,
            "as" if in_use => at += 1,
            "{" if continues => groups.push(mem::take(&mut path)),
            "}" if in_use => drop(groups.pop()),
            "async" => found.push((*line, vec!["async"])),
            name if is_word(name) || (name == "*" && continues) => {
                if !continues {
                    path = groups.last().cloned().unwrap_or_default();
                }
                path.push(name);

                let next = text(at + 2);
                let goes_on = text(at + 1) == "::" && (is_word(next) || ["{", "*"].contains(&next));
                if !goes_on && (in_use || path.len() > 1) {
                    found.push((*line, mem::take(&mut path)));
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// How many tokens to skip if they begin with a module or import for tests only, else 0.
fn test_item(tokens: &[(usize, &str)]) -> usize {
    let mut texts = tokens.iter().map(|(_, text)| *text);
    if !texts
        .by_ref()
        .take(7)
        .eq(["#", "[", "cfg", "(", "test", ")", "]"])
    {
        return 0;
    }

    let (mut depth, mut is_exempt) = (0, false);
    for (at, text) in texts.enumerate() {
        match text {
            "mod" | "use" => is_exempt = true,
            "{" if !is_exempt => return 0,
            "{" => depth += 1,
            "}" => depth -= 1,
            ";" => {}
            _ => continue,
        }
        if depth == 0 && matches!(text, "}" | ";") {
            return if is_exempt { at + 7 } else { 0 };
        }
    }
    0
}

/// Words, `::` and single other characters, each with its line.
fn tokens(source: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let skipped = comment_or_literal(rest);
        let length = match skipped {
            0 if is_word(rest) => rest.find(|c| !is_word_char(c)).unwrap_or(rest.len()),
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            skipped => skipped,
        };
        let (text, behind) = rest.split_at(length);
        if skipped == 0 && !first.is_whitespace() {
            tokens.push((line, text));
        }
        line += text.matches('\n').count();
        rest = behind;
    }
    tokens
}

fn is_word(text: &str) -> bool {
    text.starts_with(is_word_char)
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment or literal with which `code` begins, else 0.
fn comment_or_literal(code: &str) -> usize {
    let behind = |end: &str, from: usize| {
        code[from..]
            .find(end)
            .map_or(code.len(), |at| from + at + end.len())
    };
    let mut chars = code.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('/'), Some('/'), _) => behind("\n", 2),
        (Some('/'), Some('*'), _) => behind("*/", 2),
        (Some('\''), Some('\\'), Some(escaped)) => behind("'", 2 + escaped.len_utf8()),
        (Some('\''), Some(c), Some('\'')) => 2 + c.len_utf8(),
        (Some('"'), ..) => string(code),
        (Some('r' | 'b'), ..) => raw_string(code).unwrap_or(0),
        _ => 0,
    }
}

fn string(code: &str) -> usize {
    let mut escaped = false;
    let is_end = |c| {
        let is_end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end
    };
    code[1..].find(is_end).map_or(code.len(), |at| at + 2)
}

fn raw_string(code: &str) -> Option<usize> {
    let opening = code.strip_prefix("br").or_else(|| code.strip_prefix('r'))?;
    let text = opening.trim_start_matches('#').strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(opening.len() - text.len() - 1));
    let length = text.find(&end).map_or(text.len(), |at| at + end.len());
    Some(code.len() - text.len() + length)
}

fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_for_tests(&path) {
            continue;
        } else if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether the module above declares this file or folder under `#[cfg(test)]`.
fn is_for_tests(path: &Path) -> bool {
    let folder = path.parent().expect("the path begins with src");
    let name = path.file_stem().unwrap_or_default().display();
    let declared = format!("#[cfg(test)]\nmod {name};");

    [
        folder.join("mod.rs"),
        folder.join("lib.rs"),
        folder.with_extension("rs"),
    ]
    .iter()
    .any(|above| fs::read_to_string(above).is_ok_and(|source| source.contains(&declared)))
}

#[test]
fn every_arrow_in_src_points_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");

    let mut bad = Vec::new();
    for path in rust_files(&src).unwrap() {
        let file = path.strip_prefix(&src).unwrap().to_str().unwrap();
        bad.extend(bad_arrows(file, &fs::read_to_string(&path).unwrap()));
    }

    assert!(
        bad.is_empty(),
        "arrows that point up:\n{}\n",
        bad.join("\n")
    );
}

/// Skipped by rustfmt so that an arrow is a line.
#[rustfmt::skip]
mod the_table_and_the_scanner {
    use super::{TABLE, WATCHED, bad_arrows, has, words};

    #[test]
    fn a_row_names_only_rows_above_it() {
        for (at, [module, ours, crates, _]) in TABLE.iter().enumerate() {
            for name in words(ours).filter(|name| *name != "*") {
                let is_above = TABLE[..at].iter().any(|row| row[0] == name);
                assert!(is_above, "`{module}` names `{name}`, which has no row above it");
            }
            for name in words(crates) {
                assert!(has(WATCHED, name), "`{module}` names `{name}`, which nobody watches");
            }
        }
    }

    #[test]
    fn a_bad_arrow_is_told_with_its_place_and_the_rule() {
        let bad = bad_arrows("domain/a.rs", "//! Ids.\n\nuse crate::http::x;\n");

        let rule = TABLE[0][3];
        assert_eq!(bad, [format!("src/domain/a.rs:3: domain → http (`crate::http::x`): {rule}")]);
    }

    #[test]
    fn a_module_without_a_row_is_told() {
        let bad = bad_arrows("util.rs", "");

        assert_eq!(bad, ["src/util.rs: `util` has no row in tests/layers.rs"]);
    }

    #[test]
    fn an_arrow_up_is_caught_however_it_is_written() {
        assert_caught("actors/a.rs", "use crate::{domain::Phone, http::{self, problem}};", "http");
        assert_caught("actors/a.rs", "use crate::{\n    domain as d,\n    http as h,\n};", "http");
        assert_caught("actors/a.rs", "use ::malipo::http;", "http");
        assert_caught("actors/a.rs", "use super::super::http::problem;", "http");
        assert_caught("actors/mod.rs", "use super::http::problem;", "http");
        assert_caught("actors.rs", "use super::http::problem;", "http");
        assert_caught("actors.rs", "fn f(a: Vec<crate::http::A>) { a.len::<u8>() }", "http");
        assert_caught("actors.rs", "fn f<'a>() { crate::http::x::<u8>() }", "http");
        assert_caught("actors.rs", "fn f() { g('\"', \"//\", b'{'); crate::http::x() }", "http");
        assert_caught("actors.rs", "macro_rules! m { () => { $crate::http::x() } }", "http");
        assert_caught("actors.rs", "#[cfg(test)]\nmod a { fn f() {} }\nuse crate::http;", "http");
        assert_caught("actors.rs", "struct A { #[cfg(test)] b: crate::http::B }", "http");
        assert_caught("actors.rs", "macro_rules! m { ($x:ident) => { crate::http::$x } }", "http");
        assert_caught("actors.rs", "use crate::*;", "*");
        assert_caught("actors.rs", "use crate::Problem;", "Problem");
    }

    #[test]
    fn neighbours_do_not_know_each_other() {
        assert_caught("zenopay/client.rs", "use crate::sms::Provider;", "sms");
        assert_caught("radius/check.rs", "use crate::store::Store;", "store");
        assert_caught("store/sale.rs", "use crate::zenopay::wire;", "zenopay");
        assert_caught("sms/mod.rs", "use crate::metrics::Metrics;", "metrics");
        assert_caught("actors/mod.rs", "use crate::relay::Relay;", "relay");
        assert_caught("web/mod.rs", "use crate::http::problem;", "http");
    }

    #[test]
    fn only_main_and_cli_know_who_composes() {
        assert_caught("http/mod.rs", "use crate::app::App;", "app");
        assert_caught("drill/mod.rs", "use crate::app::App;", "app");
        assert_caught("app.rs", "use crate::cli::Command;", "cli");
        assert_caught("lib.rs", "pub use crate::domain::Phone;", "domain");
        assert_fine("cli.rs", "use crate::app::App;");
        assert_fine("main.rs", "use malipo::{cli, telemetry};");
    }

    #[test]
    fn only_the_store_knows_tables() {
        assert_caught("http/operators.rs", "use sea_orm::EntityTrait;", "sea_orm");
        assert_caught("reconciler.rs", "fn f() { entities::payment::Entity::find() }", "entities");
        assert_caught("app.rs", "use sea_orm_migration::MigratorTrait;", "sea_orm_migration");
        assert_fine("store/sale.rs", "use ::{entities::payment, sea_orm::EntityTrait};");
        assert_fine("http/operators.rs", "fn f(entities: &[u8]) { entities.len() }");
    }

    #[test]
    fn store_and_sandbox_know_no_actix() {
        assert_caught("store/mod.rs", "use actix::Addr;", "actix");
        assert_caught("sandbox.rs", "use actix_web::{App, web};", "actix_web");
    }

    #[test]
    fn the_core_is_pure() {
        assert_caught("domain/a.rs", "async fn f() {}", "async");
        assert_caught("domain/a.rs", "use chrono::Utc;\nfn f() { Utc::now(); }", "Utc::now");
        assert_caught("domain/a.rs", "fn f() { uuid::Uuid::new_v4() }", "uuid::Uuid::new_v4");
        assert_caught("domain/a.rs", "fn f() { rand::random() }", "rand");
        assert_caught("domain/a.rs", "use std::{fmt, fs};", "std::fs");
        assert_caught("domain/a.rs", "#[tokio::main]\nfn f() {}", "tokio");
    }

    #[test]
    fn an_arrow_down_is_fine() {
        assert_fine("domain/a.rs", "use chrono::Utc;\nuse super::money::{self, Money};");
        assert_fine("store/sale.rs", "use crate::config;\nfn f() { tokio::spawn(self::g()) }");
        assert_fine("actors/mod.rs", "use crate::{domain::decide, store::Store as S, zenopay};");
        assert_fine("reconciler.rs", "use crate::actors::Orders;");
        assert_fine("http/mod.rs", "use actix_web::http::StatusCode;\nuse crate::web::pages;");
        assert_fine("config.rs", "use config::A;\npub(crate) fn f() -> impl Sized + use<'_> {}");
    }

    #[test]
    fn comments_literals_and_tests_are_exempt() {
        assert_fine("domain/a.rs", "//! [`crate::http::x`]\n/* crate::http::x */");
        assert_fine("domain/a.rs", r#"const A: &str = "\" crate::http::x"; const B: char = '\'';"#);
        assert_fine("domain/a.rs", r###"const A: &str = r#"" crate::http::x"#;"###);
        assert_fine("domain/a.rs", "#[cfg(test)]\nmod tests { use crate::http; fn f() {} }");
        assert_fine("domain/a.rs", "#[cfg(test)]\n#[expect(a)]\nmod tests { use tokio::x; }");
        assert_fine("domain/a.rs", "#[cfg(test)]\nuse crate::{http::x, store};");
    }

    #[track_caller]
    fn assert_caught(file: &str, source: &str, to: &str) {
        let bad = bad_arrows(file, source);

        let arrow = format!("→ {to} (`");
        let is_caught = !bad.is_empty() && bad.iter().all(|told| told.contains(&arrow));
        assert!(is_caught, "{file}, {source}: {bad:#?}");
    }

    #[track_caller]
    fn assert_fine(file: &str, source: &str) {
        let bad = bad_arrows(file, source);

        assert!(bad.is_empty(), "{file}, {source}: {bad:#?}");
    }
}
