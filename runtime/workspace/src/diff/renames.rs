//! Files that have moved: gone from one path, and the same at another.

use std::collections::HashMap;

use errand_core::{Change, Digest, Node};

use super::known;

/// Which additions are moved files, and which removals tell of the same.
///
/// Each file that is gone moved to one place at most. Empty ones are not looked at: they are all the same.
pub(super) struct Renames {
    sources: Vec<Option<usize>>,
    leads_away: Vec<bool>,
}

impl Renames {
    pub(super) fn among(changes: &[Change]) -> Self {
        let mut renames =
            Self { sources: vec![None; changes.len()], leads_away: vec![false; changes.len()] };
        // A file that kept its name is likelier the same than any other with its content.
        renames.pair(changes, |digest, path| (digest, path.rsplit('/').next().unwrap_or(path)));
        renames.pair(changes, |digest, _| (digest, ""));
        renames
    }

    /// Returns the index of the change that says what moved to the path of this one.
    pub(super) fn source(&self, at: usize) -> Option<usize> {
        self.sources[at]
    }

    /// Tells whether what this change says is gone has moved.
    pub(super) fn leads_away(&self, at: usize) -> bool {
        self.leads_away[at]
    }

    fn pair<'a>(
        &mut self,
        changes: &'a [Change],
        key: impl Fn(Digest, &'a str) -> (Digest, &'a str),
    ) {
        let mut gone: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, change) in changes.iter().enumerate().rev() {
            if let (Some(digest), None) = (movable(&change.before), known(&change.after))
                && !self.leads_away[at]
            {
                gone.entry(key(digest, &change.path)).or_default().push(at);
            }
        }
        for (at, change) in changes.iter().enumerate() {
            if let (None, Some(digest)) = (known(&change.before), movable(&change.after))
                && self.sources[at].is_none()
                && let Some(source) = gone.get_mut(&key(digest, &change.path)).and_then(Vec::pop)
            {
                self.sources[at] = Some(source);
                self.leads_away[source] = true;
            }
        }
    }
}

fn movable(node: &Option<Node>) -> Option<Digest> {
    match node {
        Some(Node::File { size_bytes: 1.., blake3, .. }) => Some(*blake3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> Option<Node> {
        let (size_bytes, blake3) = (content.len() as u64, Digest::of(content.as_bytes()));
        Some(Node::File { executable: false, size_bytes, blake3 })
    }

    fn change(path: &str, before: Option<Node>, after: Option<Node>) -> Change {
        Change { path: path.into(), before, after }
    }

    #[test]
    fn each_file_that_is_gone_moved_once_and_rather_kept_its_name() {
        let changes = [
            change("a", file("1"), None),
            change("b", file("1"), None),
            change("c/b", None, file("1")),
            change("c/c", None, file("1")),
            change("c/d", None, file("1")),
        ];
        let renames = Renames::among(&changes);
        assert_eq!([2, 3, 4].map(|at| renames.source(at)), [Some(1), Some(0), None]);
        assert!(renames.leads_away(0) && renames.leads_away(1));
    }

    #[test]
    fn a_file_moves_out_of_what_it_blocked_and_an_empty_one_never() {
        let changes = [
            change("a", file("1"), Some(Node::Directory)),
            change("a/b", None, file("1")),
            change("e", file(""), None),
            change("f", None, file("")),
            change("g", file("1"), file("2")),
            change("h", None, file("2")),
        ];
        let renames = Renames::among(&changes);
        assert_eq!([1, 3, 5].map(|at| renames.source(at)), [Some(0), None, None]);
        assert!(!renames.leads_away(2) && !renames.leads_away(4));
    }
}
