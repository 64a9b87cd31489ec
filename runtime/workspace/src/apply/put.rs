//! The steps of a plan, taken: what makes way first, what is removed without need last.
//!
//! So if something fails on the way, as little as possible is gone that is not there in its new place.

use std::io;

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, Permissions, PermissionsExt};
use errand_core::ChangeCounts;

use super::ApplyError;
use super::look::{Walked, metadata, walk};
use super::paths::split;
use super::plan::{Doing, Step};
use super::stage::{Staged, mode_like};
use crate::scan::open_file;

/// Takes all steps.
pub(super) fn all(
    steps: &[Step<'_>],
    staged: &Staged<'_>,
    onto: &Dir,
) -> Result<ChangeCounts, ApplyError> {
    let mut putting = Putting { onto, staged, applied: ChangeCounts::default() };
    let forwards = || steps.iter().enumerate();
    // Directories are emptied before they are removed, and made before what lies in them.
    putting.phase(Phase::MakeWay, forwards())?;
    putting.phase(Phase::MakeWayOfDirectories, forwards().rev())?;
    putting.phase(Phase::Put, forwards())?;
    putting.phase(Phase::Remove, forwards())?;
    putting.phase(Phase::RemoveDirectories, forwards().rev())?;
    Ok(putting.applied)
}

#[derive(PartialEq, Eq)]
enum Phase {
    MakeWay,
    MakeWayOfDirectories,
    Put,
    Remove,
    RemoveDirectories,
}

fn phase(doing: &Doing<'_>) -> Phase {
    match doing {
        Doing::Remove { makes_way: true } => Phase::MakeWay,
        Doing::RemoveDirectory { makes_way: true } => Phase::MakeWayOfDirectories,
        Doing::Put { .. } | Doing::SetMode { .. } | Doing::MakeDirectory => Phase::Put,
        Doing::Remove { makes_way: false } => Phase::Remove,
        Doing::RemoveDirectory { makes_way: false } => Phase::RemoveDirectories,
    }
}

struct Putting<'a> {
    onto: &'a Dir,
    staged: &'a Staged<'a>,
    applied: ChangeCounts,
}

impl Putting<'_> {
    fn phase<'s>(
        &mut self,
        now: Phase,
        steps: impl Iterator<Item = (usize, &'s Step<'s>)>,
    ) -> Result<(), ApplyError> {
        for (number, step) in steps.filter(|(_, step)| phase(&step.doing) == now) {
            self.step(number, step).map_err(ApplyError::at(step.path))?;
        }
        Ok(())
    }

    fn step(&mut self, number: usize, step: &Step<'_>) -> io::Result<()> {
        let (parent, name) = split(step.path);
        match &step.doing {
            Doing::Put { is_new, .. } => {
                self.staged.place(number, &self.made(parent)?, name)?;
                self.applied.added += u64::from(*is_new);
                self.applied.modified += u64::from(!*is_new);
            }
            Doing::SetMode { executable, mode } => {
                let (file, _) = open_file(&self.found(parent)?, name)?;
                file.set_permissions(Permissions::from_mode(mode_like(*mode, *executable)))?;
                self.applied.modified += 1;
            }
            Doing::MakeDirectory => drop(self.made(step.path)?),
            Doing::Remove { .. } => {
                self.found(parent)?.remove_file(name)?;
                self.applied.deleted += 1;
            }
            Doing::RemoveDirectory { makes_way } => {
                match self.found(parent)?.remove_dir(name) {
                    // Something else is in it, which is nobody's business here.
                    Err(error)
                        if !makes_way && error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                    removed => removed?,
                }
            }
        }
        Ok(())
    }

    /// Goes to a directory that was there when the steps were planned.
    fn found(&self, path: &str) -> io::Result<Dir> {
        match walk(self.onto, path)? {
            Walked::There(dir) => Ok(dir),
            Walked::Missing => Err(io::ErrorKind::NotFound.into()),
            Walked::Blocked { .. } => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Goes to a directory, making what is missing of it: it may have been removed since the changes
    /// found it.
    fn made(&self, path: &str) -> io::Result<Dir> {
        let mut dir = self.onto.try_clone()?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if metadata(&dir, name)?.is_none() {
                dir.create_dir(name)?;
            }
            dir = dir.open_dir_nofollow(name)?;
        }
        Ok(dir)
    }
}
