//! Typed functions: WIT's types as JSON, in one place for both directions.
//!
//! [`read`] makes a call's arguments of a task's input, [`write()`] makes its output of what came back,
//! [`input_schema`] and [`output_schema`] say the same rules as JSON Schema, and [`check`] tells what is
//! wrong with an input before anything is queued. All are driven by a [`Signature`], which [`exports`]
//! read off the component's own types; none needs a guest.
//!
//! | WIT | JSON |
//! | --- | --- |
//! | `bool`, `string` | the same |
//! | `char` | a string of one Unicode scalar value |
//! | `u8` … `s32` | a whole number within the type's bounds |
//! | `u64`, `s64` | the same, exact; a decimal string is taken too |
//! | `f32`, `f64` | a number, or `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `list<u8>` | a string, base64 with padding |
//! | `list<T>`, `tuple<…>` | an array |
//! | `record` | an object, names as in WIT; a field that is an option may be left out |
//! | `option<T>` | the value or `null`; an option of an option `{"some": value}` or `null` |
//! | `variant` | `{"case": value}`, without a payload `{"case": null}` |
//! | `enum` | its name |
//! | `flags` | an array of names, each at most once |
//! | `result<T, E>` | `{"ok": value}` or `{"err": value}`; as a function's whole result the value alone |

mod derive;
mod exports;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use errand_core::{InputFault, Signature};
use serde_json::Value;

pub(crate) use exports::{Export, exports};
pub use read::read;
pub use schema::{input_schema, output_schema};
pub use write::{Returned, WriteError, write};

/// Tells everything that keeps a function from being called with an input.
///
/// # Errors
/// The faults, each with its JSON pointer from the input on; 100 at most.
pub fn check(signature: &Signature, input: &Value) -> Result<(), Vec<InputFault>> {
    read(signature, input).map(drop)
}

/// How the one case of an option of an option is called that holds a value.
const SOME: &str = "some";
/// How the interface of programs begins, whatever its version.
pub(crate) const PROGRAM: &str = "wasi:cli/run@0.2";
/// Floats that JSON has no number for.
const NAN: &str = "NaN";
const INFINITY: &str = "Infinity";
const NEGATIVE_INFINITY: &str = "-Infinity";

/// Whole numbers up to here are exact as a 64-bit float.
const EXACT: f64 = 9_007_199_254_740_992.0;
