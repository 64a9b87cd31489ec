//! Random programs for the probe: what they learn goes into their output.

use serde_json::{Value, json};

use super::super::chance::Chance;

/// Steps of a program at most.
const STEPS: usize = 14;

/// Draws a program, some with checkpoints on their way.
pub(super) fn draw(seed: u64) -> Value {
    let mut chance = Chance(seed);
    let steps = 4 + chance.below(STEPS - 4);
    let mut steps: Vec<Value> = (0..steps).map(|number| step(&mut chance, number)).collect();
    steps.push(json!({"do": "list", "path": "/workspace"}));
    match chance.below(6) {
        0 => steps.push(json!({"do": "fail", "message": "as it should"})),
        1 => steps.push(json!({"do": "trap", "how": "unreachable"})),
        _ => {}
    }
    if chance.below(2) == 0 {
        return json!({"do": "program", "steps": steps, "transcript": true});
    }
    let longest = 1 + chance.below(steps.len());
    let legs: Vec<&[Value]> = steps.chunks(longest).collect();
    json!({"do": "legs", "legs": legs, "transcript": true})
}

fn step(chance: &mut Chance, number: usize) -> Value {
    let path = format!("/workspace/{}.txt", ["a", "b", "c"][chance.below(3)]);
    match chance.below(20) {
        0 | 1 => {
            let to = ["stdout", "stderr"][chance.below(2)];
            let text = "é€ \u{1F600}".repeat(1 + chance.below(40));
            json!({"do": "print", "to": to, "text": format!("{number}: {text}\n")})
        }
        2 => json!({"do": "log", "level": "warn", "message": format!("step {number}")}),
        3 | 4 => json!({"do": "emit", "kind": format!("k{number}"), "data": {"n": number}}),
        5 | 6 => {
            let call = ["sleep", "sleep_std"][chance.below(2)];
            let ms = [0, 20, 400, 3_000][chance.below(4)];
            json!({"do": call, "ms": ms})
        }
        // Which timers have come by then is a matter of when it woke, which differs between two tasks.
        7 => json!({"do": "poll", "timers_ms": [30, 400, 10], "learn": false}),
        8 | 9 => json!({"do": "append_text", "path": path, "text": format!("{number}\n")}),
        10 => json!({"do": "publish", "path": path}),
        11 => json!({"do": "remove", "path": path}),
        12 => json!({"do": "read_file", "path": path}),
        13 => json!({"do": "random", "bytes": 8}),
        14 => json!({"do": "identify", "path": path}),
        15 => json!({"do": "rename", "from": path, "to": "/workspace/b.txt"}),
        16 => json!({"do": "hard_link", "from": path, "to": "/workspace/c.txt"}),
        17 => json!({"do": "write_text", "path": path, "text": format!("anew {number}")}),
        18 => json!({"do": "spin", "iterations": chance.below(300_000)}),
        _ => json!({"do": "progress", "done": number, "total": STEPS}),
    }
}
