//! What a task left in its workspace, so that it can be shown, brought back and gone on from.
//!
//! A snapshot says what differs from what the task's source gives, the parts of a chain of forks in one,
//! and where the contents lie that the source lacks. As a blob it is eight bytes with the length of its
//! JSON, little end first, that JSON, and the contents that are too small for blobs of their own.

use serde::{Deserialize, Serialize};

use crate::{BlobError, Blobs, Change, Digest, Node, Status, Task, WorkspaceSource};

/// Bytes of a snapshot's blob before its JSON.
const HEAD_BYTES: usize = 8;
/// How much of a snapshot is read at once: of most, all that there is to know.
const READ_BYTES: usize = 64 << 10;

/// How the end of a workspace differs from what its task's source gives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// What differs, sorted by path.
    pub changes: Vec<Change>,
    /// Where those contents lie that the source lacks, sorted by digest.
    pub contents: Vec<Content>,
}

/// Where the content of a file lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What it is.
    pub blake3: Digest,
    /// How long it is.
    pub size_bytes: u64,
    /// In which blob; nothing while it is in the snapshot's own, after the JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<Digest>,
    /// Where it begins there.
    pub offset: u64,
}

/// Names a snapshot, and what must be there as long as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRef {
    /// Its own blob.
    pub blob: Digest,
    /// Other blobs with contents of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<Digest>,
}

/// What a run left in its workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Left {
    /// How much differs from what the task started with.
    #[serde(flatten)]
    pub counts: ChangeCounts,
    /// How it differs from what its source gives; nothing where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRef>,
}

/// How many files and links differ. Directories are not counted, as git does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChangeCounts {
    /// New ones.
    pub added: u64,
    /// Ones that are otherwise.
    pub modified: u64,
    /// Ones that are gone.
    pub deleted: u64,
}

/// What an ended task started with and what it left, both against its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBy {
    /// As it started.
    pub start: Snapshot,
    /// As it ended.
    pub end: Snapshot,
}

/// What a fork starts from: another task's source, and what that task made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The source, never another task.
    pub source: WorkspaceSource,
    /// The archive that a directory was captured in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured: Option<Digest>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRef>,
}

impl Snapshot {
    /// Returns the beginning of its blob. What follows are the contents that are in no other blob, each
    /// at its offset.
    ///
    /// # Panics
    /// Never: it can be written as JSON.
    pub fn encode(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("it has no keys but text");
        let mut bytes = Vec::with_capacity(HEAD_BYTES + json.len());
        bytes.extend_from_slice(&(json.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&json);
        bytes
    }

    /// Reads one back. Each content of it then names the blob that it lies in.
    ///
    /// # Errors
    /// When the blob is missing, can't be read or is none.
    pub async fn read(blobs: &dyn Blobs, blob: Digest) -> Result<Self, BlobError> {
        let wrong = |why: &dyn std::fmt::Display| {
            BlobError::Io(format!("the blob {blob} is no snapshot: {why}"))
        };
        let first = blobs.read(blob, 0, READ_BYTES).await?;
        let head = first.first_chunk::<HEAD_BYTES>().ok_or_else(|| wrong(&"it is too short"))?;
        let length = u64::from_le_bytes(*head);
        let whole = usize::try_from(length).ok().and_then(|length| length.checked_add(HEAD_BYTES));
        let whole = whole.ok_or_else(|| wrong(&"it says an absurd length"))?;
        let longer = match whole > first.len() {
            true => blobs.read(blob, 0, whole).await?,
            false => first,
        };
        let json = longer.get(HEAD_BYTES..whole).ok_or_else(|| wrong(&"it is too short"))?;
        let mut snapshot: Self = serde_json::from_slice(json).map_err(|error| wrong(&error))?;
        for content in &mut snapshot.contents {
            if content.blob.is_none() {
                content.blob = Some(blob);
                content.offset = content.offset.saturating_add(whole as u64);
            }
        }
        Ok(snapshot)
    }

    /// Reads one where there is one; the source as it is otherwise.
    ///
    /// # Errors
    /// As [`Snapshot::read`].
    pub async fn read_if(
        blobs: &dyn Blobs,
        snapshot: Option<&SnapshotRef>,
    ) -> Result<Self, BlobError> {
        match snapshot {
            Some(snapshot) => Self::read(blobs, snapshot.blob).await,
            None => Ok(Self::default()),
        }
    }

    /// Returns where a content lies, if the source lacks it.
    pub fn content(&self, blake3: &Digest) -> Option<&Content> {
        let order = |content: &Content| content.blake3.as_bytes().cmp(blake3.as_bytes());
        Some(&self.contents[self.contents.binary_search_by(order).ok()?])
    }

    /// Returns what it differs in from an earlier one of the same source.
    pub fn since(&self, earlier: &[Change]) -> Vec<Change> {
        merged(earlier, &self.changes, |path, early, late| match (early, late) {
            (Some(early), Some(late)) => {
                Change { path, before: early.after.clone(), after: late.after.clone() }
            }
            // As the source has it again.
            (Some(early), None) => {
                Change { path, before: early.after.clone(), after: early.before.clone() }
            }
            (None, late) => late.cloned().unwrap_or(Change { path, before: None, after: None }),
        })
    }
}

impl SnapshotRef {
    /// Returns all blobs that must be there for it.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> {
        std::iter::once(self.blob).chain(self.contents.iter().copied())
    }
}

