//! No cycles between files, so that each can be read without the files that use it.
//!
//! A file is a module. It depends on each other file whose items its paths name; a re-export is followed to
//! the file that defines the item. `mod` lines and re-exports are not dependencies.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use super::paths::paths;
use super::rust_files;

/// Maximum number of imports to follow, because a name may import itself.
const IMPORTS_MAX: usize = 8;

/// A file below `src`.
struct File {
    /// The path of its module.
    module: Vec<String>,
    source: String,
    /// The source without re-exports.
    own: String,
}

impl File {
    fn new(path: &str, source: String) -> Self {
        let names = path.trim_end_matches(".rs").split('/');
        let mut module: Vec<String> = names.map(str::to_owned).collect();
        module.pop_if(|last| *last == "mod" || *last == "lib");
        Self {
            module,
            own: without_re_exports(&source),
            source,
        }
    }

    fn module(&self) -> Vec<&str> {
        self.module.iter().map(String::as_str).collect()
    }
}

/// Removes re-exports, and module names in visibilities.
fn without_re_exports(source: &str) -> String {
    let mut is_re_export = false;
    let mut own = String::new();
    for line in source.lines() {
        let code = line.trim_start();
        is_re_export |=
            code.starts_with("pub use ") || (code.starts_with("pub(") && code.contains(") use "));
        if !is_re_export {
            own += &line.replace("pub(in crate::", "pub(in ");
        }
        own.push('\n');
        is_re_export &= !line.ends_with(';');
    }
    own
}

struct Tree<'a> {
    modules: BTreeSet<Vec<&'a str>>,
    /// The path that a module imports or re-exports under a name, by module and name.
    imports: HashMap<(Vec<&'a str>, &'a str), Vec<&'a str>>,
}

impl<'a> Tree<'a> {
    fn of(files: &'a [File]) -> Self {
        let mut imports = HashMap::new();
        for file in files {
            for (_, mut path) in paths(&file.source) {
                path.pop_if(|last| *last == "self");
                if let Some(name) = path.last().copied() {
                    imports.insert((file.module(), name), path);
                }
            }
        }
        let modules = files.iter().map(File::module).collect();
        Self { modules, imports }
    }

    /// The file that defines the item of a path in the module `from`; `None` for other crates.
    fn file_of(&self, from: &[&'a str], path: &[&'a str], depth: usize) -> Option<Vec<&'a str>> {
        let mut place = match *path.first()? {
            "crate" | "malipo" => Vec::new(),
            "self" | "super" => from.to_vec(),
            first => {
                let is_import = depth > 0 && self.imports.contains_key(&(from.to_vec(), first));
                let is_child = self.modules.contains(&below(from, first));
                (is_import || is_child).then(|| from.to_vec())?
            }
        };
        for (at, name) in path.iter().copied().enumerate() {
            let next = below(&place, name);
            if name == "super" {
                place.pop();
            } else if self.modules.contains(&next) {
                place = next;
            } else if !["crate", "malipo", "self"].contains(&name) {
                let import = self.imports.get(&(place.clone(), name));
                let Some(import) = import.filter(|_| depth < IMPORTS_MAX) else {
                    break;
                };
                let path = [import.as_slice(), &path[at + 1..]].concat();
                return self.file_of(&place, &path, depth + 1).or(Some(place));
            }
        }
        Some(place)
    }
}

fn below<'a>(module: &[&'a str], name: &'a str) -> Vec<&'a str> {
    [module, &[name]].concat()
}

/// The sets of files that depend on each other.
fn cycles(files: &[File]) -> BTreeSet<BTreeSet<String>> {
    let tree = Tree::of(files);
    let mut arrows: BTreeMap<Vec<&str>, BTreeSet<Vec<&str>>> = BTreeMap::new();
    for file in files {
        let targets = paths(&file.own).into_iter();
        let targets = targets.filter_map(|(_, path)| tree.file_of(&file.module(), &path, 0));
        let others = targets.filter(|to| *to != file.module() && tree.modules.contains(to));
        arrows.insert(file.module(), others.collect());
    }
    let reached = |from: &Vec<&str>| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(next) = open.pop() {
            let new = arrows[&next].difference(&reached).cloned();
            open.extend(new.collect::<Vec<_>>());
            reached.extend(arrows[&next].iter().cloned());
        }
        reached
    };
    let reached: BTreeMap<_, _> = arrows.keys().map(|from| (from, reached(from))).collect();
    let within = reached.iter().filter(|(from, to)| to.contains(**from));
    let sets = within.map(|(from, to)| {
        let back = to.iter().filter(|to| reached[to].contains(*from));
        back.map(|module| module.join("/")).collect()
    });
    sets.collect()
}

#[test]
fn no_two_files_depend_on_each_other() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<File> = rust_files(&src)
        .unwrap()
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&src).unwrap().to_str().unwrap();
            File::new(name, fs::read_to_string(path).unwrap())
        })
        .collect();

    let found = cycles(&files);

    assert!(found.is_empty(), "cycles of files in src: {found:#?}");
}

/// Skipped by rustfmt so that each file is on one line.
#[rustfmt::skip]
#[test]
fn a_cycle_is_found_however_its_paths_are_written() {
    let cycles_of = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(path, source)| File::new(path, (*source).to_owned()));
        cycles(&files.collect::<Vec<_>>()).len()
    };

    assert_eq!(cycles_of(&[("a.rs", "use crate::b::B;"), ("b.rs", "fn f() { crate::a::f() }")]), 1);
    assert_eq!(cycles_of(&[("a/mod.rs", "use b::B;"), ("a/b.rs", "use super::A;")]), 1);
    assert_eq!(cycles_of(&[("a/mod.rs", "mod b;\nmod c;"), ("a/b.rs", "use super::c::C;"), ("a/c.rs", "use crate::a::b::B;")]), 1);
    // Through a re-export, and through an import of the module above.
    assert_eq!(cycles_of(&[("a/mod.rs", "pub use b::B;"), ("a/b.rs", "use crate::c::C;"), ("c.rs", "use crate::a::B;")]), 1);
    assert_eq!(cycles_of(&[("a/mod.rs", "use crate::c;"), ("a/b.rs", "use super::c::C;"), ("c.rs", "use crate::a::b::B;")]), 1);
    // A `mod` line, a re-export, a visibility and a test are not dependencies.
    assert_eq!(cycles_of(&[("a/mod.rs", "mod b;\npub use b::B;"), ("a/b.rs", "use super::A;")]), 0);
    assert_eq!(cycles_of(&[("a.rs", "use crate::b::B;"), ("b.rs", "pub(in crate::a) fn f() {}")]), 0);
    assert_eq!(cycles_of(&[("a.rs", "use crate::b::B;"), ("b.rs", "#[cfg(test)]\nmod tests { use crate::a::A; }")]), 0);
}
