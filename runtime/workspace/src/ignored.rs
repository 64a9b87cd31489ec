//! What a directory's `.gitignore` files leave out, nested ones included.
//!
//! Their syntax is the `ignore` crate's business; which file applies where is this one's, since they are
//! read through directory handles.

use std::io::Read;

use cap_std::fs::Dir;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::StartError;
use crate::scan::open_file;
use crate::start::shown;

const NAME: &str = ".gitignore";
/// Nobody writes longer ones.
const MAX_BYTES: u64 = 1 << 20;

/// The `.gitignore` files that apply where a walk is.
#[derive(Debug, Default)]
pub(crate) struct Ignored(Vec<Level>);

#[derive(Debug)]
struct Level {
    /// Bytes of its directory's path, with the `/` at its end.
    prefix_bytes: usize,
    rules: Gitignore,
}

impl Ignored {
    /// Enters a directory; tells whether it has rules, which [`Ignored::leave`] takes away again.
    pub(crate) fn enter(&mut self, dir: &Dir, at: &str) -> Result<bool, StartError> {
        // Where it is no plain file, git has no rules either.
        let Ok((file, _)) = open_file(dir, NAME) else { return Ok(false) };
        let path = if at.is_empty() { NAME.to_owned() } else { format!("{at}/{NAME}") };
        let mut text = Vec::new();
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut text)
            .map_err(|error| StartError::Refused(format!("read `{}`: {error}", shown(&path))))?;
        if text.len() as u64 > MAX_BYTES {
            let path = shown(&path);
            return Err(StartError::Refused(format!("`{path}` is larger than {MAX_BYTES} bytes")));
        }
        let mut builder = GitignoreBuilder::new(".");
        for line in String::from_utf8_lossy(&text).lines() {
            // A line that is no pattern names nothing; git passes over it too.
            let _ = builder.add_line(None, line);
        }
        let rules = builder.build().map_err(|error| {
            StartError::Refused(format!("read the rules of `{}`: {error}", shown(&path)))
        })?;
        let prefix_bytes = if at.is_empty() { 0 } else { at.len() + 1 };
        self.0.push(Level { prefix_bytes, rules });
        Ok(true)
    }

    /// Leaves the directory that had rules.
    pub(crate) fn leave(&mut self) {
        self.0.pop();
    }

    /// Tells whether a path is left out. The innermost rule that says anything decides.
    pub(crate) fn has(&self, path: &str, is_dir: bool) -> bool {
        for level in self.0.iter().rev() {
            match level.rules.matched(&path[level.prefix_bytes..], is_dir) {
                Match::None => {}
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
            }
        }
        false
    }
}
