//! The smallest executor of the native world: it answers `null`, whatever it is given.
//!
//! Benchmarks measure the runtime with it, so it starts with nothing to initialise and calls no import.

use bindings::{Descriptor, Failure, Guest};

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ world: "executor", path: "../../../wit", generate_all });
    export!(Noop);
    use super::Noop;
}

struct Noop;

impl Guest for Noop {
    fn describe() -> Descriptor {
        Descriptor {
            description: "Does nothing.".to_owned(),
            input_schema: "{}".to_owned(),
            output_schema: r#"{"type": "null"}"#.to_owned(),
        }
    }

    fn run(_input: String) -> Result<String, Failure> {
        Ok("null".to_owned())
    }
}
