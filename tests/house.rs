//! The rules of the house, held by a test so that nobody has to argue them in review.
//!
//! Three kinds: the arrows between our crates (read from Cargo itself), the shape of every Rust
//! source (read as tokens, so that comments and strings cannot confuse it), and the promises of
//! manifests and documents. Each failure names the place and says what to do about it.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use proc_macro2::TokenStream;
use reader::Reader;

#[path = "house/reader.rs"]
mod reader;

/// Lines in a file, at most.
const FILE_LINES_MAX: usize = 600;
/// Module, file and crate names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["common", "util", "utils", "helper", "helpers", "manager"];
/// Crates that the deciding crates may never reach: they would bring I/O or a runtime.
const IMPURE: [&str; 6] = ["tokio", "reqwest", "hickory", "axum", "sqlx", "ureq"];
/// Who may depend on whom (design section 3). Inward skips are fine, outward never.
const ARROWS: [(&str, &[&str]); 7] = [
    ("schoolgate", &["admin-api", "resolver", "policy", "blocklists", "blocklists-update"]),
    ("admin-api", &["resolver", "policy", "blocklists", "blocklists-update"]),
    ("resolver", &["policy", "blocklists"]),
    ("policy", &["blocklists"]),
    ("blocklists-update", &["blocklists"]),
    ("blocklists", &[]),
    ("benches", &["resolver", "policy", "blocklists"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn metadata() -> Metadata {
    // For this machine only: else Cargo fetches what other systems would need.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let options = vec!["--locked".into(), "--filter-platform".into(), platform];
    MetadataCommand::new().current_dir(root()).other_options(options).exec().unwrap()
}

/// Fails with every complaint at once; a list is quicker to work off than one at a time.
fn settle(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Every file of the repository below `folder`, by path relative to the root, without build output.
fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !["target", ".git", "schoolgate-state"].contains(&name.as_str()) {
            files_below(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path().strip_prefix(root()).unwrap().to_path_buf());
        }
    }
}

fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(&root(), &mut found);
    found.sort();
    found
}

/// Every Rust source: its path and its text.
fn sources() -> Vec<(PathBuf, String)> {
    let rust = files().into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    rust.map(|path| (path.clone(), fs::read_to_string(root().join(path)).unwrap())).collect()
}

#[test]
fn arrows_point_inward_only() {
    let metadata = metadata();
    let ours: BTreeSet<&str> =
        metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let known: BTreeSet<&str> = ARROWS.iter().map(|(from, _)| *from).collect();
    assert_eq!(ours, known, "a new crate needs its place in ARROWS and in docs/ARCHITECTURE.md");
    let mut complaints = Vec::new();
    for package in metadata.workspace_packages() {
        let allowed = ARROWS.iter().find(|(from, _)| *from == package.name.as_str()).unwrap().1;
        for dependency in &package.dependencies {
            if ours.contains(dependency.name.as_str()) && !allowed.contains(&dependency.name.as_str()) {
                complaints.push(format!(
                    "{} -> {} points outward: move what is needed inward, or pass it in as a value",
                    package.name, dependency.name
                ));
            }
        }
    }
    settle(&complaints);
}

#[test]
fn deciding_crates_have_no_input_or_output() {
    let metadata = metadata();
    let graph = metadata.resolve.as_ref().unwrap();
    let mut complaints = Vec::new();
    for start in ["policy", "blocklists"] {
        let package =
            metadata.workspace_packages().into_iter().find(|package| package.name == start).unwrap();
        let mut seen = BTreeSet::from([package.id.clone()]);
        let mut open = vec![package.id.clone()];
        while let Some(id) = open.pop() {
            let name = metadata[&id].name.as_str();
            if IMPURE.iter().any(|impure| name == *impure || name.starts_with(&format!("{impure}-"))) {
                complaints
                    .push(format!("{start} reaches {name}: it may do no I/O, so give it values instead"));
            }
            let node = graph.nodes.iter().find(|node| node.id == id).unwrap();
            for next in &node.deps {
                let normal = next.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
                if normal && seen.insert(next.pkg.clone()) {
                    open.push(next.pkg.clone());
                }
            }
        }
    }
    settle(&complaints);
}

#[test]
fn files_are_short_and_open_by_saying_what_they_are_for() {
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        let (path, lines) = (path.display(), text.lines().count());
        if lines > FILE_LINES_MAX {
            complaints.push(format!("{path}: {lines} lines; split it by concern, at most {FILE_LINES_MAX}"));
        }
        if !text.starts_with("//!") {
            complaints.push(format!("{path}: open it with `//!`, what it is for and why it is so"));
        }
    }
    settle(&complaints);
}

