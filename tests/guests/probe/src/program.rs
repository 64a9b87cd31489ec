//! Actions one after another, and what they learnt.
//!
//! `program {steps, transcript?}` performs each of `steps`, which is the input of any action, and answers
//! `{steps, digest}`: FNV-1a (64 bits, hexadecimal) over the JSON of each answer and a line end. With
//! `transcript` the answers are there too. A step with `"learn": false` counts as `null`, for what differs
//! from one task to another, such as times. A step that fails the task ends the program.
//!
//! `attempt` which try this is · `fail_transient_below {attempt}` passes from that one on.

use crate::bindings::errand::task::context;
use crate::bindings::{Failure, Persistence};
use crate::{Arguments, Performed, perform_any, wrong};
use serde_json::{Value, json};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

pub(crate) fn perform(action: &str, arguments: &Arguments<'_>) -> Performed {
    let answer = match action {
        "program" => run(arguments)?,
        "attempt" => json!(context::this_task().attempt),
        "fail_transient_below" => pass_from(arguments.number("attempt")?)?,
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

fn run(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let steps = arguments.all().get("steps").and_then(Value::as_array);
    let steps = steps.ok_or_else(|| wrong("\"steps\" must be a list of inputs".to_owned()))?;
    let (mut digest, mut transcript) = (FNV_OFFSET, Vec::new());
    for step in steps {
        let answer = perform_any(&Arguments::of(step))?;
        let ignored = step.get("learn") == Some(&Value::Bool(false));
        let learnt = if ignored { Value::Null } else { answer };
        digest = digested(digest, format!("{learnt}\n").as_bytes());
        if arguments.flag("transcript") {
            transcript.push(learnt);
        }
    }
    let mut answer = json!({"steps": steps.len(), "digest": format!("{digest:016x}")});
    if arguments.flag("transcript") {
        answer["transcript"] = Value::Array(transcript);
    }
    Ok(answer)
}

fn digested(digest: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(digest, |digest, byte| (digest ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

fn pass_from(passing: u64) -> Result<Value, Failure> {
    let attempt = context::this_task().attempt;
    if u64::from(attempt) >= passing {
        return Ok(json!(attempt));
    }
    Err(Failure {
        code: "too_early".to_owned(),
        message: format!("attempt {attempt} is before {passing}"),
        detail: None,
        persistence: Persistence::Transient,
    })
}
