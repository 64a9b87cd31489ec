//! What a task changed, as the server lists it.

use errand_core::{Change, Digest, Node};
use serde::Deserialize;

use super::Route;

/// The lists.
#[derive(Debug, Deserialize)]
pub(crate) struct TaskDiff {
    added: Vec<Listed>,
    modified: Vec<Modified>,
    deleted: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    path: String,
    #[serde(flatten)]
    node: ListedNode,
}

#[derive(Debug, Deserialize)]
struct Modified {
    path: String,
    #[serde(flatten)]
    after: ListedNode,
    before: ListedNode,
}

/// A file, a link or a directory, by git's mode.
#[derive(Debug, Deserialize)]
#[serde(tag = "mode")]
enum ListedNode {
    #[serde(rename = "100644")]
    File { size_bytes: u64, blake3: Digest },
    #[serde(rename = "100755")]
    Program { size_bytes: u64, blake3: Digest },
    #[serde(rename = "120000")]
    Link { target: String },
    #[serde(rename = "040000")]
    Directory,
}

impl TaskDiff {
    /// Returns where a task's lists are.
    pub(crate) fn route(id: &str) -> Route {
        Route::new("/v1/tasks").segment(id).segment("diff")
    }

    /// Returns all that is in the lists, sorted by path.
    pub(crate) fn changes(self) -> Vec<Change> {
        let added = self.added.into_iter().map(|Listed { path, node }| Change {
            path,
            before: None,
            after: Some(node.into()),
        });
        let modified = self.modified.into_iter().map(|Modified { path, after, before }| Change {
            path,
            before: Some(before.into()),
            after: Some(after.into()),
        });
        let deleted = self.deleted.into_iter().map(|Listed { path, node }| Change {
            path,
            before: Some(node.into()),
            after: None,
        });
        let mut changes: Vec<Change> = added.chain(modified).chain(deleted).collect();
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        changes
    }
}

impl From<ListedNode> for Node {
    fn from(node: ListedNode) -> Self {
        match node {
            ListedNode::File { size_bytes, blake3 } => {
                Self::File { executable: false, size_bytes, blake3 }
            }
            ListedNode::Program { size_bytes, blake3 } => {
                Self::File { executable: true, size_bytes, blake3 }
            }
            ListedNode::Link { target } => Self::Symlink { target },
            ListedNode::Directory => Self::Directory,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_lists_become_changes_sorted_by_path() {
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let file = |path: &str, mode: &str, blake3: &Digest| json!({"path": path, "mode": mode, "size_bytes": 3, "blake3": blake3.to_string()});
        let mut modified = file("b", "100755", &new);
        modified["before"] = json!({"mode": "100644", "size_bytes": 3, "blake3": old.to_string()});
        let link = json!({"path": "a", "mode": "120000", "size_bytes": 1, "blake3": new.to_string(), "target": "b"});
        let listed = json!({
            "added": [{"path": "d", "mode": "040000"}, link],
            "modified": [modified],
            "deleted": [file("c", "100644", &old)],
        });
        let diff: TaskDiff = serde_json::from_value(listed).expect("it is understood");
        let node = |executable, blake3| Node::File { executable, size_bytes: 3, blake3 };
        let change = |path: &str, before, after| Change { path: path.into(), before, after };
        assert_eq!(
            diff.changes(),
            [
                change("a", None, Some(Node::Symlink { target: "b".into() })),
                change("b", Some(node(false, old)), Some(node(true, new))),
                change("c", Some(node(false, old)), None),
                change("d", None, Some(Node::Directory)),
            ]
        );
    }

    #[test]
    fn what_can_not_be_applied_is_not_understood() {
        for node in [
            json!({"path": "a", "mode": "160000", "size_bytes": 0, "blake3": Digest::of(b"").to_string()}),
            json!({"path": "a", "mode": "120000", "size_bytes": 0, "blake3": Digest::of(b"").to_string()}),
            json!({"path": "a", "mode": "100644", "size_bytes": 0, "blake3": "x"}),
        ] {
            let listed = json!({"added": [node], "modified": [], "deleted": []});
            assert!(serde_json::from_value::<TaskDiff>(listed.clone()).is_err(), "{listed}");
        }
    }
}
