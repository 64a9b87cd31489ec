//! An executor whose input says what it does: `{"do": "spin_forever"}`, `{"do": "write_file", "bytes": 10}`.
//!
//! The tests of the host, of its bounds and of its recovery drive it. Each family of actions has a file
//! here, which lists its actions at the top; this one only finds the family. An action that is refused by
//! the host answers how, as JSON, and does not fail: a test wants to see it. `answer_raw {text}` answers a
//! text as it is, which need not be JSON.

mod arguments;
mod calls;
mod compute;
mod edges;
mod environment;
mod files;
mod floods;
mod network;
mod output;
mod program;

use arguments::Arguments;
use bindings::{Descriptor, Failure, Guest, Persistence};
use serde_json::Value;

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ world: "executor", path: "../../../wit", generate_all });
    export!(Probe);
    use super::Probe;
    pub(crate) use errand::task::execution::Persistence;
}

struct Probe;

impl Guest for Probe {
    fn describe() -> Descriptor {
        Descriptor {
            description: "Does what its input says, for tests.".to_owned(),
            input_schema: r#"{"type": "object", "properties": {"do": {"type": "string"}}, "required": ["do"]}"#
                .to_owned(),
            output_schema: "{}".to_owned(),
        }
    }

    fn run(input: String) -> Result<String, Failure> {
        let input: Value =
            serde_json::from_str(&input).map_err(|error| wrong(error.to_string()))?;
        let arguments = Arguments::of(&input);
        if arguments.text("do")? == "answer_raw" {
            return Ok(arguments.text("text")?.to_owned());
        }
        Ok(perform_any(&arguments)?.to_string())
    }
}

/// Performs the action that an input names, whichever family has it.
fn perform_any(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let families = [
        compute::perform,
        output::perform,
        files::perform,
        environment::perform,
        calls::perform,
        network::perform,
        floods::perform,
        edges::perform,
        program::perform,
    ];
    let action = arguments.text("do")?;
    for family in families {
        if let Some(answer) = family(action, arguments)? {
            return Ok(answer);
        }
    }
    Err(wrong(format!("no action is called {action:?}")))
}

/// What an action answers, or nothing where its family does not have it.
type Performed = Result<Option<Value>, Failure>;

/// Fails the task because its input is not what an action takes.
fn wrong(message: String) -> Failure {
    Failure {
        code: "wrong_input".to_owned(),
        message,
        detail: None,
        persistence: Persistence::Permanent,
    }
}
