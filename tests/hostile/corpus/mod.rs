//! The corpus of hostile guests: each with what must happen to it, and to those beside it.
//!
//! A guest is an [`Entry`] of a family: WebAssembly text in a file of its own, bytes that a function makes, or
//! an action of a probe, where it takes a language's library. How it must end stands beside it. All run on
//! one server, beside a neighbour that must not notice; [`running`] is how.
//!
//! To add one: write the text (its first line says what it does), add an entry to its family, run
//! `cargo test --release -p errand-tests hostile::corpus::FAMILY`.

mod abi;
mod calls;
mod descriptions;
mod files;
mod fuel;
mod handles;
mod memory;
mod output;
mod running;
mod shapes;
mod stack;
mod traps;
mod world;

use serde_json::{Value, json};

/// A hostile guest.
struct Entry {
    /// Its name, and that of the executor.
    name: &'static str,
    guest: Guest,
    /// What its task is given.
    input: Value,
    limits: Value,
    artifacts: Value,
    ends: Ends,
}

/// What runs.
enum Guest {
    /// A module or component as text.
    Text(&'static str),
    /// A module or component that is made.
    Made(fn() -> Vec<u8>),
    /// The probe, whose input says what it does.
    Probe,
    /// The program, whose arguments say it.
    Program,
}

/// How a guest must end.
enum Ends {
    /// It is not admitted, for a reason that has this in it.
    Refused(&'static str),
    /// Its task fails at a bound, which the error names.
    Bound { code: &'static str, limit: &'static str, value: u64 },
    /// Its task fails with this code and a message that has this in it.
    Failed { code: &'static str, message: &'static str },
    /// Its task completes with this output.
    Completed(Value),
    /// It goes on until its time is up, or until it is cancelled: both are tried.
    Never,
    /// It waits, without a slot, until it is cancelled.
    Waits,
}

const MIB: u64 = 1 << 20;
/// What a guest may take where its entry says nothing else. Short, since some take all of it.
const MEMORY_BYTES: u64 = 64 * MIB;
const OUTPUT_BYTES: u64 = 200_000;
const WORKSPACE_BYTES: u64 = 8 * MIB;
const TIMEOUT_MS: u64 = 60_000;

impl Entry {
    fn new(name: &'static str, guest: Guest, input: Value, ends: Ends) -> Self {
        let limits = json!({
            "memory_bytes": MEMORY_BYTES, "output_bytes": OUTPUT_BYTES,
            "workspace_bytes": WORKSPACE_BYTES, "timeout_ms": TIMEOUT_MS,
        });
        Self { name, guest, input, limits, artifacts: json!([]), ends }
    }

    fn text(name: &'static str, text: &'static str, ends: Ends) -> Self {
        Self::new(name, Guest::Text(text), Value::Null, ends)
    }

    fn made(name: &'static str, make: fn() -> Vec<u8>, ends: Ends) -> Self {
        Self::new(name, Guest::Made(make), Value::Null, ends)
    }

    fn probe(name: &'static str, input: Value, ends: Ends) -> Self {
        Self::new(name, Guest::Probe, input, ends)
    }

    fn program(name: &'static str, args: &[&'static str], ends: Ends) -> Self {
        Self::new(name, Guest::Program, json!({ "args": args }), ends)
    }

    /// Gives its task an input.
    fn given(mut self, input: Value) -> Self {
        self.input = input;
        self
    }

    /// Sets a limit.
    fn within(mut self, limit: &str, value: u64) -> Self {
        self.limits[limit] = json!(value);
        self
    }

    /// Asks for files to be kept.
    fn keeping(mut self, globs: &[&str]) -> Self {
        self.artifacts = json!(globs);
        self
    }
}

/// An entry of a guest in `corpus/FAMILY/NAME.wat`.
macro_rules! text {
    ($family:literal, $name:literal, $ends:expr) => {
        super::Entry::text($name, include_str!(concat!($family, "/", $name, ".wat")), $ends)
    };
}
use text;

fn bound(code: &'static str, limit: &'static str, value: u64) -> Ends {
    Ends::Bound { code, limit, value }
}

fn memory_limit() -> Ends {
    bound("memory_limit", "memory_bytes", MEMORY_BYTES)
}

/// What a program's task gives that ended without a word.
fn ended() -> Value {
    json!({"exit_code": 0, "stdout": "", "stderr": ""})
}

fn trap(message: &'static str) -> Ends {
    Ends::Failed { code: "trap", message }
}

/// All of them, by family.
fn families() -> [(&'static str, Vec<Entry>); 12] {
    [
        ("abi", abi::entries()),
        ("calls", calls::entries()),
        ("descriptions", descriptions::entries()),
        ("files", files::entries()),
        ("fuel", fuel::entries()),
        ("handles", handles::entries()),
        ("memory", memory::entries()),
        ("output", output::entries()),
        ("shapes", shapes::entries()),
        ("stack", stack::entries()),
        ("traps", traps::entries()),
        ("world", world::entries()),
    ]
}

#[test]
fn the_corpus_is_not_smaller_than_was_promised() {
    let names: Vec<&str> =
        families().iter().flat_map(|(_, entries)| entries).map(|entry| entry.name).collect();
    assert!(names.len() >= 40, "there are {} hostile guests", names.len());
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "a name is there twice");
}

#[test]
fn each_text_belongs_to_an_entry() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile/corpus");
    for (family, entries) in families() {
        let Ok(files) = std::fs::read_dir(corpus.join(family)) else { continue };
        for file in files {
            let path = file.expect("it can be read").path();
            let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
            assert!(
                entries
                    .iter()
                    .any(|entry| entry.name == name && matches!(entry.guest, Guest::Text(_))),
                "nothing runs {}",
                path.display()
            );
        }
    }
}
