//! Actions that compute, allocate, and end.
//!
//! `echo {…}` answers its input · `spin {iterations}` · `spin_forever` · `allocate {mib}` touches each page
//! and keeps them · `allocate_forever` · `recurse` until the stack ends · `fail {code?, message?, detail?,
//! transient?}` · `trap {how: unreachable|panic|bounds|divide}` · `large_output {bytes}`.

use crate::bindings::{Failure, Persistence};
use crate::{Arguments, Performed, wrong};
use serde_json::{Value, json};
use std::hint::black_box;

const MIB: usize = 1024 * 1024;
const PAGE: usize = 4096;

pub(crate) fn perform(action: &str, arguments: &Arguments<'_>) -> Performed {
    let answer = match action {
        "echo" => arguments.all().clone(),
        "spin" => json!({"sum": spin(arguments.number("iterations")?)}),
        "spin_forever" => loop {
            black_box(spin(1_000_000));
        },
        "allocate" => {
            let mib = arguments.number("mib")?;
            let blocks: Vec<Vec<u8>> = (0..mib).map(|_| touched_block()).collect();
            json!({"mib": black_box(blocks).len()})
        }
        "allocate_forever" => {
            let mut blocks = Vec::new();
            loop {
                blocks.push(touched_block());
                black_box(&blocks);
            }
        }
        "recurse" => json!({"depth": recurse(0)}),
        "fail" => return Err(failure(arguments)),
        "trap" => trap(arguments.text("how")?)?,
        "large_output" => {
            let bytes = arguments.number("bytes")?;
            Value::String("x".repeat(usize::try_from(bytes).unwrap_or(usize::MAX)))
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

/// Computes something that takes as many steps as it is told, without any call.
pub(crate) fn spin(iterations: u64) -> u64 {
    let mut sum = 0_u64;
    for step in 0..iterations {
        sum = black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step));
    }
    sum
}

fn touched_block() -> Vec<u8> {
    let mut block = vec![0_u8; MIB];
    for page in block.chunks_mut(PAGE) {
        page[0] = 1;
    }
    block
}

#[expect(unconditional_recursion, reason = "it is what the action is for")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    recurse(depth + 1).wrapping_add(black_box(frame)[0])
}

fn failure(arguments: &Arguments<'_>) -> Failure {
    let transient = arguments.flag("transient");
    Failure {
        code: arguments.text_if_any("code").unwrap_or("asked_to").to_owned(),
        message: arguments.text_if_any("message").unwrap_or("it was asked to fail").to_owned(),
        detail: arguments.all().get("detail").map(Value::to_string),
        persistence: if transient { Persistence::Transient } else { Persistence::Permanent },
    }
}

fn trap(how: &str) -> Result<Value, Failure> {
    let zero = black_box(0_usize);
    let list = [1_u8, 2, 3];
    match how {
        "unreachable" => std::process::abort(),
        "panic" => std::panic::panic_any("it was asked to panic"),
        "bounds" => Ok(json!(list[zero + 7])),
        "divide" => Ok(json!(7 / zero)),
        _ => Err(wrong(format!("{how:?} is no way to trap"))),
    }
}
