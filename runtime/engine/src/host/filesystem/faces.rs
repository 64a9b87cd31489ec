//! What a guest learns of a file besides its content: which file it is, and its times.
//!
//! Neither may follow the host, or a run could not be repeated: a file that is made again has another
//! inode and another time there. So a file gets a number when the guest first meets it, and its times are
//! those of the guest's clock.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use errand_workspace::FileId;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::NewTimestamp;

use crate::clock::VirtualClock;
use crate::fuel::FuelGauge;
use crate::host::clocks::datetime;

/// The faces of a run's files. Clones share them.
#[derive(Clone)]
pub(super) struct Faces {
    state: Arc<Mutex<State>>,
    clock: VirtualClock,
    fuel: FuelGauge,
}

#[derive(Default)]
struct State {
    known: HashMap<FileId, Face>,
    /// What has no name any more and is still open.
    unlinked: HashSet<FileId>,
    last: u64,
}

/// What a guest is told of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Face {
    /// Which file it is; never that of another one.
    pub(super) number: u64,
    /// When it was read, as far as the guest said so.
    pub(super) read: Datetime,
    /// When it was written.
    pub(super) written: Datetime,
    /// When anything of it was changed.
    pub(super) changed: Datetime,
}

impl Faces {
    pub(super) fn new(clock: VirtualClock, fuel: FuelGauge) -> Self {
        Self { state: Arc::default(), clock, fuel }
    }

    /// Returns the face of a file.
    pub(super) fn of(&self, file: FileId) -> Face {
        let born = self.born();
        *self.lock().face(file, born)
    }

    /// Takes note that a file was made, and is none that there was before.
    pub(super) fn made(&self, file: FileId) {
        let now = self.now();
        let mut state = self.lock();
        state.forget(file);
        state.face(file, now);
    }

    /// Takes note that a file's content, or what a directory holds, was changed.
    pub(super) fn written(&self, file: FileId) {
        let (born, now) = (self.born(), self.now());
        let mut state = self.lock();
        let face = state.face(file, born);
        (face.written, face.changed) = (now, now);
    }

    /// Takes note that a file has other names.
    pub(super) fn named(&self, file: FileId) {
        let (born, now) = (self.born(), self.now());
        self.lock().face(file, born).changed = now;
    }

    /// Sets the times of a file as the guest wants them.
    pub(super) fn set_times(&self, file: FileId, read: NewTimestamp, written: NewTimestamp) {
        let (born, now) = (self.born(), self.now());
        let set = |time: &mut Datetime, to| match to {
            NewTimestamp::NoChange => {}
            NewTimestamp::Now => *time = now,
            NewTimestamp::Timestamp(to) => *time = to,
        };
        let mut state = self.lock();
        let face = state.face(file, born);
        set(&mut face.read, read);
        set(&mut face.written, written);
        face.changed = now;
    }

    /// Takes note that a file is another one on the host now, and the same to the guest.
    pub(super) fn moved(&self, from: FileId, to: FileId) {
        let born = self.born();
        let mut state = self.lock();
        let face = *state.face(from, born);
        state.known.insert(to, face);
    }

    /// Takes note that a file has no name any more.
    pub(super) fn unlinked(&self, file: FileId, open: bool) {
        let mut state = self.lock();
        if open {
            state.unlinked.insert(file);
        } else {
            state.forget(file);
        }
    }

    /// Takes note that a handle on a file was closed: the host may give its inode to another.
    pub(super) fn closed(&self, file: FileId, open: bool) {
        let mut state = self.lock();
        if !open && state.unlinked.contains(&file) {
            state.forget(file);
        }
    }

    /// The guest's time, as coarse as that of files is anywhere.
    fn now(&self) -> Datetime {
        datetime(self.clock.coarse_wall_ns(self.fuel.executed()))
    }

    /// The time of what lay there from the start.
    fn born(&self) -> Datetime {
        datetime(self.clock.began_ns())
    }

    pub(super) fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl State {
    fn face(&mut self, file: FileId, at: Datetime) -> &mut Face {
        let last = &mut self.last;
        self.known.entry(file).or_insert_with(|| {
            *last += 1;
            Face { number: *last, read: at, written: at, changed: at }
        })
    }

    fn forget(&mut self, file: FileId) {
        self.known.remove(&file);
        self.unlinked.remove(&file);
    }
}
