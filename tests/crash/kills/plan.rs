//! What a task does, and what must be said of it: computed here, without the product.

use errand_core::{Digest, TaskError};
use serde_json::{Value, json};

use super::super::chance::Chance;
use super::steps;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// What one task is asked to do.
pub(super) struct Plan {
    /// The request, without its key.
    pub(super) request: Value,
    /// The steps of a program of the probe.
    steps: Vec<Step>,
    /// What a task answers that has no such program.
    fixed: Option<Value>,
}

/// A step of a program.
pub(super) struct Step {
    pub(super) input: Value,
    /// What the program learns.
    pub(super) answer: Value,
    pub(super) effect: Effect,
}

/// What can be seen of a step from outside.
pub(super) enum Effect {
    Nothing,
    /// Text of the streams, in the order of [`Attempt::texts`].
    Says(usize, String),
    Leaves(Left),
    /// Fails the attempts before this one.
    PassesFrom(u32),
    Ends(End),
}

/// What a task leaves in its log beside text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Left {
    Emitted(String, Value),
    Artifact(String, Digest),
}

/// How an attempt ends if nobody stops it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum End {
    Completes(Value),
    /// As the executor says, for good or not.
    Fails {
        transient: bool,
    },
    Traps,
}

/// What an attempt says and does, if nobody stops it.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Standard output, standard error and log.
    pub(super) texts: [String; 3],
    pub(super) left: Vec<Left>,
    pub(super) end: End,
}

impl Plan {
    /// Draws a plan. Blobs and executors are those that the caller has uploaded.
    pub(super) fn draw(
        chance: &mut Chance,
        blobs: &[(String, String)],
        commands: &[String],
    ) -> Self {
        let mut request = json!({
            "retry": {"max_attempts": 4, "backoff_ms": 30, "backoff_max_ms": 90},
        });
        if chance.one_in(8) {
            request["delay_ms"] = json!(chance.below(400));
        }
        match chance.below(10) {
            0 => {
                request["executor"] = json!("noop");
                return Self { request, steps: Vec::new(), fixed: Some(Value::Null) };
            }
            1 if !commands.is_empty() => {
                request["executor"] = json!(commands[chance.below(commands.len())]);
                let output = json!({"exit_code": 0, "stdout": "", "stderr": ""});
                return Self { request, steps: Vec::new(), fixed: Some(output) };
            }
            _ => {}
        }
        let mut files = steps::Files::default();
        if chance.one_in(4) && !blobs.is_empty() {
            let (blob, text) = &blobs[chance.below(blobs.len())];
            request["workspace"] = json!({"from": "tar", "blob": blob});
            files.start_with(steps::SEEDED, text);
        }
        let steps = steps::draw(chance, files);
        let inputs: Vec<_> = steps.iter().map(|step| &step.input).collect();
        request["executor"] = json!("probe");
        request["input"] = json!({"do": "program", "steps": inputs});
        Self { request, steps, fixed: None }
    }

    /// Returns what an attempt is to say and do.
    pub(super) fn attempt(&self, number: u32) -> Attempt {
        let (mut texts, mut left) = (<[String; 3]>::default(), Vec::new());
        let mut digest = FNV_OFFSET;
        let mut end = None;
        for step in &self.steps {
            let mut learnt = step.answer.clone();
            match &step.effect {
                Effect::Nothing => {}
                Effect::Says(stream, text) => texts[*stream].push_str(text),
                Effect::Leaves(what) => left.push(what.clone()),
                Effect::PassesFrom(first) if number < *first => {
                    end = Some(End::Fails { transient: true });
                    break;
                }
                Effect::PassesFrom(_) => learnt = json!(number),
                Effect::Ends(how) => {
                    end = Some(how.clone());
                    break;
                }
            }
            for byte in format!("{learnt}\n").bytes() {
                digest = (digest ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
            }
        }
        let program = || json!({"steps": self.steps.len(), "digest": format!("{digest:016x}")});
        let end = end.unwrap_or_else(|| End::Completes(self.fixed.clone().unwrap_or_else(program)));
        Attempt { texts, left, end }
    }
}

impl End {
    /// Tells whether this is what an error says.
    pub(super) fn is(&self, error: &TaskError) -> bool {
        use errand_core::ErrorCode;
        match self {
            Self::Completes(_) => false,
            Self::Fails { transient } => {
                error.code == ErrorCode::ExecutorFailed && error.retryable == *transient
            }
            Self::Traps => error.code == ErrorCode::Trap,
        }
    }
}
