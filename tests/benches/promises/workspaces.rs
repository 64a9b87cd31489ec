//! What workspaces cost: a repository of 20,000 files and 500 MB, against what people do by hand.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use errand_core::{Digest, EventBody, Missing, Placing};
use errand_scheduler::TaskRequest;
use errand_store::{SledOptions, SledStore};
use errand_workspace::git::{Git, SparsePaths};
use errand_workspace::{
    Base, Bases, Bounds, Directory, LinksOut, Quota, Scan, StopFlag, Workspace, Workspaces,
};
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::inside::{Inside, Setup};
use crate::report::{Figure, percentile};

const DIRECTORIES: usize = 200;
const FILES_EACH: usize = 100;
const FILE_BYTES: usize = 25_000;
/// Times that each thing is done, in turn with what it is compared with.
const ROUNDS: usize = 3;
/// Times that all files are read, in turn.
const READS: usize = 9;
/// Files that a task touches.
const TOUCHED: usize = 100;
/// Workspaces at once.
const AT_ONCE: usize = 8;

/// A repository, what starts from it, and what it is compared with.
struct Place {
    root: tempfile::TempDir,
    workspaces: Workspaces,
    bases: Bases,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let mut random = rand::rngs::StdRng::seed_from_u64(1);
        let mut bytes = vec![0; FILE_BYTES];
        for directory in 0..DIRECTORIES {
            let path = root.path().join(format!("repository/d{}/s{directory}", directory % 20));
            std::fs::create_dir_all(&path).expect("a directory");
            for file in 0..FILES_EACH {
                random.fill_bytes(&mut bytes);
                std::fs::write(path.join(format!("{file}.bin")), &bytes).expect("a file");
            }
        }
        let workspaces = Workspaces::open(&root.path().join("workspaces")).expect("a place");
        let bases = Bases::open(&root.path().join("bases")).expect("a place");
        let place = Self { root, workspaces, bases };
        place.git(&["init", "-q", "-b", "main"]);
        place.git(&["add", "."]);
        place.git(&["commit", "-q", "-m", "all"]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn source(&self) -> Directory {
        Directory::open(&self.path("repository")).expect("it is there")
    }

    fn git(&self, args: &[&str]) {
        git(&self.path("repository"), args);
    }

    fn scan(&self) -> Scan {
        Scan::of(self.source(), &bounds()).expect("it can be looked through")
    }

    /// Makes the base that later workspaces start from.
    fn base(&self) -> Arc<Base> {
        let workspace = self.workspaces.create("first").expect("a workspace");
        self.scan().copy_to(&workspace, &quota(), &bounds()).expect("it is copied");
        let (key, kept) = (Digest::of(b"repository"), LinksOut::Kept);
        let missing = Missing::default();
        self.bases.adopt(&workspace, key, kept, missing, &bounds()).expect("it is adopted")
    }

    fn placed(&self, base: &Base, name: &str) -> Workspace {
        let workspace = self.workspaces.create(name).expect("a workspace");
        self.bases.place(base, &workspace, &quota(), &bounds()).expect("it is placed");
        workspace
    }
}

/// The table of workspaces.
pub(crate) fn workspaces() -> Vec<Figure> {
    let place = Place::new();
    let base = place.base();
    let mut figures = directories(&place, &base);
    figures.extend(repositories(&place, &base));
    figures.extend(differences(&place, &base));
    figures.push(disk(&place, &base));
    figures.extend(reading(&place));
    figures
}

/// From a directory that was seen before: it is looked through for changes, and its files are shared.
fn directories(place: &Place, base: &Base) -> Vec<Figure> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        place.scan();
        let workspace = place.placed(base, "timed");
        ours.push(ms(began));
        drop(workspace);
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(place.path("repository")).arg(place.path("copy"));
        theirs.push(timed(&mut copy));
        std::fs::remove_dir_all(place.path("copy")).expect("it is removed");
    }
    let (ours, theirs) = (percentile(&mut ours, 50.0), percentile(&mut theirs, 50.0));
    vec![
        Figure::new("workspace of 20,000 files, seen before", ours, "ms"),
        Figure::new("cp -a of the same", theirs, "ms"),
        Figure::new("cp -a against a workspace seen before", theirs / ours, "×").at_least(5.0),
    ]
}

/// From a commit: registered with the repository, files shared.
fn repositories(place: &Place, base: &Base) -> Vec<Figure> {
    let stop = StopFlag::default();
    let git = Git::open(&place.path("git")).expect("a place for git");
    let repository = git.repository(&place.source(), None, &stop).expect("it is a repository");
    let commit = repository.resolve("main", &stop).expect("it is there");
    let tree = repository.tree(&commit, &SparsePaths::default(), &bounds()).expect("a tree");
    let (mut first, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let name = format!("round-{round}");
        let began = Instant::now();
        let workspace = place.workspaces.create("commit").expect("a workspace");
        repository.copy_to(&tree, &workspace, &quota(), &bounds()).expect("it is copied");
        let worktree = repository.add_worktree(&commit, &name, "measured", &stop);
        first.push(ms(began));
        drop((workspace, worktree));
        let began = Instant::now();
        let worktree = repository.add_worktree(&commit, &name, "measured", &stop);
        let workspace = place.placed(base, "timed");
        ours.push(ms(began));
        drop((workspace, worktree));
        let target = place.path("worktree");
        let mut add = Command::new("git");
        add.current_dir(place.path("repository")).args(["worktree", "add", "-q", "--detach"]);
        theirs.push(timed(add.arg(&target)));
        place.git(&["worktree", "remove", "--force", target.to_str().expect("it is text")]);
    }
    let theirs = percentile(&mut theirs, 50.0);
    let (first, ours) = (percentile(&mut first, 50.0), percentile(&mut ours, 50.0));
    vec![
        Figure::new("git worktree add of 20,000 files", theirs, "ms"),
        Figure::new("git workspace, commit seen before, against it", ours / theirs, "×")
            .at_most(1.3),
        Figure::new("git workspace, first of its commit, against it", first / theirs, "×"),
    ]
}

