//! Actions one after another, and what they learnt.
//!
//! `program {steps, transcript?}` performs each of `steps`, which is the input of any action, and answers
//! `{steps, digest}`: FNV-1a (64 bits, hexadecimal) over the JSON of each answer and a line end. With
//! `transcript` the answers are there too. A step with `"learn": false` counts as `null`, for what differs
//! from one task to another, such as times. A step that fails the task ends the program.
//! `legs {legs, transcript?}` performs lists of steps as `program` does one, and saves a checkpoint after
//! each but the last: what it has learnt by then is the state.
//!
//! `attempt` which try this is · `fail_transient_below {attempt}` passes from that one on.

use crate::bindings::errand::task::{checkpoint, context};
use crate::bindings::{Failure, Persistence};
use crate::calls::refused;
use crate::{Arguments, Performed, perform_any, wrong};
use serde_json::{Value, json};
use std::io::Write;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

pub(crate) fn perform(action: &str, arguments: &Arguments<'_>) -> Performed {
    let answer = match action {
        "program" => run(arguments)?,
        "legs" => run_legs(arguments)?,
        "attempt" => json!(context::this_task().attempt),
        "fail_transient_below" => pass_from(arguments.number("attempt")?)?,
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

fn run(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let steps = arguments.all().get("steps").and_then(Value::as_array);
    let steps = steps.ok_or_else(|| wrong("\"steps\" must be a list of inputs".to_owned()))?;
    let mut learnt = Learnt::default();
    learnt.perform(steps)?;
    Ok(learnt.answer(arguments.flag("transcript")))
}

fn run_legs(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let legs = arguments.all().get("legs").and_then(Value::as_array);
    let legs = legs.ok_or_else(|| wrong("\"legs\" must be a list of lists".to_owned()))?;
    let mut learnt = match checkpoint::restored() {
        Some(state) => Learnt::of(&state).ok_or_else(|| wrong("another state".to_owned()))?,
        None => Learnt::default(),
    };
    let steps = legs.get(learnt.legs).and_then(Value::as_array);
    learnt.perform(steps.ok_or_else(|| wrong("a leg must be a list of inputs".to_owned()))?)?;
    learnt.legs += 1;
    if learnt.legs >= legs.len() {
        return Ok(learnt.answer(arguments.flag("transcript")));
    }
    // What lies in a buffer of the guest's is gone with it.
    let _ = std::io::stdout().flush();
    Ok(refused(&checkpoint::save(&learnt.to_state())))
}

/// What steps answered.
struct Learnt {
    legs: usize,
    steps: usize,
    digest: u64,
    transcript: Vec<Value>,
}

impl Default for Learnt {
    fn default() -> Self {
        Self { legs: 0, steps: 0, digest: FNV_OFFSET, transcript: Vec::new() }
    }
}

impl Learnt {
    fn perform(&mut self, steps: &[Value]) -> Result<(), Failure> {
        for step in steps {
            let answer = perform_any(&Arguments::of(step))?;
            let ignored = step.get("learn") == Some(&Value::Bool(false));
            let learnt = if ignored { Value::Null } else { answer };
            self.digest = digested(self.digest, format!("{learnt}\n").as_bytes());
            self.transcript.push(learnt);
            self.steps += 1;
        }
        Ok(())
    }

    fn answer(self, with_transcript: bool) -> Value {
        let mut answer = json!({"steps": self.steps, "digest": format!("{:016x}", self.digest)});
        if with_transcript {
            answer["transcript"] = Value::Array(self.transcript);
        }
        answer
    }

    fn to_state(&self) -> Vec<u8> {
        let Self { legs, steps, digest, transcript } = self;
        json!([legs, steps, digest.to_string(), transcript]).to_string().into_bytes()
    }

    fn of(state: &[u8]) -> Option<Self> {
        let state: Value = serde_json::from_slice(state).ok()?;
        let number = |at: usize| usize::try_from(state.get(at)?.as_u64()?).ok();
        Some(Self {
            legs: number(0)?,
            steps: number(1)?,
            digest: state.get(2)?.as_str()?.parse().ok()?,
            transcript: state.get(3)?.as_array()?.clone(),
        })
    }
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
