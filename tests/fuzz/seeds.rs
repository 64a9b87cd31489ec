//! What mutation begins with: guests of the hostile corpus, those that ship, and what was found before.

use std::path::{Path, PathBuf};

use super::harness::{plugin, wasm};

/// Larger guests would be most of the time of a run.
const MOST_BYTES: usize = 200_000;

/// Modules and components of many kinds.
pub(crate) fn wasm() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    texts(&tests().join("hostile"), &mut seeds);
    for name in ["test/noop", "test/command-probe", "manifest-lint"] {
        seeds.push(plugin(name));
    }
    seeds.push(wasm::Native::default().build());
    seeds.push(wasm::ends_at_once("seed"));
    seeds.push(wasm::component_of_parts("(core module $part (memory 1) (table 1 funcref))", 3, ""));
    for text in TEXTS {
        seeds.push(wasm::from_text(text));
    }
    seeds.retain(|seed| seed.len() <= MOST_BYTES);
    seeds
}

/// What no other guest has.
const TEXTS: &[&str] = &[
    r#"(component
        (core module $m
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
            (func (export "f") (param i32 i32 i32) (result i32) (i32.const 8)))
        (core instance $i (instantiate $m))
        (type $r (record (field "a" u8) (field "b" (option string)) (field "c" (list f64))))
        (export $r' "r" (type $r))
        (type $v (variant (case "x") (case "y" u64) (case "z" (tuple s8 char))))
        (export $v' "v" (type $v))
        (type $e (enum "p" "q"))
        (export $e' "e" (type $e))
        (type $g (flags "i" "j" "k"))
        (export $g' "g" (type $g))
        (func (export "f") (param "s" string) (param "b" bool) (result (list $v'))
            (canon lift (core func $i "f") (memory (core memory $i "memory"))
                (realloc (core func $i "realloc")))))"#,
    r#"(module
        (type $t (func (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 2 100)
        (table 4 funcref)
        (global $g (mut i32) (i32.const 7))
        (elem (i32.const 0) $f)
        (data (i32.const 16) "data")
        (func $f (type $t) (i32.add (local.get 0) (memory.size)))
        (func (export "_start")
            (drop (memory.grow (i32.const 1)))
            (global.set $g (call $f (i32.const 1)))
            (call $exit (i32.const 3))))"#,
    r#"(component
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (component $inner (import "n" (type $t (sub resource))) (export "t" (type $t)))
        (instance $inst (instantiate $inner (with "n" (type $r))))
        (alias export $inst "t" (type $alias))
        (export "r" (type $r))
        (core module $m (func (export "f") (result i32) (i32.const 1)))
        (core instance $i (instantiate $m))
        (func (export "f") (result u32) (canon lift (core func $i "f"))))"#,
];

/// Inputs of a target that once went wrong.
pub(crate) fn regressions(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = tests().join("fuzz/regressions").join(target);
    let Ok(files) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("it can be read").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{error}"));
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn texts(directory: &Path, seeds: &mut Vec<Vec<u8>>) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    // The same order everywhere, so that a seed repeats a run.
    paths.sort();
    for path in paths {
        if path.is_dir() {
            texts(&path, seeds);
        } else if path.extension().is_some_and(|extension| extension == "wat") {
            let text = std::fs::read_to_string(&path).expect("it can be read");
            seeds.push(wasm::from_text(&text));
        }
    }
}
