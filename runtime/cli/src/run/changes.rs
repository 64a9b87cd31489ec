//! What a program changed in its copy of a directory: shown, or brought back.

use std::path::Path;

use errand_workspace::{ApplyError, Changed, Directory};

use super::RunArgs;
use super::local::OUR_SIDE;
use crate::changes;
use crate::errors::{CommandError, Result};
use crate::output;

/// Shows or applies the changes; returns the command's exit code.
pub(super) fn conclude(
    args: &RunArgs,
    changed: &Changed,
    directory: &Path,
    code: i32,
) -> Result<i32> {
    let source = Directory::open(directory).map_err(|error| {
        CommandError::refused(format_args!("open `{}`: {error}", directory.display()))
    })?;
    if args.diff {
        let mut patch = Vec::new();
        if let Err(error) = changed.write_diff(&source, &mut patch) {
            return Ok(refused(&error, directory));
        }
        changes::show(&mut patch.as_slice())?;
        return Ok(code);
    }
    if code != 0 {
        let count = changed.changes().len();
        if count > 0 {
            output::note("note: the program failed, so nothing was written back");
        }
        return Ok(code);
    }
    match changed.apply(&source, false) {
        Ok(applied) => {
            output::note(changes::done(applied, changed.changes()));
            Ok(code)
        }
        Err(error) => Ok(refused(&error, directory)),
    }
}

/// Says why nothing was shown or written.
fn refused(error: &ApplyError, directory: &Path) -> i32 {
    changes::refusal(error, directory, "it was when the program started")
        .hint("look at what is there now, then run it again")
        .print();
    i32::from(OUR_SIDE)
}
