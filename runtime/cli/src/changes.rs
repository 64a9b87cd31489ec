//! What is said and shown of changes to files, whoever made them: a patch, what was done, and what is in
//! the way of doing it.

use std::io::BufRead;
use std::path::Path;

use errand_core::{Change, ChangeCounts};
use errand_workspace::ApplyError;

use crate::errors::{CommandError, Exit, Result};
use crate::output::Output;
use crate::render::diff;

/// How many paths are named where there are more.
const NAMED: usize = 5;

/// Writes a patch: as it is where it goes to a file or another program, in colour on a terminal. Tells
/// whether there was any.
pub(crate) fn show(patch: &mut dyn BufRead) -> Result<bool> {
    let unreadable = |error: std::io::Error| {
        CommandError::new(Exit::Unreachable, format_args!("read the changes: {error}"))
    };
    let mut out = Output::stdout();
    let any = !patch.fill_buf().map_err(unreadable)?.is_empty();
    if out.is_terminal() {
        let mut line = Vec::new();
        while patch.read_until(b'\n', &mut line).map_err(unreadable)? > 0 {
            let text = String::from_utf8_lossy(&line);
            out.line(diff::line(text.strip_suffix('\n').unwrap_or(&text)))?;
            line.clear();
        }
        return Ok(any);
    }
    loop {
        let piece = patch.fill_buf().map_err(unreadable)?;
        let length = piece.len();
        if length == 0 {
            return Ok(any);
        }
        out.bytes(piece)?;
        patch.consume(length);
    }
}

/// Says what was done for changes, in files and links.
pub(crate) fn done(applied: ChangeCounts, changes: &[Change]) -> String {
    let nothing = ChangeCounts::default();
    match applied == nothing {
        true if changes.is_empty() => "nothing was changed".to_owned(),
        true if ChangeCounts::of(changes) == nothing => "directories alone were changed".to_owned(),
        true => "everything is there already".to_owned(),
        false => counted(applied),
    }
}

/// Says how many files and links are new, otherwise and gone; nothing where none is.
pub(crate) fn counted(ChangeCounts { added, modified, deleted }: ChangeCounts) -> String {
    [(added, "added"), (modified, "modified"), (deleted, "deleted")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Says why changes were not brought to a directory, which should be as it was `then`.
pub(crate) fn refusal(error: &ApplyError, directory: &Path, then: &str) -> CommandError {
    let directory = directory.display();
    let told = match error {
        ApplyError::Moved(moved) => {
            let names = moved.iter().map(ToString::to_string);
            format!("`{directory}` is not as {then}: {}", named(names))
        }
        error => format!("bring the changes to `{directory}`: {error}"),
    };
    CommandError::refused(told)
}

/// Names the first few of many.
pub(crate) fn named(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut named: Vec<String> = names.take(NAMED).collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use errand_core::Node;

    use super::*;

    fn change(path: &str, before: Option<Node>, after: Option<Node>) -> Change {
        Change { path: path.into(), before, after }
    }

    fn link(target: &str) -> Option<Node> {
        Some(Node::Symlink { target: target.into() })
    }

    #[test]
    fn files_and_links_are_counted_and_directories_are_not() {
        let changes = [
            change("a", None, link("x")),
            change("b", link("x"), link("y")),
            change("c", link("x"), None),
            change("d", None, Some(Node::Directory)),
            change("e", Some(Node::Directory), link("x")),
        ];
        let counted = ChangeCounts::of(&changes);
        assert_eq!(counted, ChangeCounts { added: 2, modified: 1, deleted: 1 });
        assert_eq!(done(counted, &changes), "2 added, 1 modified, 1 deleted");
        let nothing = ChangeCounts::default();
        assert_eq!(done(nothing, &[]), "nothing was changed");
        assert_eq!(done(nothing, &changes[3..4]), "directories alone were changed");
        assert_eq!(done(nothing, &changes), "everything is there already");
    }

    #[test]
    fn many_names_are_cut_short() {
        let names = |count: usize| named((0..count).map(|number| number.to_string()));
        assert_eq!(names(2), "0, 1");
        assert_eq!(names(7), "0, 1, 2, 3, 4, and 2 more");
    }
}
