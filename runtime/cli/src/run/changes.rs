//! What a program changed in its copy of a directory: shown, or brought back.

use std::io::Write;
use std::path::Path;

use errand_workspace::{ApplyError, Changed, Directory};

use super::RunArgs;
use super::local::OUR_SIDE;
use crate::errors::{CommandError, Result};
use crate::output::{self, Output};
use crate::render::diff;

/// How many paths are named where there are more.
const NAMED: usize = 5;

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
        show(&patch)?;
        return Ok(code);
    }
    if code != 0 {
        let count = changed.changes().len();
        if count > 0 {
            output::note("note: the program failed, so nothing was written back");
        }
        return Ok(code);
    }
    match changed.apply(&source) {
        Ok(applied) => {
            let errand_workspace::Applied { added, modified, deleted } = applied;
            output::note(match added + modified + deleted {
                0 if changed.changes().is_empty() => "nothing was changed".to_owned(),
                0 => "directories alone were changed".to_owned(),
                _ => [(added, "added"), (modified, "modified"), (deleted, "deleted")]
                    .into_iter()
                    .filter(|(count, _)| *count > 0)
                    .map(|(count, what)| format!("{count} {what}"))
                    .collect::<Vec<_>>()
                    .join(", "),
            });
            Ok(code)
        }
        Err(error) => Ok(refused(&error, directory)),
    }
}

/// Says why nothing was shown or written.
fn refused(error: &ApplyError, directory: &Path) -> i32 {
    let directory = directory.display();
    let told = match error {
        ApplyError::Moved(moved) => {
            let mut names: Vec<String> =
                moved.iter().take(NAMED).map(|moved| moved.to_string()).collect();
            if moved.len() > NAMED {
                names.push(format!("and {} more", moved.len() - NAMED));
            }
            format!("`{directory}` is not as it was when the program started: {}", names.join(", "))
        }
        error => format!("bring the changes to `{directory}`: {error}"),
    };
    let told = output::for_stderr(&told).into_owned();
    CommandError::refused(told).hint("look at what is there now, then run it again").print();
    i32::from(OUR_SIDE)
}

/// Writes a patch: as it is where it goes to a file or another program, in colour on a terminal.
fn show(patch: &[u8]) -> Result<()> {
    let mut out = Output::stdout();
    if !out.is_terminal() {
        return out.bytes(patch);
    }
    let mut shown = Vec::new();
    for line in String::from_utf8_lossy(patch).lines() {
        // Writing to memory does not fail.
        let _ = writeln!(shown, "{}", diff::line(line));
    }
    out.text(String::from_utf8_lossy(&shown))
}
