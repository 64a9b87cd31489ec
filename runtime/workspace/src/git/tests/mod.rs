//! Repositories of git's own making, and what is made of them.

mod commits;
mod hostile;
mod opening;
mod registered;
mod states;
mod trees;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::{Bounds, Directory, Workspace, Workspaces};

/// A directory with a repository at `repo`, and ours beside it.
struct Bench {
    root: tempfile::TempDir,
    git: Git,
}

impl Bench {
    /// With an empty repository.
    fn empty() -> Self {
        let root = tempfile::tempdir().unwrap();
        let git = Git::open(&root.path().join("ours")).unwrap();
        std::fs::create_dir(root.path().join("repo")).unwrap();
        let bench = Self { root, git };
        bench.git(&["init", "--quiet", "--initial-branch=main", "."]);
        bench
    }

    /// With one commit of a few files.
    fn new() -> Self {
        let bench = Self::empty();
        bench.write("a.txt", "a\n");
        bench.write("src/main.rs", "fn main() {}\n");
        bench.commit("first");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path("repo").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Adds everything and commits it; returns the id.
    fn commit(&self, message: &str) -> CommitId {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    fn id(&self, reference: &str) -> CommitId {
        self.git(&["rev-parse", reference]).parse().unwrap()
    }

    fn git(&self, args: &[&str]) -> String {
        git_in(&self.path("repo"), args)
    }

    fn open(&self, name: &str) -> Result<Repository, StartError> {
        let directory = Directory::open(&self.path(name)).unwrap();
        self.git.repository(&directory, None, &StopFlag::default())
    }

    fn repository(&self) -> Repository {
        self.open("repo").unwrap()
    }

    /// A workspace with what a commit has in it, and what there is to say of it.
    fn placed(&self, commit: &CommitId, sparse: &[&str]) -> (Workspace, Placed) {
        let repository = self.repository();
        let bounds = Bounds::of_bytes(1 << 20);
        let sparse: Vec<String> = sparse.iter().map(|path| (*path).to_owned()).collect();
        let tree = repository.tree(commit, &SparsePaths::new(&sparse).unwrap(), &bounds).unwrap();
        let workspace = Workspaces::open(&self.path("ws")).unwrap().create("w").unwrap();
        let quota = crate::Quota::new(bounds.bytes, bounds.files);
        let placed = repository.copy_to(&tree, &workspace, &quota, &bounds).unwrap();
        assert_eq!(quota.bytes(), tree.bytes());
        assert_eq!(quota.files(), tree.entries().len() as u64);
        (workspace, placed)
    }
}

/// Runs git as its user would; returns what it says, trimmed.
fn git_in(dir: &Path, args: &[&str]) -> String {
    git_fed(dir, args, b"")
}

fn git_fed(dir: &Path, args: &[&str], input: &[u8]) -> String {
    use std::io::Write;
    let mut child = Command::new("git")
        .current_dir(dir)
        .env_clear()
        .envs([
            ("PATH", std::env::var("PATH").unwrap().as_str()),
            ("HOME", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_AUTHOR_NAME", "Ann"),
            ("GIT_AUTHOR_EMAIL", "ann@example.org"),
            ("GIT_COMMITTER_NAME", "Ann"),
            ("GIT_COMMITTER_EMAIL", "ann@example.org"),
            ("LC_ALL", "C"),
        ])
        .args(["-c", "protocol.file.allow=always", "-c", "safe.directory=*"])
        .args(args)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {args:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn stop() -> StopFlag {
    StopFlag::default()
}