/// What a task changed, against what git finds in a worktree that was changed alike.
fn differences(place: &Place, base: &Base) -> Vec<Figure> {
    let workspace = place.placed(base, "changed");
    let touched = |number: usize| format!("d{}/s{}/7.bin", (number % 200) % 20, number % 200);
    for number in 0..TOUCHED {
        workspace.copy_up(&touched(number), true).expect("it is copied up");
        let path = place.path("workspaces/changed").join(touched(number));
        std::fs::write(path, b"changed").expect("it is written");
    }
    let target = place.path("worktree");
    let named = target.to_str().expect("it is text");
    place.git(&["worktree", "add", "-q", "--detach", named]);
    for number in 0..TOUCHED {
        std::fs::write(target.join(touched(number)), b"changed").expect("it is written");
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let end = workspace.manifest(Some(base), &StopFlag::default()).expect("it can be read");
        assert_eq!(base.manifest().changes(&end).len(), TOUCHED);
        ours.push(ms(began));
        let mut status = Command::new("git");
        // So that each round does the same: the index keeps what was seen.
        let status = status.current_dir(&target).args(["--no-optional-locks", "status", "-s"]);
        theirs.push(timed(status.stdout(Stdio::null())));
    }
    place.git(&["worktree", "remove", "--force", named]);
    let (ours, theirs) = (percentile(&mut ours, 50.0), percentile(&mut theirs, 50.0));
    vec![
        Figure::new("changes of a task that touched 100 files", ours, "ms"),
        Figure::new("changes, against git status", ours / theirs, "×").at_most(1.5),
    ]
}

/// What eight workspaces take on the disk beyond their base.
fn disk(place: &Place, base: &Base) -> Figure {
    let used = || {
        let mut du = Command::new("du");
        let output = du.args(["-s", "-B1"]).arg(place.root.path()).output().expect("there is a du");
        let text = String::from_utf8(output.stdout).expect("it is text");
        text.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).expect("a number")
    };
    let before = used();
    let all: Vec<_> =
        (0..AT_ONCE).map(|number| place.placed(base, &format!("at-once-{number}"))).collect();
    let more = used() - before;
    drop(all);
    let source = (DIRECTORIES * FILES_EACH * FILE_BYTES) as f64;
    Figure::new("8 workspaces at once, disk beyond their base", 100.0 * more / source, "%")
        .at_most(10.0)
}

/// Python reads all files: where they are shared, and where they are a plain copy.
fn reading(place: &Place) -> Vec<Figure> {
    const READ: &str = "
import errand, os
errand.emit('begin', None)
result = sum(
    len(open(os.path.join(at, name), 'rb').read()) for at, _, names in os.walk('.') for name in names
)
errand.emit('end', None)
";
    let repository = place.path("repository");
    let inside = |name: &str, shares: bool| {
        let directory = place.path(name);
        let store = SledStore::open(&directory.join("store"), SledOptions::default());
        let store = Arc::new(store.expect("the store can be opened"));
        let blobs = Arc::new(store.blobs().clone());
        let executors = &[("python", "python")];
        let allowed = vec![repository.clone()];
        Inside::start(store, blobs, Setup { directory, executors, allowed, shares })
    };
    let request = TaskRequest::from_value(json!({
        "executor": "python", "input": {"code": READ},
        "workspace": {"from": "dir", "path": repository},
    }));
    let request = request.expect("it is one");
    let read = |inside: &Inside, wanted: Placing| {
        let task = inside.run(request.clone());
        let sum = task.output.as_ref().map(|output| output["result"].clone());
        assert_eq!(sum, Some(json!(DIRECTORIES * FILES_EACH * FILE_BYTES)));
        let (mut said, mut method) = (Vec::new(), None);
        for event in inside.events(&task) {
            match event.body {
                EventBody::Started { placed, .. } => method = placed.map(|placed| placed.method),
                EventBody::Emitted { .. } => said.push(event.at.0),
                _ => {}
            }
        }
        assert_eq!(method, Some(wanted));
        (said[1] - said[0]) as f64
    };
    let (sharing, copying) = (inside("sharing", true), inside("copying", false));
    // What is shared later is copied first.
    read(&sharing, Placing::Copied);
    let (mut shared, mut copied) = (Vec::new(), Vec::new());
    for _ in 0..READS {
        shared.push(read(&sharing, Placing::Shared));
        copied.push(read(&copying, Placing::Copied));
    }
    let (shared, copied) = (percentile(&mut shared, 50.0), percentile(&mut copied, 50.0));
    vec![
        Figure::new("python reads 20,000 shared files", shared, "ms"),
        Figure::new("python reading, shared against a plain copy", shared / copied, "×")
            .at_most(1.2),
    ]
}

fn bounds() -> Bounds {
    Bounds::of_bytes(1 << 30)
}

fn quota() -> Quota {
    Quota::new(1 << 30, 100_000)
}

fn git(directory: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(args);
    let status = command.current_dir(directory).status().expect("there is a git");
    assert!(status.success(), "git {args:?}");
}

fn timed(command: &mut Command) -> f64 {
    let began = Instant::now();
    assert!(command.status().expect("it starts").success(), "{command:?}");
    ms(began)
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}
