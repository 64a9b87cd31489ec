//! A repository of the host: where its parts lie, and which commit a name means.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::names::why_no_reference;
use super::objects::CommitId;
use super::process::Call;
use super::scratch::{Format, Scratch};
use super::{Git, environment};
use crate::start::shown;
use crate::{AllowedDirs, Directory, StartError, StopFlag};

/// How long a chain of repositories that borrow objects may be: as long as git's.
const MAX_BORROWED: usize = 5;
/// What the list of those that it borrows from may have.
const MAX_BORROWED_BYTES: u64 = 64 << 10;

/// A repository of the host.
#[derive(Debug)]
pub struct Repository {
    pub(super) git: Git,
    /// The work tree, or the bare repository.
    pub(super) top: PathBuf,
    pub(super) is_bare: bool,
    /// Where HEAD and the index are.
    pub(super) git_dir: PathBuf,
    /// Where all worktrees have refs and configuration.
    pub(super) common_dir: PathBuf,
    objects: PathBuf,
    pub(super) format: Format,
    /// Switches off the hooks that its configuration names.
    pub(super) settings: Vec<(String, String)>,
    pub(super) scratch: Scratch,
}

impl Git {
    /// Opens the repository whose top a directory is: the top of a work tree, or a bare repository.
    ///
    /// Git's own directories may lie elsewhere, and objects be borrowed from other repositories. Where
    /// allowed directories are given, all of them must lie in those.
    ///
    /// # Errors
    /// [`StartError::Refused`] where it is no such directory, or git can't be used.
    pub fn repository(
        &self,
        directory: &Directory,
        within: Option<&AllowedDirs>,
        stop: &StopFlag,
    ) -> Result<Repository, StartError> {
        let program = self.program(stop)?;
        let top = path_of(&directory.0)?;
        let (named, is_bare) = if directory.0.symlink_metadata(".git").is_ok() {
            (top.join(".git"), false)
        } else if ["HEAD", "objects", "refs"].iter().all(|name| directory.0.exists(name)) {
            (top.clone(), true)
        } else {
            return Err(StartError::refused(
                "is not the top directory of a git repository; name its top, or use \
                 {\"from\": \"directory\"}",
            ));
        };
        let scratch = Scratch::create(self)?;
        let asked = |args: &[&str]| {
            let call = Call::new(program).env("GIT_DIR", &named);
            call.env("GIT_WORK_TREE", scratch.empty()).args(args).text(stop)
        };
        let said = asked(&[
            "rev-parse",
            "--path-format=absolute",
            "--git-dir",
            "--git-common-dir",
            "--git-path",
            "objects",
            "--show-object-format",
        ])?;
        let [git_dir, common_dir, objects, format] = said.lines().collect::<Vec<_>>()[..] else {
            return Err(StartError::refused("lies at a path with a line break in it"));
        };
        let real = |path: &str| {
            Path::new(path).canonicalize().map_err(|error| {
                StartError::Refused(format!("its directory `{}`: {error}", shown(path)))
            })
        };
        let (git_dir, common_dir, objects) = (real(git_dir)?, real(common_dir)?, real(objects)?);
        let format = match format {
            "sha1" => Format::Sha1,
            "sha256" => Format::Sha256,
            other => {
                let other = shown(other);
                return Err(StartError::Refused(format!("has objects of the format `{other}`")));
            }
        };
        if let Some(within) = within {
            for own in [&git_dir, &common_dir] {
                allow(within, own)?;
            }
            allow_objects(within, &objects, MAX_BORROWED)?;
        }
        let settings = environment::hooks_off(&asked(&["config", "--list", "--name-only", "-z"])?);
        scratch.fill(format, None)?;
        Ok(Repository {
            git: self.clone(),
            top,
            is_bare,
            git_dir,
            common_dir,
            objects,
            format,
            settings,
            scratch,
        })
    }
}

