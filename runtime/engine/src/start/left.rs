//! What a run leaves in its workspace: kept when it ends, and read back.
//!
//! Kept are the changes against the task's source and the contents that the source lacks: large ones as
//! blobs of their own, where they are found again, the others in one blob with the changes.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufWriter, Cursor, Read, Write};
use std::sync::Arc;

use errand_core::{
    Blobs, Change, ChangeCounts, Content, Digest, Left, LeftBy, Manifest, Node, Origin, Snapshot,
    SnapshotRef, Task, Unreadable, combined,
};
use errand_workspace::{Bounds, MAX_PATH_BYTES, StartError, StopFlag, Workspace, write_diff};
use tokio::runtime::Handle;

use super::maker::{Made, key_of};
use super::source::{Source, Stored};
use super::{Starts, StopsWhenDropped, blobs, io, off_thread, wanted};
use crate::ended::Ended;
use crate::host::filesystem::TakenAway;
use crate::keep::Destination;

/// A content of this size is a blob of its own.
const LARGE_BYTES: u64 = 1 << 20;
/// How much is written at a time of what is read back.
const WRITE_BYTES: usize = 256 << 10;

/// What is kept of a workspace, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// What the task leaves, for as long as there is the task.
    End,
    /// What its next run goes on from, until it saves again: nothing of it may lie in the blob of an
    /// earlier checkpoint, which would stay for a small part of it.
    Checkpoint,
}

/// Keeps what a run left.
pub(crate) async fn leave(
    destination: &Destination,
    taken: TakenAway,
    what: Leave,
) -> Result<Left, Ended> {
    let TakenAway { workspace, began, snapshot: start, task_began } = taken;
    let blobs = blobs(destination).map_err(|error| host(&error))?;
    let stop = StopFlag::default();
    let _stops = StopsWhenDropped(stop.clone());
    let surveyed = off_thread(move || {
        let manifest = began.manifest();
        let end = workspace.manifest(began.shares(), &stop)?;
        let mut changes = manifest.changes(&end);
        changes.retain(|change| is_kept(&change.path));
        Ok((workspace, manifest, changes))
    });
    let (workspace, manifest, changes) = surveyed.await.map_err(|error| match error {
        StartError::Io(error) => Ended::of_the_host(&error).unwrap_or_else(|| host(&error)),
        error => host(&error),
    })?;
    let (reference, start) = start.unzip();
    let start = start.unwrap_or_default();
    let is_as_it_began = changes.is_empty();
    let all = Snapshot { changes: combined(&start.changes, &changes), contents: Vec::new() };
    let counts = match &task_began {
        None => ChangeCounts::of(&changes),
        Some(began) => ChangeCounts::of(&all.since(began)),
    };
    if is_as_it_began {
        return Ok(Left { counts, snapshot: reference });
    }
    let changes = all.changes;
    if changes.is_empty() {
        return Ok(Left { counts, snapshot: None });
    }
    let workspace = Arc::new(workspace);
    let keeping =
        Keeping { blobs, workspace: &workspace, manifest: &manifest, start: &start, what };
    let snapshot = keeping.keep(changes).await?;
    Ok(Left { counts, snapshot: Some(snapshot) })
}

/// Tells whether what has a path can be brought elsewhere: `.git` is git's own, whoever made it, and in no
/// patch, and no system call takes a path of any length.
fn is_kept(path: &str) -> bool {
    let is_git = |part: &str| part.eq_ignore_ascii_case(".git");
    path.len() <= MAX_PATH_BYTES && !path.split('/').any(is_git)
}

struct Keeping<'a> {
    blobs: &'a Arc<dyn Blobs>,
    workspace: &'a Arc<Workspace>,
    /// What was there at the start.
    manifest: &'a Manifest,
    /// What that was of the source.
    start: &'a Snapshot,
    what: Leave,
}

