//! Trees to compare and to apply changes to: in memory, and as directories.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use errand_core::{Change, Digest, Entry, Manifest, Node};
use proptest::prelude::*;
use proptest::sample::select;

use crate::Contents;

/// What a name in a tree stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Directory,
    File { content: Vec<u8>, executable: bool },
    Link(String),
}

/// A tree by its paths. Directories above a path need not be named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tree(BTreeMap<String, Item>);

pub(crate) fn file(content: impl AsRef<[u8]>) -> Item {
    Item::File { content: content.as_ref().to_vec(), executable: false }
}

pub(crate) fn program(content: impl AsRef<[u8]>) -> Item {
    Item::File { content: content.as_ref().to_vec(), executable: true }
}

pub(crate) fn link(target: &str) -> Item {
    Item::Link(target.into())
}

impl Item {
    /// Returns it as a file of which nothing but the content is known.
    fn forgotten(&self) -> Self {
        match self {
            Self::Directory => Self::Directory,
            Self::File { content, .. } => file(content),
            Self::Link(target) => file(target),
        }
    }
}

impl Tree {
    pub(crate) fn new<const N: usize>(items: [(&str, Item); N]) -> Self {
        let mut tree = Self::default();
        for (path, item) in items {
            tree.put(path, item);
        }
        tree
    }

    /// Puts something at a path, in place of all that can't be beside it.
    pub(crate) fn put(&mut self, path: &str, item: Item) {
        if item != Item::Directory || !matches!(self.0.get(path), Some(Item::Directory)) {
            self.remove(path);
        }
        for (at, _) in path.match_indices('/') {
            let parent = path[..at].to_owned();
            self.0.insert(parent, Item::Directory);
        }
        self.0.insert(path.to_owned(), item);
    }

    pub(crate) fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.0.retain(|other, _| other != path && !other.starts_with(&below));
    }

    /// Tells whether git made this of what came after `start` by taking it back.
    ///
    /// What was removed may come back as a plain file: git 2.44 and later forget its mode, also when
    /// they take back a patch of their own.
    pub(crate) fn is_restored(&self, start: &Self, later: &Self) -> bool {
        let restored = |(path, item): (&String, &Item)| match self.0.get(path) {
            Some(made) if made == item => true,
            Some(made) => {
                *made == item.forgotten()
                    && later.0.get(path).is_none_or(|later| {
                        std::mem::discriminant(later) != std::mem::discriminant(item)
                    })
            }
            None => false,
        };
        self.0.len() == start.0.len() && start.0.iter().all(restored)
    }

    fn files(&self) -> Vec<String> {
        let files = self.0.iter().filter(|(_, item)| **item != Item::Directory);
        files.map(|(path, _)| path.clone()).collect()
    }

    /// The same as git has it.
    pub(crate) fn without_directories(mut self) -> Self {
        self.0.retain(|_, item| *item != Item::Directory);
        self
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Item> {
        self.0.get(path)
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn changes(&self, later: &Self) -> Vec<Change> {
        self.manifest().changes(&later.manifest())
    }

    fn manifest(&self) -> Manifest {
        let node = |item: &Item| match item {
            Item::Directory => Node::Directory,
            Item::File { content, executable } => Node::File {
                executable: *executable,
                size_bytes: content.len() as u64,
                blake3: Digest::of(content),
            },
            Item::Link(target) => Node::Symlink { target: target.clone() },
        };
        let entries = self.0.iter();
        Manifest::new(
            entries.map(|(path, item)| Entry { path: path.clone(), node: node(item) }).collect(),
        )
    }

    pub(crate) fn write(&self, to: &Path) {
        for (path, item) in &self.0 {
            let path = to.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match item {
                Item::Directory => std::fs::create_dir_all(path).unwrap(),
                Item::Link(target) => symlink(target, path).unwrap(),
                Item::File { content, executable } => {
                    std::fs::write(&path, content).unwrap();
                    let mode = if *executable { 0o755 } else { 0o644 };
                    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
                }
            }
        }
    }

    pub(crate) fn read(from: &Path) -> Self {
        let mut tree = Self::default();
        tree.read_below(from, "");
        tree
    }

    fn read_below(&mut self, from: &Path, at: &str) {
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = if at.is_empty() { name } else { format!("{at}/{name}") };
            let metadata = entry.metadata().unwrap();
            let item = if metadata.is_dir() {
                self.read_below(&entry.path(), &path);
                Item::Directory
            } else if metadata.is_symlink() {
                Item::Link(std::fs::read_link(entry.path()).unwrap().to_str().unwrap().into())
            } else {
                let executable = metadata.permissions().mode() & 0o111 != 0;
                Item::File { content: std::fs::read(entry.path()).unwrap(), executable }
            };
            self.0.insert(path, item);
        }
    }
}

/// The contents of trees.
#[derive(Default)]
pub(crate) struct Stored(BTreeMap<[u8; 32], Vec<u8>>);

impl Stored {
    pub(crate) fn of(trees: &[&Tree]) -> Self {
        let items = trees.iter().flat_map(|tree| tree.0.values());
        let contents = items.filter_map(|item| match item {
            Item::File { content, .. } => Some((*Digest::of(content).as_bytes(), content.clone())),
            _ => None,
        });
        Self(contents.collect())
    }

    /// Has it give a content of which it is no longer the digest.
    pub(crate) fn falsify(&mut self, content: &str, other: &str) {
        self.0.insert(*Digest::of(content.as_bytes()).as_bytes(), other.into());
    }
}

