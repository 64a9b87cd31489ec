//! Whether a work tree still is what a task started from.

use super::objects::CommitId;
use super::repository::Repository;
use super::scratch::Scratch;
use crate::{StartError, StopFlag};

/// Settings that say how files in the work tree differ from those in a commit. None of them names
/// a program, so they are taken over where the rest of the configuration is not.
const TAKEN_OVER: [&str; 11] = [
    "core.autocrlf",
    "core.eol",
    "core.safecrlf",
    "core.filemode",
    "core.symlinks",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.trustctime",
    "core.checkstat",
    "core.sparsecheckout",
    "core.sparsecheckoutcone",
];

/// How a work tree stands to its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkTreeState {
    /// The commit that is checked out; nothing where there is none yet.
    pub head: Option<CommitId>,
    /// Paths that differ from the commit that was asked for, in the index or the work tree. Files that
    /// git does not track are not among them.
    pub dirty: Vec<String>,
}

impl WorkTreeState {
    /// Tells whether a commit is checked out with nothing changed.
    pub fn is_clean_at(&self, commit: &CommitId) -> bool {
        self.head.as_ref() == Some(commit) && self.dirty.is_empty()
    }
}

impl Repository {
    /// Compares the work tree with a commit.
    ///
    /// No filter is run: where a filtered file's times have changed, its content is compared as it is,
    /// and it counts as changed.
    ///
    /// # Errors
    /// [`StartError::Refused`] where the repository is bare or git refuses it.
    pub fn work_tree_state(
        &self,
        commit: &CommitId,
        stop: &StopFlag,
    ) -> Result<WorkTreeState, StartError> {
        if self.is_bare {
            return Err(StartError::refused("is a bare repository, which has no files"));
        }
        let call = self.own(&self.git_dir, stop)?;
        let head =
            call.args(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).answer(stop)?;
        let head = String::from_utf8_lossy(&head.output).trim_end().parse().ok();
        let call = self.own(&self.git_dir, stop)?;
        let settings = taken_over(&call.args(&["config", "--list", "-z"]).answer(stop)?.output);

        // The index is compared with our HEAD and the files with the index, by our configuration.
        let scratch = Scratch::create(&self.git)?;
        scratch.fill(self.format, Some(commit.as_str()))?;
        scratch.link(&self.common_dir.join("info/attributes"), "info/attributes")?;
        scratch.link(&self.git_dir.join("info/sparse-checkout"), "info/sparse-checkout")?;
        // A split index names the rest of it in git's directory.
        for entry in self.git_dir.read_dir()?.flatten() {
            if let Ok(name) = entry.file_name().into_string()
                && name.starts_with("sharedindex.")
            {
                scratch.link(&entry.path(), &name)?;
            }
        }
        let call = self.objects_in(&scratch, stop)?.settings(&settings);
        let call =
            call.env("GIT_WORK_TREE", &self.top).env("GIT_INDEX_FILE", self.git_dir.join("index"));
        let call = call.args(&["status", "--porcelain=v1", "-z", "--untracked-files=no"]);
        // Git would call itself in a submodule to know what is changed there, by its configuration.
        let answer = call.args(&["--no-renames", "--ignore-submodules=dirty"]).answer(stop)?;
        if !answer.success {
            return Err(answer.complaint.refusal("status"));
        }
        let lines = answer.output.split(|byte| *byte == 0).filter(|line| !line.is_empty());
        let dirty = lines.map(|line| String::from_utf8_lossy(line.get(3..).unwrap_or(line)).into());
        Ok(WorkTreeState { head, dirty: dirty.collect() })
    }
}

/// Returns the settings of a listed configuration that are taken over.
fn taken_over(listed: &[u8]) -> Vec<(String, String)> {
    let listed = listed.split(|byte| *byte == 0).filter_map(|line| str::from_utf8(line).ok());
    let pairs = listed.map(|line| line.split_once('\n').unwrap_or((line, "true")));
    let wanted = pairs.filter(|(key, _)| TAKEN_OVER.contains(key));
    wanted.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