impl Keeping<'_> {
    async fn keep(&self, changes: Vec<Change>) -> Result<SnapshotRef, Ended> {
        let mut at_start: HashSet<Digest> = HashSet::new();
        at_start.extend(self.manifest.entries().iter().filter_map(|entry| content(&entry.node)));
        let mut contents: HashMap<Digest, Content> = HashMap::new();
        let mut small = Vec::new();
        let mut offset = 0;
        for change in &changes {
            let Some(Node::File { size_bytes, blake3, .. }) = change.after else { continue };
            let known = self.start.content(&blake3).copied();
            if contents.contains_key(&blake3) || known.is_none() && at_start.contains(&blake3) {
                continue;
            }
            let is_alone = |known: &Content| known.blob == Some(blake3);
            let known = known.filter(|known| self.what == Leave::End || is_alone(known));
            let kept = match known {
                Some(known) => known,
                None if size_bytes >= LARGE_BYTES => {
                    let file = self.workspace.open_nofollow(&change.path);
                    let file = file.map_err(|error| host(&error))?;
                    let stored = self.put(Box::new(file)).await?;
                    if stored != blake3 {
                        return Err(changed(&change.path));
                    }
                    Content { blake3, size_bytes, blob: Some(blake3), offset: 0 }
                }
                None => {
                    small.push((change.path.clone(), blake3));
                    offset += size_bytes;
                    Content { blake3, size_bytes, blob: None, offset: offset - size_bytes }
                }
            };
            contents.insert(blake3, kept);
        }
        let mut contents: Vec<Content> = contents.into_values().collect();
        contents.sort_unstable_by(|a, b| a.blake3.as_bytes().cmp(b.blake3.as_bytes()));
        let mut others: Vec<Digest> = contents.iter().filter_map(|content| content.blob).collect();
        others.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        others.dedup();
        let head = Snapshot { changes, contents }.encode();
        let packed = Packed::new(self.workspace.clone(), small);
        let blob = self.put(Box::new(Cursor::new(head).chain(packed))).await?;
        Ok(SnapshotRef { blob, contents: others })
    }

    async fn put(&self, reader: Box<dyn Read + Send>) -> Result<Digest, Ended> {
        let stored = self.blobs.put_reader(reader).await;
        let (digest, _) = stored.map_err(|error| {
            let error = io(&error);
            Ended::of_the_host(&error).unwrap_or_else(|| host(&error))
        })?;
        Ok(digest)
    }
}

fn content(node: &Node) -> Option<Digest> {
    match node {
        Node::File { blake3, .. } => Some(*blake3),
        Node::Directory | Node::Symlink { .. } => None,
    }
}

fn host(error: &dyn std::fmt::Display) -> Ended {
    Ended::Host(format!("failed to keep what is in the workspace: {error}"))
}

fn changed(path: &str) -> Ended {
    host(&format_args!("`{path}` was changed meanwhile"))
}

/// Files of a workspace, one after the other, each checked to be what it was.
struct Packed {
    workspace: Arc<Workspace>,
    files: std::vec::IntoIter<(String, Digest)>,
    open: Option<Open>,
}

struct Open {
    path: String,
    blake3: Digest,
    file: std::fs::File,
    hasher: blake3::Hasher,
}

impl Packed {
    fn new(workspace: Arc<Workspace>, files: Vec<(String, Digest)>) -> Self {
        Self { workspace, files: files.into_iter(), open: None }
    }
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let open = match &mut self.open {
                Some(open) => open,
                None => {
                    let Some((path, blake3)) = self.files.next() else { return Ok(0) };
                    let file = self.workspace.open_nofollow(&path)?;
                    let hasher = blake3::Hasher::new();
                    self.open.insert(Open { path, blake3, file, hasher })
                }
            };
            let read = open.file.read(buffer)?;
            open.hasher.update(&buffer[..read]);
            if read > 0 {
                return Ok(read);
            }
            if Digest::from(open.hasher.finalize()) != open.blake3 {
                return Err(io::Error::other(changed(&open.path)));
            }
            self.open = None;
        }
    }
}

