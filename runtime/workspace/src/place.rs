//! Putting files into a workspace before its guest starts, each counted.

use std::io::{self, Read, Write};

use cap_std::fs::{OpenOptions, OpenOptionsExt};

use crate::root::Workspace;
use crate::{Bounds, Quota, Refused, StartError};

/// How much of a file is held in memory.
const COPY_BYTES: usize = 256 << 10;

/// Puts things into a workspace that nobody else uses yet.
///
/// Whoever calls it knows that the directory of each path is there and is a directory. Nothing is
/// replaced, and no link is followed: under the workspace's handle none could lead out of it.
pub(crate) struct Placer<'a> {
    to: &'a Workspace,
    quota: &'a Quota,
    bounds: &'a Bounds,
    buffer: Vec<u8>,
}

impl<'a> Placer<'a> {
    pub(crate) fn new(to: &'a Workspace, quota: &'a Quota, bounds: &'a Bounds) -> Self {
        Self { to, quota, bounds, buffer: vec![0; COPY_BYTES] }
    }

    pub(crate) fn directory(&mut self, path: &str) -> Result<(), StartError> {
        self.count(path)?;
        Ok(self.to.dir.create_dir(path)?)
    }

    pub(crate) fn link(&mut self, path: &str, target: &str) -> Result<(), StartError> {
        self.count(path)?;
        Ok(self.to.dir.symlink_contents(target, path)?)
    }

    /// Gives a file another name.
    pub(crate) fn again(&mut self, path: &str, of: &str) -> Result<(), StartError> {
        self.count(path)?;
        Ok(self.to.dir.hard_link(of, &self.to.dir, path)?)
    }

    /// Copies a file, whatever its size; returns that.
    pub(crate) fn file(
        &mut self,
        path: &str,
        executable: bool,
        content: &mut impl Read,
    ) -> Result<u64, Copying> {
        self.count(path).map_err(Copying::Writing)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(if executable { 0o777 } else { 0o666 });
        let writing = |error: io::Error| Copying::Writing(error.into());
        let mut file = self.to.dir.open_with(path, &options).map_err(writing)?;
        let mut size = 0;
        loop {
            self.bounds.stop.check().map_err(Copying::Writing)?;
            let read = match content.read(&mut self.buffer) {
                Ok(0) => return Ok(size),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Copying::Reading(error)),
            };
            let grown = size + read as u64;
            let counted = self.quota.resize(size, grown);
            counted.map_err(|refused| Copying::Writing(does_not_fit(refused, path)))?;
            file.write_all(&self.buffer[..read]).map_err(writing)?;
            size = grown;
        }
    }

    /// Refuses a file that would not fit, before any of it is read.
    pub(crate) fn expect_room(&self, path: &str, bytes: u64) -> Result<(), StartError> {
        let all = self.quota.bytes().saturating_add(bytes);
        if all <= self.bounds.bytes {
            return Ok(());
        }
        let exceeded = crate::Exceeded { limit: "workspace_bytes", value: self.bounds.bytes };
        Err(too_large(exceeded, path))
    }

    fn count(&self, path: &str) -> Result<(), StartError> {
        self.bounds.stop.check()?;
        self.quota.add_entry().map_err(|refused| does_not_fit(refused, path))
    }
}

/// Which side of a copy failed.
pub(crate) enum Copying {
    /// Where the file comes from.
    Reading(io::Error),
    /// Where it goes.
    Writing(StartError),
}

pub(crate) fn does_not_fit(refused: Refused, path: &str) -> StartError {
    match refused {
        Refused::Exceeded(exceeded) => too_large(exceeded, path),
        Refused::DiskFull => StartError::DiskFull,
    }
}

pub(crate) fn too_large(exceeded: crate::Exceeded, path: &str) -> StartError {
    let path = crate::start::shown(path);
    let message = format!(
        "what it starts from does not fit: {exceeded} (`{}`), which is met at `{path}`",
        exceeded.limit
    );
    StartError::TooLarge { exceeded, message }
}