impl Repository {
    /// Tells whether it has no work tree.
    pub fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// Returns the commit that a name means now: a branch, a tag, HEAD or an abbreviated id.
    ///
    /// # Errors
    /// [`StartError::Refused`] where it means none, or more than one thing.
    pub fn resolve(&self, reference: &str, stop: &StopFlag) -> Result<CommitId, StartError> {
        let refused =
            |why: String| StartError::Refused(format!("the name `{}` {why}", shown(reference)));
        if let Some(why) = why_no_reference(reference) {
            return Err(refused(why.to_owned()));
        }
        let verify = |name: &str| {
            let call = self.own(&self.git_dir, stop)?;
            call.args(&["rev-parse", "--verify", "--end-of-options", name]).answer(stop)
        };
        let answer = verify(&format!("{reference}^{{commit}}"))?;
        if answer.complaint.has("is ambiguous") {
            return Err(refused(
                "means more than one thing; write it in full, such as `refs/heads/…`, \
                 `refs/tags/…` or all digits of the id"
                    .into(),
            ));
        }
        let id = String::from_utf8_lossy(&answer.output);
        match id.trim_end().parse() {
            Ok(id) if answer.success => Ok(id),
            _ if answer.complaint.has("expected commit type") => {
                Err(refused("means something else than a commit".into()))
            }
            _ if answer.complaint.has("Needed a single revision") => {
                Err(refused("means no commit that is in the repository".into()))
            }
            _ => Err(refused(format!("means no commit: {}", answer.complaint.line()))),
        }
    }

    /// Prepares a call on the repository itself: its refs, HEAD and worktrees.
    pub(super) fn own(&self, git_dir: &Path, stop: &StopFlag) -> Result<Call, StartError> {
        let call = Call::new(self.git.program(stop)?).settings(&self.settings);
        Ok(call.env("GIT_DIR", git_dir).env("GIT_WORK_TREE", self.scratch.empty()))
    }

    /// Prepares a call on its objects alone, which sees no configuration of it.
    pub(super) fn objects_in(
        &self,
        scratch: &Scratch,
        stop: &StopFlag,
    ) -> Result<Call, StartError> {
        let call = Call::new(self.git.program(stop)?).env("GIT_DIR", &scratch.path);
        Ok(call.env("GIT_WORK_TREE", scratch.empty()).env("GIT_OBJECT_DIRECTORY", &self.objects))
    }
}

/// Returns where an open directory lies, links resolved.
#[expect(clippy::disallowed_methods, reason = "git takes a path, and no handle")]
fn path_of(dir: &Dir) -> Result<PathBuf, StartError> {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", dir.as_raw_fd()))?;
    let (held, named) = (rustix::fs::fstat(dir), rustix::fs::stat(&path));
    let is_there = held.and_then(|held| {
        named.map(|named| (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino))
    });
    if is_there != Ok(true) {
        return Err(StartError::refused("was moved or removed since it was opened"));
    }
    match path.to_str() {
        Some(text) if !text.contains('\n') => Ok(path),
        _ => Err(StartError::refused("lies at a path that is not UTF-8 on one line")),
    }
}

fn allow(within: &AllowedDirs, path: &Path) -> Result<(), StartError> {
    let text = path.to_string_lossy();
    match within.directory(&text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = shown(&text);
            Err(StartError::Refused(format!("is kept in `{text}`, which {error}")))
        }
    }
}

/// Checks a directory of objects and those that it borrows from.
fn allow_objects(within: &AllowedDirs, objects: &Path, left: usize) -> Result<(), StartError> {
    allow(within, objects)?;
    let dir = Dir::open_ambient_dir(objects, ambient_authority())?;
    let mut lenders = String::new();
    match crate::scan::open_file(&dir, "info/alternates") {
        Ok((file, _)) => file.take(MAX_BORROWED_BYTES).read_to_string(&mut lenders)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {
            return Err(StartError::refused("has an `objects/info/alternates` that is no file"));
        }
    };
    for lender in lenders.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let refused = |why: &str| {
            StartError::Refused(format!("borrows objects from `{}`, {why}", shown(lender)))
        };
        if left == 0 {
            return Err(refused("by way of too many others"));
        }
        // A quoted one would be read otherwise by git.
        let real = objects.join(lender).canonicalize();
        let real = real.map_err(|_| refused("which is not there"))?;
        allow_objects(within, &real, left - 1)?;
    }
    Ok(())
}