impl Starts {
    /// Writes what a task changed as a patch.
    pub(crate) async fn write_diff(
        &self,
        task: &Task,
        out: Box<dyn Write + Send>,
    ) -> Result<(), Unreadable> {
        let blobs = blobs(&self.maker.blobs).map_err(Unreadable::internal)?.clone();
        let left = LeftBy::read(task, &*blobs).await.map_err(Unreadable::internal)?;
        let left = left.ok_or_else(|| Unreadable::internal("it is not known"))?;
        let changes = left.changes();
        let lacks = |node: &Option<Node>| {
            let content = node.as_ref().and_then(content);
            content.is_some_and(|blake3| {
                left.start.content(&blake3).is_none() && left.end.content(&blake3).is_none()
            })
        };
        let source = match changes.iter().any(|one| lacks(&one.before) || lacks(&one.after)) {
            false => Source::NotWanted,
            true => self.source(task).await?,
        };
        let runtime = Handle::current();
        let written = off_thread(move || {
            let snapshots = vec![&left.start, &left.end];
            let contents = Stored { blobs, runtime, snapshots, source };
            let mut out = BufWriter::with_capacity(WRITE_BYTES, out);
            write_diff(&changes, &contents, &mut out)?;
            Ok(out.flush()?)
        });
        written.await.map_err(Unreadable::internal)
    }

    /// Finds the contents that a task's source has.
    async fn source(&self, task: &Task) -> Result<Source, Unreadable> {
        let origin = Origin { snapshot: None, ..task.origin() };
        if let Some(bases) = &self.maker.bases
            && let Some((key, links_out)) = key_of(&origin).map_err(Unreadable::internal)?
            && bases.get(key, links_out).is_some()
        {
            return Ok(Source::Bases(bases.clone()));
        }
        let made = self.remake(task, origin).await?;
        Ok(Source::workspace(Arc::new(made.workspace), &made.began.manifest()))
    }

    /// Makes a workspace again, to be looked at.
    async fn remake(&self, task: &Task, origin: Origin) -> Result<Made, Unreadable> {
        let _look = self.looks.acquire().await.map_err(Unreadable::internal)?;
        let mut wanted = wanted(origin, task, None);
        // What was once within the task's bounds needs no other.
        wanted.bounds = Bounds { stop: wanted.bounds.stop, ..Bounds::of_bytes(u64::MAX) };
        let (maker, _stops) = (self.maker.clone(), StopsWhenDropped(wanted.bounds.stop.clone()));
        off_thread(move || maker.make(&wanted)).await.map_err(|error| match error {
            StartError::Refused(why) => Unreadable::Gone(why),
            error => Unreadable::internal(error),
        })
    }

    /// Writes what a task left as an archive.
    pub(crate) async fn write_workspace(
        &self,
        task: &Task,
        changed_alone: bool,
        out: Box<dyn Write + Send>,
    ) -> Result<(), Unreadable> {
        let origin = Origin::of_fork(task);
        let origin = origin.ok_or_else(|| Unreadable::internal("it is not known"))?;
        let only: Option<HashSet<String>> = match changed_alone {
            false => None,
            true => {
                let blobs = blobs(&self.maker.blobs).map_err(Unreadable::internal)?;
                let left = LeftBy::read(task, &**blobs).await.map_err(Unreadable::internal)?;
                let changes = left.map(|left| left.changes()).unwrap_or_default();
                let is_there = |change: &Change| {
                    change.after.as_ref().is_some_and(|node| *node != Node::Directory)
                };
                Some(changes.into_iter().filter(is_there).map(|change| change.path).collect())
            }
        };
        let made = self.remake(task, origin).await?;
        let written = off_thread(move || {
            let manifest = made.began.manifest();
            let wanted = |path: &String| only.as_ref().is_none_or(|only| only.contains(path));
            let entries = manifest.entries().iter().filter(|entry| wanted(&entry.path));
            let manifest = Manifest::new(entries.cloned().collect());
            let out = BufWriter::with_capacity(WRITE_BYTES, out);
            made.workspace.listed(&manifest)?.pack(out, &Bounds::of_bytes(u64::MAX))
        });
        written.await.map_err(Unreadable::internal)
    }
}
