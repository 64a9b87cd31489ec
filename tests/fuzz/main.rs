//! Random uploads and random inputs, for as long as one likes.
//!
//! `make fuzz` runs each target for half a minute, from another seed each time (`FUZZ_ANEW`); among the
//! tests it is always the same seed, so that what fails there is what was changed. `FUZZ_SECONDS` is the
//! time of all together, `FUZZ_TARGET` names one, `FUZZ_SEED` repeats a run; a filter for other tests, as
//! `cargo test` passes it, leaves them out.
//! What was found before lies in `regressions/` and is tried first.
//! What is found is written to `target/fuzz/`, and `FUZZ_REPLAY` tries such a file alone.
//!
//! The guide is not the coverage of machine code (which would compile wasmtime a second time) but what an
//! input came to: one that ends as none before is kept, and mutated further.

#![expect(
    clippy::disallowed_methods,
    reason = "fuzz targets read and write their own files and start processes"
)]

mod finding;
#[path = "../harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
mod harness;
mod mutate;
mod outcomes;
mod random;
mod sections;
mod seeds;
mod typed;
mod uploads;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use finding::Finding;
use outcomes::Outcomes;
use random::Random;

/// Time of all targets together, where nothing else is asked for.
const SECONDS: u64 = 60;

/// Where a run among the tests starts.
const SEED: u64 = 1;

/// Something that random bytes are tried on.
trait Target {
    /// Its name, which its regressions' directory has too.
    fn name(&self) -> &'static str;

    /// Makes an input.
    fn input(&mut self, random: &mut Random) -> Vec<u8>;

    /// Tries an input and says what it came to, in words that like inputs share.
    fn attempt(&mut self, input: &[u8]) -> Result<String, Finding>;

    /// Takes an input that ended as none before.
    fn keep(&mut self, input: Vec<u8>);
}

/// A target's name, and what makes it: one that is not asked for costs nothing.
type Named = (&'static str, fn() -> Box<dyn Target>);

fn main() -> ExitCode {
    let mut targets: Vec<Named> = vec![
        ("typed", || Box::new(typed::Typed::default())),
        ("uploads", || Box::new(uploads::Uploads::new())),
    ];
    if let Some(wanted) = variable("FUZZ_TARGET") {
        targets.retain(|(name, _)| *name == wanted);
        assert!(!targets.is_empty(), "no target is called {wanted:?}");
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filters: Vec<&String> = arguments.iter().filter(|one| !one.starts_with('-')).collect();
    let asked = |name: &str| filters.iter().any(|filter| format!("fuzz::{name}").contains(*filter));
    targets.retain(|(name, _)| filters.is_empty() || asked(name));
    if arguments.iter().any(|one| one == "--list") || targets.is_empty() {
        return ExitCode::SUCCESS;
    }
    let mut targets: Vec<Box<dyn Target>> = targets.into_iter().map(|(_, make)| make()).collect();
    if let Some(path) = variable("FUZZ_REPLAY").map(PathBuf::from) {
        let input =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let named = |target: &&mut Box<dyn Target>| path.to_string_lossy().contains(target.name());
        let alone = targets.len() == 1;
        let target = targets.iter_mut().find(|target| alone || named(target));
        let target = target.expect("FUZZ_TARGET or the file's path names a target");
        return replayed(target.as_mut(), &input);
    }
    let seconds = number("FUZZ_SECONDS").unwrap_or(SECONDS);
    let each = Duration::from_secs(seconds) / u32::try_from(targets.len()).unwrap_or(1);
    let anew = variable("FUZZ_ANEW").is_some();
    let first = || if anew { random::new_seed() } else { SEED };
    let seed = number("FUZZ_SEED").unwrap_or_else(first);
    let mut well = true;
    for target in &mut targets {
        well &= fuzz(target.as_mut(), seed, each);
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tries what was found before, then random inputs until the time is up or one is wrong.
fn fuzz(target: &mut dyn Target, seed: u64, time: Duration) -> bool {
    let mut outcomes = Outcomes::default();
    for (path, input) in seeds::regressions(target.name()) {
        match finding::watched(target, &input) {
            Ok(outcome) => outcomes.add(outcome),
            Err(finding) => {
                eprintln!("{}: {finding} (it was found before: {})", target.name(), path.display());
                return false;
            }
        };
    }
    let mut random = Random::new(seed);
    let begun = Instant::now();
    while begun.elapsed() < time {
        let input = target.input(&mut random);
        match finding::watched(target, &input) {
            Ok(outcome) => {
                if outcomes.add(outcome) {
                    target.keep(input);
                }
            }
            Err(finding) => {
                let path = finding::saved(target.name(), &input);
                eprintln!(
                    "{}: {finding}\n  seed {seed}, after {outcomes}\n  the input: {path}\n  again: \
                     FUZZ_TARGET={} FUZZ_REPLAY={path} make fuzz\n  once it is mended, it belongs in \
                     tests/fuzz/regressions/{}/",
                    target.name(),
                    target.name(),
                    target.name(),
                    path = path.display(),
                );
                return false;
            }
        }
    }
    eprintln!("{}: seed {seed}, {outcomes:#}", target.name());
    true
}

fn replayed(target: &mut dyn Target, input: &[u8]) -> ExitCode {
    match finding::watched(target, input) {
        Ok(outcome) => {
            eprintln!("{}: {outcome}", target.name());
            ExitCode::SUCCESS
        }
        Err(finding) => {
            eprintln!("{}: {finding}", target.name());
            ExitCode::FAILURE
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str) -> Option<u64> {
    let value = variable(name)?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}; it must be a whole number")))
}
