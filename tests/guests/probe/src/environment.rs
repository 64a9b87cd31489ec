//! Actions that ask what a sandbox shows of the world: variables, time, chance.
//!
//! `environment` answers variables and arguments · `clocks {iterations?}` reads both before and after a
//! spin · `random {bytes?}` from each source · `hash_seed` what std's maps are seeded with ·
//! `sleep {ms}` by `errand:task/timers` · `sleep_std {ms}` by the operating system's call ·
//! `poll {timers_ms, all?}` waits for several timers at once and answers which were ready, or, until all
//! are, each time which ·
//! `preopens` the directories it was given · `stdin` reads it to its end.

use crate::bindings::errand::task::timers;
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::io::poll;
use crate::bindings::wasi::random::{insecure, insecure_seed, random};
use crate::calls::answered;
use crate::compute::spin;
use crate::{Arguments, Performed, wrong};
use serde_json::{Value, json};
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::time::Duration;

pub(crate) fn perform(action: &str, arguments: &Arguments<'_>) -> Performed {
    let answer = match action {
        "environment" => json!({
            "variables": std::env::vars().collect::<Vec<_>>(),
            "arguments": std::env::args().collect::<Vec<_>>(),
        }),
        "clocks" => {
            let before = now();
            spin(arguments.number_if_any("iterations").unwrap_or(0));
            json!({"before": before, "after": now(), "resolution_ns": monotonic_clock::resolution()})
        }
        "random" => chance(arguments.number_if_any("bytes").unwrap_or(16)),
        "hash_seed" => json!(RandomState::new().hash_one("probe").to_string()),
        "sleep" => answered(timers::sleep(arguments.number("ms")?), |()| json!(null)),
        "sleep_std" => {
            std::thread::sleep(Duration::from_millis(arguments.number("ms")?));
            json!(null)
        }
        "poll" => {
            let delays = arguments.all().get("timers_ms").and_then(Value::as_array);
            let delays = delays.ok_or_else(|| wrong("\"timers_ms\" must be a list".to_owned()))?;
            wait(delays.iter().filter_map(Value::as_u64), arguments.flag("all"))
        }
        "preopens" => {
            json!(get_directories().into_iter().map(|(_, path)| path).collect::<Vec<_>>())
        }
        "stdin" => {
            let mut bytes = Vec::new();
            let result = std::io::stdin().read_to_end(&mut bytes);
            json!({"text": String::from_utf8_lossy(&bytes), "error": result.err().map(|e| e.to_string())})
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

/// Waits for timers that start now, and says which came, by their place in the list.
fn wait(delays_ms: impl Iterator<Item = u64>, all: bool) -> Value {
    let start = |ms: u64| monotonic_clock::subscribe_duration(ms.saturating_mul(1_000_000));
    let mut left: Vec<_> = delays_ms.map(start).enumerate().collect();
    let mut ready = Vec::new();
    while !left.is_empty() {
        let now = poll::poll(&left.iter().map(|(_, timer)| timer).collect::<Vec<_>>());
        ready.push(now.iter().map(|at| left[*at as usize].0).collect::<Vec<_>>());
        if !all {
            break;
        }
        let mut at = 0;
        left.retain(|_| {
            at += 1;
            !now.contains(&(at - 1))
        });
    }
    json!(ready)
}

/// Both clocks in nanoseconds, as text because JSON's numbers are too small for some readers.
fn now() -> Value {
    let wall = wall_clock::now();
    let wall_ns = u128::from(wall.seconds) * 1_000_000_000 + u128::from(wall.nanoseconds);
    json!({"wall_ns": wall_ns.to_string(), "monotonic_ns": monotonic_clock::now().to_string()})
}

fn chance(bytes: u64) -> Value {
    let (low, high) = insecure_seed::insecure_seed();
    json!({
        "secure": hex(&random::get_random_bytes(bytes)),
        "secure_u64": random::get_random_u64().to_string(),
        "insecure": hex(&insecure::get_insecure_random_bytes(bytes)),
        "insecure_u64": insecure::get_insecure_random_u64().to_string(),
        "insecure_seed": [low.to_string(), high.to_string()],
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