impl Contents for Stored {
    fn open(&self, blake3: &Digest) -> io::Result<Box<dyn Read + '_>> {
        match self.0.get(blake3.as_bytes()) {
            Some(content) => Ok(Box::new(content.as_slice())),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "no such content")),
        }
    }
}

const NAMES: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "x y",
    " s ",
    "t\tb",
    "q\"q",
    "back\\slash",
    "naïve",
    "日本",
    "n\nl",
    "-dash",
    "a.b",
    "b a",
    "'",
    "dev",
    "null",
];
const LINES: &[&str] = &[
    "one\n",
    "two\n",
    "three\n",
    "\n",
    "crlf\r\n",
    "cr\rin\n",
    "é\n",
    "  \t \n",
    "-- x\n",
    "++ y\n",
    "@@ -1 +1 @@\n",
    "\\ No newline at end of file\n",
    "diff --git a/a b/a\n",
    "no newline",
];

// None leads to where it lies: git asks the system about paths beneath, and is misled.
const LINKS: &[&str] = &["../b", "naïve x", "/nowhere", "of\nlines\n"];

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(select(NAMES), 1..4).prop_map(|names| names.join("/"))
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let lines =
        |count| prop::collection::vec(select(LINES), count).prop_map(|lines| lines.concat());
    prop_oneof![
        8 => lines(0..30).prop_map(String::into_bytes),
        1 => Just(Vec::new()),
        1 => lines(100..400).prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..300),
        1 => (0usize..3000).prop_map(|length| "long ".repeat(length).into_bytes()),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let file = (content(), any::<bool>());
    prop_oneof![
        6 => file.prop_map(|(content, executable)| Item::File { content, executable }),
        1 => Just(Item::Directory),
        2 => select(LINKS).prop_map(link),
    ]
}

/// What a task may do to a tree.
#[derive(Debug, Clone)]
enum Edit {
    Put(String, Item),
    Replace(prop::sample::Index, Item),
    Move(prop::sample::Index, String),
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, usize, Vec<u8>),
    Cut(prop::sample::Index, usize, usize),
    Mode(prop::sample::Index),
    Below(prop::sample::Index, Item),
}

fn edit() -> impl Strategy<Value = Edit> {
    use prop::sample::Index;
    prop_oneof![
        (path(), item()).prop_map(|(path, item)| Edit::Put(path, item)),
        (any::<Index>(), item()).prop_map(|(of, item)| Edit::Replace(of, item)),
        (any::<Index>(), path()).prop_map(|(of, to)| Edit::Move(of, to)),
        any::<Index>().prop_map(Edit::Remove),
        (any::<Index>(), 0usize..99, content())
            .prop_map(|(of, at, more)| Edit::Insert(of, at, more)),
        (any::<Index>(), 0usize..99, 1usize..99).prop_map(|(of, at, less)| Edit::Cut(of, at, less)),
        any::<Index>().prop_map(Edit::Mode),
        (any::<Index>(), item()).prop_map(|(of, item)| Edit::Below(of, item)),
    ]
}

/// Two trees made of one, and that one first.
pub(crate) fn forked_trees() -> impl Strategy<Value = (Tree, Tree, Tree)> {
    (trees(), prop::collection::vec(edit(), 0..4)).prop_map(|((start, end), edits)| {
        let mut other = start.clone();
        edits.into_iter().for_each(|edit| other.edit(edit));
        (start, end, other)
    })
}

/// Two trees, one made of the other.
pub(crate) fn trees() -> impl Strategy<Value = (Tree, Tree)> {
    let start = prop::collection::vec((path(), item()), 0..12).prop_map(|items| {
        let mut tree = Tree::default();
        items.into_iter().for_each(|(path, item)| tree.put(&path, item));
        tree
    });
    (start, prop::collection::vec(edit(), 0..10)).prop_map(|(start, edits)| {
        let mut end = start.clone();
        edits.into_iter().for_each(|edit| end.edit(edit));
        (start, end)
    })
}

impl Tree {
    fn edit(&mut self, edit: Edit) {
        let files = self.files();
        let pick = |of: prop::sample::Index| (!files.is_empty()).then(|| of.get(&files));
        match edit {
            Edit::Put(path, item) => self.put(&path, item),
            Edit::Replace(of, item) => {
                if let Some(path) = pick(of) {
                    // Of what is above it as well.
                    let path = path.split('/').next().unwrap();
                    self.put(path, item);
                }
            }
            Edit::Move(of, to) => {
                if let Some(path) = pick(of) {
                    let item = self.0[path].clone();
                    self.remove(path);
                    self.put(&to, item);
                }
            }
            Edit::Remove(of) => {
                if let Some(path) = pick(of) {
                    self.remove(path);
                }
            }
            Edit::Insert(of, at, more) => self.alter(pick(of), |content, _| {
                let at = at.min(content.len());
                content.splice(at..at, more);
            }),
            Edit::Cut(of, at, less) => self.alter(pick(of), |content, _| {
                let at = at.min(content.len());
                content.drain(at..(at + less).min(content.len()));
            }),
            Edit::Mode(of) => self.alter(pick(of), |_, executable| *executable = !*executable),
            Edit::Below(of, item) => {
                if let Some(path) = pick(of) {
                    // The file itself, if it is one, then lies where it was.
                    let was = self.0[path].clone();
                    self.put(&format!("{path}/b"), item);
                    self.put(&format!("{path}/was"), was);
                }
            }
        }
    }

    fn alter(&mut self, path: Option<&String>, how: impl FnOnce(&mut Vec<u8>, &mut bool)) {
        if let Some(Item::File { content, executable }) = path.and_then(|path| self.0.get_mut(path))
        {
            how(content, executable);
        }
    }
}
