//! What is to be done for changes, and what speaks against it. Writes nothing.

use std::collections::HashSet;
use std::io;

use cap_std::fs::Dir;
use errand_core::{Change, Node};

use super::look::{Now, Walked, look, walk};
use super::paths::{ByPath, parents, split};
use super::{ApplyError, Difference, Moved};

/// What is to be done, and what has moved.
pub(super) struct Plan<'a> {
    /// Sorted by path.
    pub(super) steps: Vec<Step<'a>>,
    pub(super) moved: Vec<Moved>,
    /// The first of what moved that can't be forced.
    pub(super) in_the_way: Option<ApplyError>,
}

/// Something to be done at a path.
pub(super) struct Step<'a> {
    pub(super) path: &'a str,
    pub(super) doing: Doing<'a>,
}

pub(super) enum Doing<'a> {
    /// A file or a link into the place of whatever is there, with the mode of the file that is.
    Put {
        node: &'a Node,
        mode: Option<u32>,
        is_new: bool,
    },
    /// Another mode for a file with the right content.
    SetMode {
        executable: bool,
        mode: u32,
    },
    MakeDirectory,
    /// What is no directory.
    Remove {
        makes_way: bool,
    },
    /// A directory, which is empty then if it makes way for something.
    RemoveDirectory {
        makes_way: bool,
    },
}

impl<'a> Plan<'a> {
    pub(super) fn of(changes: &'a [Change], onto: &Dir) -> Result<Self, ApplyError> {
        let by_path = ByPath::of(changes)?;
        let plan = Self { steps: Vec::new(), moved: Vec::new(), in_the_way: None };
        let mut planner = Planner { by_path: &by_path, onto, making_way: HashSet::new(), plan };
        for change in by_path.iter() {
            planner.change(change).map_err(ApplyError::at(&change.path))?;
        }
        Ok(planner.plan)
    }
}

struct Planner<'a, 'p> {
    by_path: &'p ByPath<'a>,
    onto: &'p Dir,
    /// Directories that something else will take the place of.
    making_way: HashSet<&'a str>,
    plan: Plan<'a>,
}

impl<'a> Planner<'a, '_> {
    fn change(&mut self, change: &'a Change) -> io::Result<()> {
        let Some((now, mode)) = self.look(change)? else { return Ok(()) };
        if now.is(&change.after) {
            return Ok(());
        }
        if let Some(difference) = difference(&now, change) {
            self.moved(&change.path, difference);
        }
        match &change.after {
            None => self.remove(change, &now),
            Some(Node::Directory) => {
                if !matches!(now, Now::Nothing) {
                    self.step(change, Doing::Remove { makes_way: true });
                }
                self.step(change, Doing::MakeDirectory);
            }
            Some(node) => {
                if now.is_directory() {
                    self.making_way.insert(&change.path);
                    self.check_makes_way(&change.path)?;
                    self.step(change, Doing::RemoveDirectory { makes_way: true });
                }
                let doing = match (node, now, mode) {
                    (
                        Node::File { executable, blake3, .. },
                        Now::Known(Node::File { blake3: now, .. }),
                        Some(mode),
                    ) if now == *blake3 => Doing::SetMode { executable: *executable, mode },
                    _ => Doing::Put { node, mode, is_new: is_no_file(&change.before) },
                };
                self.step(change, doing);
            }
        }
        Ok(())
    }

    /// Looks at what a change touches; nothing where it can't be reached.
    fn look(&mut self, change: &Change) -> io::Result<Option<(Now, Option<u32>)>> {
        let (parent, name) = split(&change.path);
        let (by, is_link) = match walk(self.onto, parent)? {
            Walked::There(dir) => return look(&dir, name, change).map(Some),
            Walked::Missing => return Ok(Some((Now::Nothing, None))),
            Walked::Blocked { by, is_link } => (by, is_link),
        };
        // What blocks the way may be there already instead of the directory, or still instead of the
        // one to come: the changes know.
        let is_known = self.by_path.get(&by).is_some_and(|blocking| blocking.after.is_some());
        if is_known || (change.after.is_none() && !is_link) {
            return Ok(Some((Now::Nothing, None)));
        }
        let what = match is_link {
            true => "is a symbolic link on the way to what is changed",
            false => "is no directory, but on the way to what is changed",
        };
        self.in_the_way(&by, what);
        self.moved(&change.path, Difference::Under { parent: by });
        Ok(None)
    }

    fn remove(&mut self, change: &'a Change, now: &Now) {
        let makes_way = parents(&change.path).any(|parent| self.making_way.contains(parent));
        match (&change.before, now.is_directory()) {
            (Some(Node::Directory), true) => {
                self.step(change, Doing::RemoveDirectory { makes_way });
            }
            (Some(Node::File { .. } | Node::Symlink { .. }), false) => {
                self.step(change, Doing::Remove { makes_way });
            }
            // What came in its place is not what the changes say is gone.
            _ => {}
        }
    }

    /// Checks that nothing is left in a directory once the changes are made.
    fn check_makes_way(&mut self, path: &str) -> io::Result<()> {
        let mut directories = vec![path.to_owned()];
        while let Some(at) = directories.pop() {
            let Walked::There(dir) = walk(self.onto, &at)? else { continue };
            for entry in dir.entries()? {
                let entry = entry?;
                let inner = format!("{at}/{}", entry.file_name().to_string_lossy());
                let is_directory = entry.file_type()?.is_dir();
                let known = self.by_path.get(&inner);
                let is_removed = known.is_some_and(|change| {
                    change.after.is_none()
                        && is_directory == (change.before == Some(Node::Directory))
                });
                if !is_removed {
                    if known.is_none() {
                        self.moved(&inner, Difference::Appeared);
                    }
                    self.in_the_way(path, "is a directory with more in it than the changes know");
                    // One is enough to know: there may be very many.
                    return Ok(());
                }
                if is_directory {
                    directories.push(inner);
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, change: &'a Change, doing: Doing<'a>) {
        self.plan.steps.push(Step { path: &change.path, doing });
    }

    fn moved(&mut self, path: &str, difference: Difference) {
        self.plan.moved.push(Moved { path: path.to_owned(), difference });
    }

    fn in_the_way(&mut self, path: &str, what: &'static str) {
        let path = path.to_owned();
        self.plan.in_the_way.get_or_insert(ApplyError::InTheWay { path, what });
    }
}

/// Returns how a path differs from both what a change found and what it leaves.
///
/// Where no file is to be lost or to be left, it may be gone: so it is when changes that put a file in the
/// place of a directory, or the reverse, were cut short.
fn difference(now: &Now, change: &Change) -> Option<Difference> {
    match now {
        _ if now.is(&change.before) || now.is(&change.after) => None,
        Now::Nothing if is_no_file(&change.before) || is_no_file(&change.after) => None,
        Now::Nothing => Some(Difference::Gone),
        _ if change.before.is_none() => Some(Difference::Appeared),
        _ => Some(Difference::Changed),
    }
}

fn is_no_file(node: &Option<Node>) -> bool {
    matches!(node, None | Some(Node::Directory))
}
