//! New files and links, complete, before any takes its place.

use std::io::{self, Read, Write};

use cap_fs_ext::DirExt;
use cap_std::fs::{
    Dir, DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt,
};
use errand_core::{Digest, Node};

use super::ApplyError;
use super::plan::{Doing, Step};
use crate::Contents;

/// How much of a file is held in memory.
const COPY_BYTES: usize = 256 << 10;
/// Names that are tried for the directory: those taken are leftovers of processes that were killed.
const MAX_NAMES: usize = 1_000;

/// A directory in the one that changes are applied onto, removed on drop with all that is still in it.
///
/// What is staged for a step has the step's number as its name.
pub(super) struct Staged<'a> {
    onto: &'a Dir,
    /// Nothing where there is nothing to stage.
    made: Option<(String, Dir)>,
    steps: usize,
}

impl<'a> Staged<'a> {
    pub(super) fn new(
        steps: &[Step<'_>],
        contents: &dyn Contents,
        onto: &'a Dir,
    ) -> Result<Self, ApplyError> {
        let mut staged = Self { onto, made: None, steps: steps.len() };
        let mut buffer = vec![0; COPY_BYTES];
        for (number, step) in steps.iter().enumerate() {
            let Doing::Put { node, mode, .. } = &step.doing else { continue };
            let failed = || ApplyError::at(step.path);
            let dir = staged.dir().map_err(failed())?;
            let name = number.to_string();
            match node {
                Node::Directory => {}
                Node::Symlink { target } => {
                    dir.symlink_contents(target, &name).map_err(failed())?;
                }
                Node::File { executable, size_bytes, blake3 } => {
                    let mut options = OpenOptions::new();
                    let new = if *executable { 0o777 } else { 0o666 };
                    options.write(true).create_new(true).mode(new);
                    let mut file = dir.open_with(&name, &options).map_err(failed())?;
                    let unreadable =
                        |error| ApplyError::Content { path: step.path.to_owned(), error };
                    let content = contents.open(blake3).map_err(unreadable)?;
                    let copied = copy(content, *size_bytes, blake3, &mut file, &mut buffer);
                    copied.map_err(|fault| match fault {
                        Fault::Reading(error) => unreadable(error),
                        Fault::Writing(error) => failed()(error),
                    })?;
                    if let Some(mode) = mode {
                        let mode = Permissions::from_mode(mode_like(*mode, *executable));
                        file.set_permissions(mode).map_err(failed())?;
                    }
                }
            }
        }
        Ok(staged)
    }

    /// Moves what is staged for a step to a name in a directory, in place of what that stands for.
    pub(super) fn place(&self, step: usize, to: &Dir, name: &str) -> io::Result<()> {
        match &self.made {
            Some((_, dir)) => dir.rename(step.to_string(), to, name),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn dir(&mut self) -> io::Result<&Dir> {
        if self.made.is_none() {
            let name = make_directory(self.onto)?;
            // Known before it is opened, so that it is removed if that fails.
            let dir = self.onto.open_dir_nofollow(&name);
            if dir.is_err() {
                let _ = self.onto.remove_dir(&name);
            }
            self.made = Some((name, dir?));
        }
        let (_, dir) = self.made.as_ref().expect("it was made just now");
        Ok(dir)
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        let Some((name, dir)) = self.made.take() else { return };
        for step in 0..self.steps {
            let _ = dir.remove_file(step.to_string());
        }
        drop(dir);
        let _ = self.onto.remove_dir(name);
    }
}

/// Returns the mode of a file that takes the place of another.
pub(super) fn mode_like(mode: u32, executable: bool) -> u32 {
    let mode = mode & 0o777;
    match (executable, mode & 0o111 != 0) {
        // For whoever may read it, and its owner whatever there is.
        (true, false) => mode | (mode & 0o444) >> 2 | 0o100,
        (false, true) => mode & !0o111,
        (true, true) | (false, false) => mode,
    }
}

fn make_directory(onto: &Dir) -> io::Result<String> {
    // What takes the place of a private file must not be open to others before.
    let mut private = DirBuilder::new();
    private.mode(0o700);
    for number in 0..MAX_NAMES {
        let name = format!(".errand-apply-{number}");
        match onto.create_dir_with(&name, &private) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| name),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "all names for a directory are taken"))
}

enum Fault {
    Reading(io::Error),
    Writing(io::Error),
}

/// Copies a content, not more of it than there should be, and checks that it is that.
fn copy(
    content: impl Read,
    size_bytes: u64,
    blake3: &Digest,
    file: &mut impl Write,
    buffer: &mut [u8],
) -> Result<(), Fault> {
    let mut hasher = blake3::Hasher::new();
    let mut content = content.take(size_bytes.saturating_add(1));
    loop {
        let read = match content.read(buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fault::Reading(error)),
        };
        hasher.update(&buffer[..read]);
        file.write_all(&buffer[..read]).map_err(Fault::Writing)?;
    }
    if hasher.count() == size_bytes && Digest::from(hasher.finalize()) == *blake3 {
        return Ok(());
    }
    let message = format!("it is not the content {blake3} of {size_bytes} bytes");
    Err(Fault::Reading(io::Error::new(io::ErrorKind::InvalidData, message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_changes_in_who_may_execute_alone() {
        for (mode, executable, new) in [
            (0o640, true, 0o750),
            (0o755, false, 0o644),
            (0o700, true, 0o700),
            (0o600, false, 0o600),
            (0o200, true, 0o300),
            (0o104755, true, 0o755),
        ] {
            assert_eq!(mode_like(mode, executable), new, "{mode:o}");
        }
    }
}
