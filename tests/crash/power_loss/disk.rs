//! A model of a file system and the disk under it: what is surely on the disk, and what may be.
//!
//! A sync of a file makes its content and length sure, not its name; a sync of a directory makes the
//! names in it sure. Whatever is not sure may be on the disk or not, each piece by itself.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::chance::Chance;
use super::recording::Step;

const SECTOR: usize = 512;

/// Files and directories, the first of them the data directory.
pub(super) struct Disk {
    nodes: Vec<Node>,
}

enum Node {
    File { sure: Vec<u8>, unsure: Vec<Change> },
    Dir { sure: BTreeMap<String, usize>, unsure: Vec<Names>, live: BTreeMap<String, usize> },
}

enum Change {
    Write { offset: usize, data: Vec<u8> },
    Len(usize),
}

/// Names that appear or disappear together.
type Names = Vec<(String, Option<usize>)>;

/// What becomes of what is not sure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fate {
    /// None of it is on the disk.
    Dropped,
    /// All of it is.
    Kept,
    /// Each piece is with this chance, in sectors too.
    Mixed(f64),
}

/// The fate of each kind of thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fates {
    pub(super) wal: Fate,
    pub(super) other_files: Fate,
    pub(super) names: Fate,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::dir()] }
    }

    /// Does what the recorded process did.
    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Create { file } => {
                if self.find(file).is_none() {
                    let node = self.add(Node::File { sure: Vec::new(), unsure: Vec::new() });
                    self.name(file, Some(node));
                }
            }
            Step::MakeDir { dir } => {
                let node = self.add(Node::dir());
                self.name(dir, Some(node));
            }
            Step::Write { file, offset, data } => {
                let change = Change::Write { offset: *offset as usize, data: data.clone() };
                self.change(file, change);
            }
            Step::Truncate { file, len } => self.change(file, Change::Len(*len as usize)),
            Step::Sync { file } => {
                let node = self.find(file).expect("what is synced is there");
                self.nodes[node].sync();
            }
            Step::Rename { from, to } => {
                let node = self.find(from).expect("what is renamed is there");
                let ((from_dir, old), (to_dir, new)) = (split(from), split(to));
                if from_dir == to_dir {
                    let names = vec![(old.to_owned(), None), (new.to_owned(), Some(node))];
                    self.names(from_dir, names);
                } else {
                    self.name(to, Some(node));
                    self.name(from, None);
                }
            }
            Step::Remove { path } => self.name(path, None),
            Step::Said(_) | Step::Answered(_) => {}
        }
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn find(&self, path: &str) -> Option<usize> {
        let mut at = 0;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            match &self.nodes[at] {
                Node::Dir { live, .. } => at = *live.get(name)?,
                Node::File { .. } => return None,
            }
        }
        Some(at)
    }

    fn change(&mut self, file: &str, change: Change) {
        let node = self.find(file).expect("what is written is there");
        match &mut self.nodes[node] {
            Node::File { unsure, .. } => unsure.push(change),
            Node::Dir { .. } => panic!("{file} is a directory"),
        }
    }

    fn name(&mut self, path: &str, node: Option<usize>) {
        let (dir, name) = split(path);
        self.names(dir, vec![(name.to_owned(), node)]);
    }

    fn names(&mut self, dir: &str, names: Names) {
        let node = self.find(dir).expect("the directory is there");
        match &mut self.nodes[node] {
            Node::Dir { unsure, live, .. } => {
                apply_names(live, &names);
                unsure.push(names);
            }
            Node::File { .. } => panic!("{dir} is a file"),
        }
    }

    /// Writes out what the disk may hold now.
    pub(super) fn crash(&self, fates: Fates, chance: &mut Chance, into: &Path) {
        self.crash_dir(0, "", fates, chance, into);
    }

    fn crash_dir(&self, node: usize, path: &str, fates: Fates, chance: &mut Chance, into: &Path) {
        let Node::Dir { sure, unsure, .. } = &self.nodes[node] else { unreachable!("a directory") };
        let mut entries = sure.clone();
        for names in unsure {
            if chance.keeps(fates.names) {
                apply_names(&mut entries, names);
            }
        }
        for (name, node) in entries {
            let (path, into) = (format!("{path}/{name}"), into.join(&name));
            match &self.nodes[node] {
                Node::Dir { .. } => {
                    std::fs::create_dir(&into).expect("a directory");
                    self.crash_dir(node, &path, fates, chance, &into);
                }
                Node::File { sure, unsure } => {
                    let is_wal = path.starts_with("/wal/");
                    let fate = if is_wal { fates.wal } else { fates.other_files };
                    let mut content = sure.clone();
                    for change in unsure {
                        if chance.keeps(fate) {
                            change.apply(&mut content, fate, chance);
                        }
                    }
                    std::fs::write(&into, content).expect("a file");
                }
            }
        }
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').expect("a path below the directory")
}

fn apply_names(entries: &mut BTreeMap<String, usize>, names: &Names) {
    for (name, node) in names {
        match node {
            Some(node) => entries.insert(name.clone(), *node),
            None => entries.remove(name),
        };
    }
}

impl Node {
    fn dir() -> Self {
        Self::Dir { sure: BTreeMap::new(), unsure: Vec::new(), live: BTreeMap::new() }
    }

    fn sync(&mut self) {
        match self {
            Self::File { sure, unsure } => {
                for change in unsure.drain(..) {
                    change.apply_whole(sure);
                }
            }
            Self::Dir { sure, unsure, .. } => {
                for names in unsure.drain(..) {
                    apply_names(sure, &names);
                }
            }
        }
    }
}

impl Change {
    fn apply_whole(&self, content: &mut Vec<u8>) {
        match self {
            Self::Len(len) => content.resize(*len, 0),
            Self::Write { offset, data } => write_at(content, *offset, data),
        }
    }

    /// Applies it as the disk has it: perhaps torn between sectors.
    fn apply(&self, content: &mut Vec<u8>, fate: Fate, chance: &mut Chance) {
        let Self::Write { offset, data } = self else { return self.apply_whole(content) };
        if fate == Fate::Kept || chance.one_in(2) {
            return self.apply_whole(content);
        }
        let mut at = 0;
        while at < data.len() {
            let sector_end = ((offset + at) / SECTOR + 1) * SECTOR;
            let end = data.len().min(sector_end - offset);
            if chance.one_in(2) {
                write_at(content, offset + at, &data[at..end]);
            }
            at = end;
        }
    }
}

fn write_at(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

impl Chance {
    fn keeps(&mut self, fate: Fate) -> bool {
        match fate {
            Fate::Dropped => false,
            Fate::Kept => true,
            Fate::Mixed(chance) => (self.next() as f64) < chance * u64::MAX as f64,
        }
    }

    /// Draws a fate.
    pub(super) fn fate(&mut self) -> Fate {
        match self.below(6) {
            0 => Fate::Dropped,
            1 => Fate::Kept,
            2 => Fate::Mixed(0.1),
            3 => Fate::Mixed(0.9),
            _ => Fate::Mixed(0.5),
        }
    }

    /// Draws the fates of a crash. Every fourth time nothing that is not sure is kept: the hardest case
    /// for what was acknowledged.
    pub(super) fn fates(&mut self) -> Fates {
        if self.one_in(4) {
            let fate = Fate::Dropped;
            return Fates { wal: fate, other_files: fate, names: fate };
        }
        Fates { wal: self.fate(), other_files: self.fate(), names: self.fate() }
    }
}
