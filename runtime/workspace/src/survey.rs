//! What lies in a workspace when its run has ended.

use std::collections::HashMap;
use std::io;

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, MetadataExt};
use errand_core::{Digest, Entry, Manifest, Node};
use rustix::fs::{AtFlags, FileType, statat};

use crate::base::link_text;
use crate::root::WALK_DEPTH;
use crate::scan::open_file;
use crate::{Base, StartError, StopFlag, Workspace};

impl Workspace {
    /// Says what lies in it. Files that it still shares with its base are not read for it.
    ///
    /// Neither what is nested deeper than paths go nor what is no file, directory or link is in it.
    ///
    /// # Errors
    /// When something can't be read, or it was told to stop.
    pub fn manifest(&self, base: Option<&Base>, stop: &StopFlag) -> Result<Manifest, StartError> {
        let contents = base.map(Base::contents).unwrap_or_default();
        let mut survey = Survey { contents, stop, entries: Vec::new() };
        survey.directory(&self.dir, "", WALK_DEPTH)?;
        Ok(Manifest::new(survey.entries))
    }
}

struct Survey<'a> {
    contents: HashMap<u64, Digest>,
    stop: &'a StopFlag,
    entries: Vec<Entry>,
}

impl Survey<'_> {
    fn directory(&mut self, dir: &Dir, at: &str, depth: usize) -> Result<(), StartError> {
        for entry in dir.entries()? {
            self.stop.check()?;
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
            let stat = statat(dir, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
            let node = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    if depth > 0 {
                        self.directory(&dir.open_dir_nofollow(&name)?, &path, depth - 1)?;
                    }
                    Node::Directory
                }
                FileType::Symlink => Node::Symlink { target: link_text(dir, &name)? },
                FileType::RegularFile => {
                    let is_shared = stat.st_mode & 0o222 == 0;
                    let executable = stat.st_mode & 0o111 != 0;
                    let size_bytes = u64::try_from(stat.st_size).unwrap_or_default();
                    match self.contents.get(&stat.st_ino).filter(|_| is_shared) {
                        Some(blake3) => Node::File { executable, size_bytes, blake3: *blake3 },
                        None => read(dir, &name)?,
                    }
                }
                _ => continue,
            };
            self.entries.push(Entry { path, node });
        }
        Ok(())
    }
}

fn read(dir: &Dir, name: &str) -> io::Result<Node> {
    let (file, metadata) = open_file(dir, name)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    let (executable, blake3) = (metadata.mode() & 0o111 != 0, hasher.finalize().into());
    Ok(Node::File { executable, size_bytes: hasher.count(), blake3 })
}
