//! The walls between the crates, as ARCHITECTURE.md draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

/// What each crate may import of its siblings.
const IMPORTS: &[(&str, &[&str])] = &[
    ("errand-core", &[]),
    ("errand-store", &["errand-core"]),
    ("errand-workspace", &["errand-core"]),
    ("errand-egress", &["errand-core"]),
    ("errand-scheduler", &["errand-core"]),
    ("errand-engine", &["errand-core", "errand-workspace"]),
    ("errand-server", &["errand-core", "errand-scheduler"]),
    (
        "errand",
        &[
            "errand-core",
            "errand-store",
            "errand-workspace",
            "errand-egress",
            "errand-engine",
            "errand-scheduler",
            "errand-server",
        ],
    ),
];

/// Families of heavy dependencies, and the one crate that may name them. `hyper` has three: `server` takes
/// requests with it, `egress` sends those of guests, and `cli` those of `errand mcp`.
const OWNERS: &[(&str, &[&str])] = &[
    ("errand-engine", &["wasmtime", "wasmtime-wasi", "wasmtime-wasi-http", "wit-component"]),
    ("errand-store", &["sled", "rusqlite", "tokio-postgres", "object_store"]),
    ("errand-workspace", &["cap-std", "cap-fs-ext", "cap-primitives", "ignore"]),
    ("errand-egress", &["reqwest", "rustls-native-certs", "hickory-resolver"]),
    ("errand-server", &["axum", "rmcp", "tower"]),
];

#[test]
fn crates_import_only_the_siblings_that_they_may() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        IMPORTS.iter().map(|(name, may)| (*name, may.iter().copied().collect())).collect();
    for (name, imported) in normal_dependencies(&metadata) {
        let siblings: BTreeSet<&str> = imported
            .iter()
            .map(String::as_str)
            .filter(|dependency| allowed.contains_key(dependency))
            .collect();
        let Some(may) = allowed.get(name.as_str()) else {
            assert_eq!(name, "errand-tests", "{name} has no place in the table of walls");
            continue;
        };
        let trespassing: Vec<_> = siblings.difference(may).collect();
        assert!(trespassing.is_empty(), "{name} imports {trespassing:?}");
    }
}

#[test]
fn each_family_of_heavy_dependencies_has_one_owner() {
    for (name, imported) in normal_dependencies(&metadata()) {
        for (owner, family) in OWNERS {
            let named: Vec<_> = family.iter().filter(|heavy| imported.contains(**heavy)).collect();
            assert!(named.is_empty() || name == *owner, "{name} names {named:?} of {owner}");
        }
    }
}

#[test]
fn http_is_spoken_by_the_server_the_egress_and_the_command_line_alone() {
    for (name, imported) in normal_dependencies(&metadata()) {
        let may = ["errand-server", "errand-egress", "errand"].contains(&name.as_str());
        for heavy in ["hyper", "hyper-util", "tokio-rustls", "hyper-rustls"] {
            assert!(may || !imported.contains(heavy), "{name} names {heavy}");
        }
    }
}

#[test]
fn the_core_knows_no_runtime() {
    let imported = normal_dependencies(&metadata());
    let core = &imported["errand-core"];
    for runtime in ["tokio", "futures-util", "async-trait", "tracing"] {
        assert!(!core.contains(runtime), "errand-core imports {runtime}");
    }
}

/// What is read of `cargo metadata`. Not the crate of that name: it asks for features of `semver` and
/// `serde_json` which would have wasmtime compiled a second time, for the tests.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Nothing for a normal one, else `dev` or `build`.
    kind: Option<String>,
}

/// The normal dependencies of every crate of the workspace, by name.
fn normal_dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    metadata
        .packages
        .iter()
        .map(|package| {
            let normal = package.dependencies.iter().filter(|dependency| dependency.kind.is_none());
            (package.name.clone(), normal.map(|dependency| dependency.name.clone()).collect())
        })
        .collect()
}

fn metadata() -> Metadata {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata answers in JSON")
}
