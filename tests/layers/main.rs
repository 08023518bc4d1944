//! Dependencies point down only. This test reads the paths in every file under `src/`, in `use` lines
//! and in code, and fails on a dependency that the [`table`] does not allow.
//!
//! A module without a row fails too. Modules and imports under `#[cfg(test)]` are exempt.

use std::path::{Path, PathBuf};
use std::{fs, io};

mod cycles;
mod paths;
mod spawns;
mod table;

use paths::paths;
use table::{IMPURE, TABLE, WATCHED};

/// Describes each dependency of `file` (a path below `src`) that its row does not allow, one line each.
fn bad_arrows(file: &str, source: &str) -> Vec<String> {
    let names: Vec<_> = file.trim_end_matches(".rs").split('/').collect();
    let module = names[0];
    let Some([_, ours, crates, rule]) = TABLE.iter().find(|row| row[0] == module) else {
        return vec![format!(
            "src/{file}: `{module}` has no row in tests/layers/table.rs"
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
    /// A top-level module of ours, or another item of the root; `crate` is the root itself.
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

/// Whether the parent module declares this file or folder under `#[cfg(test)]`.
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
fn every_dependency_in_src_points_down() {
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

/// Skipped by rustfmt so that a dependency is a line.
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
                assert!(has(WATCHED, name), "`{module}` names `{name}`, which is not in WATCHED");
            }
        }
    }

    #[test]
    fn a_forbidden_dependency_is_reported_with_its_place_and_the_rule() {
        let bad = bad_arrows("domain/a.rs", "//! Ids.\n\nuse crate::http::x;\n");

        let rule = TABLE[0][3];
        assert_eq!(bad, [format!("src/domain/a.rs:3: domain → http (`crate::http::x`): {rule}")]);
    }

    #[test]
    fn a_module_without_a_row_is_reported() {
        let bad = bad_arrows("util.rs", "");

        assert_eq!(bad, ["src/util.rs: `util` has no row in tests/layers/table.rs"]);
    }

    #[test]
    fn a_dependency_on_a_higher_module_is_found_however_it_is_written() {
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
    fn modules_on_one_line_do_not_use_each_other() {
        assert_caught("gateways/zenopay/client/mod.rs", "use crate::sms::Provider;", "sms");
        assert_caught("radius/check.rs", "use crate::store::Store;", "store");
        assert_caught("store/orders/sale.rs", "use crate::gateways::zenopay::wire;", "gateways");
        assert_caught("sms/mod.rs", "use crate::observability::metrics::Metrics;", "observability");
        assert_caught("actors/mod.rs", "use crate::jobs::relay::Relay;", "jobs");
        assert_caught("web/mod.rs", "use crate::http::problem;", "http");
    }

    #[test]
    fn only_main_and_cli_use_app() {
        assert_caught("http/mod.rs", "use crate::app::App;", "app");
        assert_caught("drill/mod.rs", "use crate::app::App;", "app");
        assert_caught("app.rs", "use crate::cli::Command;", "cli");
        assert_caught("lib.rs", "pub use crate::domain::Phone;", "domain");
        assert_fine("cli.rs", "use crate::app::App;");
        assert_fine("main.rs", "use malipo::{cli, observability::telemetry};");
    }

    #[test]
    fn only_the_store_uses_tables() {
        assert_caught("http/operators.rs", "use sea_orm::EntityTrait;", "sea_orm");
        assert_caught("jobs/reconciler.rs", "fn f() { entities::payment::Entity::find() }", "entities");
        assert_caught("app.rs", "use sea_orm_migration::MigratorTrait;", "sea_orm_migration");
        assert_fine("store/orders/sale.rs", "use ::{entities::payment, sea_orm::EntityTrait};");
        assert_fine("http/operators.rs", "fn f(entities: &[u8]) { entities.len() }");
    }

    #[test]
    fn store_and_sandbox_do_not_use_actix() {
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
    fn a_dependency_on_a_lower_module_is_allowed() {
        assert_fine("domain/a.rs", "use chrono::Utc;\nuse super::money::{self, Money};");
        assert_fine("store/orders/sale.rs", "use crate::config;\nfn f() { tokio::spawn(self::g()) }");
        assert_fine("actors/mod.rs", "use crate::{domain::order, store::Store as S, gateways};");
        assert_fine("jobs/reconciler.rs", "use crate::actors::Orders;");
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
        let is_caught = !bad.is_empty() && bad.iter().all(|line| line.contains(&arrow));
        assert!(is_caught, "{file}, {source}: {bad:#?}");
    }

    #[track_caller]
    fn assert_fine(file: &str, source: &str) {
        let bad = bad_arrows(file, source);

        assert!(bad.is_empty(), "{file}, {source}: {bad:#?}");
    }
}