impl LeftBy {
    /// Reads it; nothing where it is not known what the task left.
    ///
    /// # Errors
    /// When a blob of it can't be read.
    pub async fn read(task: &Task, blobs: &dyn Blobs) -> Result<Option<Self>, BlobError> {
        let Some(left) = task.left() else { return Ok(None) };
        let start = Snapshot::read_if(blobs, task.origin().snapshot.as_ref()).await?;
        let end = Snapshot::read_if(blobs, left.snapshot.as_ref()).await?;
        Ok(Some(Self { start, end }))
    }

    /// Returns what the task changed.
    pub fn changes(&self) -> Vec<Change> {
        self.end.since(&self.start.changes)
    }
}

impl Left {
    /// Returns the blobs that must be there for it.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> {
        self.snapshot.iter().flat_map(SnapshotRef::blobs)
    }
}

impl ChangeCounts {
    /// Counts changes.
    pub fn of(changes: &[Change]) -> Self {
        let mut counts = Self::default();
        for Change { before, after, .. } in changes {
            match (is_file(before), is_file(after)) {
                (false, true) => counts.added += 1,
                (true, true) => counts.modified += 1,
                (true, false) => counts.deleted += 1,
                (false, false) => {}
            }
        }
        counts
    }
}

fn is_file(node: &Option<Node>) -> bool {
    node.as_ref().is_some_and(|node| *node != Node::Directory)
}

impl Origin {
    /// Returns what a fork of a task starts from; nothing where it is not known what the task left.
    pub fn of_fork(task: &Task) -> Option<Self> {
        let left = task.left()?;
        let start = task.origin();
        Some(Self { snapshot: left.snapshot, ..start })
    }

    /// Returns the blobs that must be there for it.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> {
        let archive = match &self.source {
            WorkspaceSource::Tar { blob } => Some(*blob),
            _ => self.captured,
        };
        archive.into_iter().chain(self.snapshot.iter().flat_map(SnapshotRef::blobs))
    }
}

impl Task {
    /// Returns what its workspace starts from.
    pub fn origin(&self) -> Origin {
        match &self.workspace {
            WorkspaceSource::Task { origin: Some(origin), .. } => (**origin).clone(),
            source => Origin { source: source.clone(), captured: self.captured, snapshot: None },
        }
    }

    /// Returns what it left in its workspace, where it has ended and that is known.
    pub fn left(&self) -> Option<Left> {
        match self.status {
            // Where nothing was changed, nothing is written down.
            Status::Completed => Some(self.left.as_deref().cloned().unwrap_or_default()),
            Status::Failed => self.left.as_deref().cloned(),
            _ => None,
        }
    }
}

/// Returns what two steps come to, one after the other.
pub fn combined(first: &[Change], second: &[Change]) -> Vec<Change> {
    merged(first, second, |path, first, second| Change {
        path,
        before: first.or(second).and_then(|change| change.before.clone()),
        after: second.or(first).and_then(|change| change.after.clone()),
    })
}

/// Goes through two lists of changes by path, and keeps what is a change then.
fn merged(
    first: &[Change],
    second: &[Change],
    merge: impl Fn(String, Option<&Change>, Option<&Change>) -> Change,
) -> Vec<Change> {
    let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
    let mut all = Vec::new();
    loop {
        let order = match (first.peek(), second.peek()) {
            (None, None) => return all,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(first), Some(second)) => first.path.cmp(&second.path),
        };
        let one = first.next_if(|_| order.is_le());
        let other = second.next_if(|_| order.is_ge());
        let Some(path) = one.or(other).map(|change| change.path.clone()) else { continue };
        let change = merge(path, one, other);
        if change.before != change.after {
            all.push(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Entry, Manifest};

    fn manifest(of: &std::collections::BTreeMap<String, u8>) -> Manifest {
        let node = |n: u8| match n {
            0 => Node::Directory,
            n => Node::File { executable: false, size_bytes: 1, blake3: Digest::of(&[n]) },
        };
        Manifest::new(
            of.iter().map(|(path, n)| Entry { path: path.clone(), node: node(*n) }).collect(),
        )
    }

    proptest! {
        #[test]
        fn steps_from_one_source_can_be_added_and_taken_apart(
            source in prop::collection::btree_map("[abc]{1,2}", 0u8..3, 0..6),
            middle in prop::collection::btree_map("[abc]{1,2}", 0u8..3, 0..6),
            end in prop::collection::btree_map("[abc]{1,2}", 0u8..3, 0..6),
        ) {
            let [source, middle, end] = [&source, &middle, &end].map(manifest);
            let (first, second) = (source.changes(&middle), middle.changes(&end));
            let whole = combined(&first, &second);
            prop_assert_eq!(&whole, &source.changes(&end));
            let snapshot = Snapshot { changes: whole, contents: Vec::new() };
            prop_assert_eq!(snapshot.since(&first), second);
        }
    }

    #[test]
    fn files_and_links_are_counted() {
        let file = Some(Node::File { executable: false, size_bytes: 0, blake3: Digest::of(b"") });
        let link = Some(Node::Symlink { target: "a".into() });
        let change = |before: &Option<Node>, after: &Option<Node>| Change {
            path: "p".into(),
            before: before.clone(),
            after: after.clone(),
        };
        let directory = Some(Node::Directory);
        let counts = ChangeCounts::of(&[
            change(&None, &file),
            change(&directory, &link),
            change(&None, &directory),
            change(&file, &link),
            change(&file, &None),
        ]);
        assert_eq!(counts, ChangeCounts { added: 2, modified: 1, deleted: 1 });
    }
}