#[test]
fn names_of_files_and_modules_say_something() {
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        let parts = path.iter().map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned());
        let modules =
            text.lines().filter_map(|line| line.trim().trim_start_matches("pub ").strip_prefix("mod "));
        let modules = modules.map(|rest| rest.trim_end_matches([';', '{', ' ']).to_owned());
        for name in parts.chain(modules).filter(|name| EMPTY_NAMES.contains(&name.as_str())) {
            complaints.push(format!("{}: `{name}` says nothing; name it after its subject", path.display()));
        }
    }
    settle(&complaints);
}

/// Whole files of test code: below a `tests` folder, or modules that are declared `#[cfg(test)]`
/// (which the reader demands of every module so called).
fn is_test_file(path: &Path) -> bool {
    let stem = path.file_stem().unwrap().to_string_lossy();
    stem.ends_with("tests") || stem.ends_with("fixtures") || path.iter().any(|part| part == "tests")
}

#[test]
fn functions_fit_on_a_screen_and_keep_the_house_rules() {
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let in_tests = is_test_file(&path);
        let mut reader = Reader { path: path.display().to_string(), complaints: &mut complaints };
        reader.read(tokens, in_tests);
    }
    settle(&complaints);
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let mut complaints = Vec::new();
    let mut explained = false;
    for line in section.lines() {
        if line.trim().is_empty() {
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if !explained {
            complaints.push(format!("Cargo.toml: above `{line}` write a comment that says why it is there"));
        }
    }
    settle(&complaints);
}

#[test]
fn versions_and_lints_are_written_once() {
    let mut complaints = Vec::new();
    for path in files().into_iter().filter(|path| path.ends_with("Cargo.toml")) {
        let manifest: toml::Table = fs::read_to_string(root().join(&path)).unwrap().parse().unwrap();
        let path = path.display();
        let flag = |keys: [&str; 2]| {
            manifest.get(keys[0]).and_then(|table| table.get(keys[1])).and_then(|v| v.as_bool())
        };
        if flag(["lints", "workspace"]) != Some(true) {
            complaints.push(format!("{path}: say `[lints] workspace = true`"));
        }
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, written) in manifest.get(kind).and_then(|table| table.as_table()).into_iter().flatten()
            {
                if written.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    complaints.push(format!(
                        "{path}: write `{name}` in the root manifest, with why, and here `workspace = true`"
                    ));
                }
            }
        }
    }
    let root_manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    if root_manifest["package"].get("autobenches").and_then(toml::Value::as_bool) != Some(false) {
        complaints.push("Cargo.toml: benches/ is a crate of its own, so say `autobenches = false`".into());
    }
    settle(&complaints);
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let machine =
        [concat!("/wo", "rk/"), concat!("/tmp", "/sg"), concat!("/ho", "me/"), concat!("/ro", "ot/")];
    let mut complaints = Vec::new();
    for path in files() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if machine.iter().any(|place| line.contains(place)) {
                complaints.push(format!(
                    "{}:{}: say it relative to the repository",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
    settle(&complaints);
}

/// Every function in the repository by name, for documents that name tests.
fn functions() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for (path, text) in sources() {
        for line in text.lines() {
            if let Some((_, rest)) = line.split_once("fn ") {
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                found.insert(name, path.clone());
            }
        }
    }
    found
}

#[test]
fn what_the_documents_name_is_there() {
    let functions = functions();
    let mut complaints = Vec::new();
    for document in ["docs/ARCHITECTURE.md", "docs/DESIGN.md", "README.md"] {
        let Ok(text) = fs::read_to_string(root().join(document)) else {
            continue;
        };
        let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        for span in spans {
            let path = span.split([' ', ':', '#']).next().unwrap().trim_end_matches('/');
            let folders =
                ["tests/", "src/", "blocklists/", "resolver/", "admin-api/", "benches/", "docs/", "image/"];
            if folders.iter().any(|folder| path.starts_with(folder))
                && !path.contains(['*', '<', '{'])
                && !root().join(path).exists()
            {
                complaints
                    .push(format!("{document} names `{path}`, which is not there: correct the document"));
            }
            let test = span.rsplit("::").next().unwrap();
            let looks_like_test = test.matches('_').count() >= 3
                && !test.starts_with("schoolgate_")
                && test.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if looks_like_test && !functions.contains_key(test) {
                complaints.push(format!("{document} names `{test}`, but no function is called that"));
            }
        }
    }
    settle(&complaints);
}
