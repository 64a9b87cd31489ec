//! Actions that ask what a sandbox shows of the world: variables, time, chance.
//!
//! `environment` answers variables and arguments · `clocks {iterations?}` reads both before and after a
//! spin · `random {bytes?}` from each source · `hash_seed` what std's maps are seeded with ·
//! `sleep {ms}` by `errand:task/timers` · `sleep_std {ms}` by the operating system's call ·
//! `preopens` the directories it was given · `stdin` reads it to its end.

use crate::bindings::errand::task::timers;
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::random::{insecure, insecure_seed, random};
use crate::calls::answered;
use crate::compute::spin;
use crate::{Arguments, Performed};
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
