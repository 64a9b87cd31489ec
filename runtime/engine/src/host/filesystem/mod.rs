//! `wasi:filesystem`: the workspace with every change counted, what is mounted besides, which nothing
//! changes, and nothing else.
//!
//! Paths are resolved by wasmtime-wasi under a capability handle; this adds the account: what grows a
//! file or makes an entry is counted before it happens, and ends the run at the bound.

mod descriptor;
mod faces;
mod handles;
mod listing;
mod streams;

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use errand_core::{Change, Manifest, Snapshot, SnapshotRef};
use errand_workspace::{
    Base, Began, Look, MAX_FILES, OpenFile, Quota, StopFlag, Workspace, WorkspaceError, Workspaces,
    locate,
};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{
    Descriptor, Dir, FsPerms, OpenMode, WasiFilesystemCtx, WasiFilesystemCtxView,
};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{FsError, FsResult};

use crate::clock::VirtualClock;
use crate::ended::Ended;
use crate::fuel::FuelGauge;
use crate::start::{Made, Mounted, Registered, StopsWhenDropped};
use crate::state::RunState;

use faces::Faces;
use handles::{OpenHandle, OpenHandles};
use listing::Listed;

/// What is copied before a file is changed on the thread that runs the guest.
const COPIED_AT_ONCE: u64 = 4 << 20;
/// What an operation on a path is charged for, in fuel: about what it costs the host.
const PATH_FUEL: u64 = 10_000;

/// A file that a workspace starts with.
#[derive(Debug, Clone)]
pub struct SeedFile {
    /// Its name, directly in the workspace.
    pub path: String,
    /// Its content.
    pub bytes: Bytes,
}

/// What the files of a run start with.
pub(crate) struct Start {
    /// What the directory is called, where it is not made yet.
    pub(crate) name: String,
    /// The directory, where there is something in it from the start.
    pub(crate) made: Option<Made>,
    /// Files to write besides.
    pub(crate) seeds: Vec<SeedFile>,
    /// What can be read besides.
    pub(crate) mounts: Vec<Mounted>,
    /// Whether what the task's children made is shown to it.
    pub(crate) shows_children: bool,
}

/// Where a task sees what its children made.
const CHILDREN: &str = "/children";

/// The directory of what children made.
pub(crate) struct Children {
    pub(crate) directory: Workspace,
    bytes: u64,
}

impl Children {
    /// Counts further bytes, where there is room for them. Tells whether there was.
    pub(crate) fn take(&mut self, bytes: u64, most: u64) -> bool {
        let fits = self.bytes.saturating_add(bytes) <= most;
        if fits {
            self.bytes += bytes;
        }
        fits
    }
}

/// A workspace whose guest has ended.
pub(crate) struct TakenAway {
    pub(crate) workspace: Workspace,
    pub(crate) began: Began,
    pub(crate) snapshot: Option<(SnapshotRef, Snapshot)>,
    /// How the task itself started, where the run went on from a checkpoint.
    pub(crate) task_began: Option<Vec<Change>>,
}

/// The files of one run. A directory that starts empty is made when the guest first looks for it.
pub(crate) struct Files {
    workspaces: Option<Arc<Workspaces>>,
    name: String,
    seeds: Vec<SeedFile>,
    workspace: Option<Workspace>,
    /// How it was then.
    began: Began,
    /// What that is of its source, where it is not all of it.
    snapshot: Option<(SnapshotRef, Snapshot)>,
    /// How the task itself started, where this goes on from a checkpoint.
    task_began: Option<Vec<Change>>,
    /// Whether it may have files that other workspaces have too.
    shares: bool,
    /// Whether one of those has another name now, so that its old one may be another's.
    renamed: bool,
    /// Whether it may have symbolic links.
    has_links: bool,
    /// Descriptors of the workspace itself, by their numbers.
    roots: HashSet<u32>,
    /// What can be read besides.
    mounts: Vec<Mounted>,
    /// What the task's children made, once the guest looks for files or there is something.
    children: Option<Children>,
    shows_children: bool,
    /// Descriptors of what is mounted and of what lies in it, by their numbers.
    mounted: HashSet<u32>,
    /// What the repository that it is of knows of it.
    _registered: Option<Registered>,
    quota: Quota,
    fuel: FuelGauge,
    /// Handles that the guest holds on files, by the number of their descriptor.
    open: HashMap<u32, OpenFile>,
    /// What is open on the host, of directories too, by the number of the descriptor.
    held: HashMap<u32, Arc<OpenHandle>>,
    handles: OpenHandles,
    listed: Listed,
    faces: Faces,
}

impl Files {
    /// Prepares a workspace under `workspaces`, or no files at all without one.
    pub(crate) fn new(
        workspaces: Option<Arc<Workspaces>>,
        start: Start,
        limit_bytes: u64,
        clock: VirtualClock,
        fuel: FuelGauge,
    ) -> Result<Self, Ended> {
        let Start { name, made, seeds, mounts, shows_children } = start;
        let (mut shares, mut registered) = (false, None);
        let (mut began, mut snapshot) = (Began::Copied(Manifest::default()), None);
        let mut task_began = None;
        let (workspace, quota) = match made {
            Some(Made {
                workspace,
                quota,
                began: at_start,
                snapshot: of,
                task_began: at_first,
                registered: known,
                ..
            }) => {
                (registered, task_began) = (known, at_first);
                // Also where its base is not known: it may have become that as far as half.
                shares = true;
                (began, snapshot) = (at_start, of);
                (Some(workspace), quota)
            }
            None => (
                None,
                match &workspaces {
                    Some(workspaces) => workspaces.quota(limit_bytes, MAX_FILES),
                    None => Quota::new(limit_bytes, MAX_FILES),
                },
            ),
        };
        let has_links = began.base().is_none_or(Base::has_links);
        let mut files = Self {
            workspaces,
            name,
            seeds,
            workspace,
            began,
            snapshot,
            task_began,
            shares,
            renamed: false,
            has_links,
            roots: HashSet::new(),
            mounts,
            children: None,
            shows_children,
            mounted: HashSet::new(),
            _registered: registered,
            quota,
            faces: Faces::new(clock, fuel.clone()),
            fuel,
            open: HashMap::new(),
            held: HashMap::new(),
            handles: OpenHandles::default(),
            listed: Listed::default(),
        };
        files.plant()?;
        Ok(files)
    }

    /// Returns the clock that the times of files follow.
    pub(crate) fn clock(&self) -> &VirtualClock {
        self.faces.clock()
    }

    /// Returns the workspace, where the guest ever looked for it.
    pub(crate) fn workspace(&self) -> Option<&Workspace> {
        self.workspace.as_ref()
    }

    /// Returns where what children made is shown; nothing where it is not.
    pub(crate) fn children(&mut self) -> Result<Option<&mut Children>, Ended> {
        if self.children.is_none()
            && self.shows_children
            && let Some(workspaces) = &self.workspaces
        {
            let directory =
                workspaces.create(&format!("{}-children", self.name)).map_err(failed)?;
            self.children = Some(Children { directory, bytes: 0 });
        }
        Ok(self.children.as_mut())
    }

    /// Returns where what children made is shown, once something is.
    pub(crate) fn shown_children(&self) -> Option<&Workspace> {
        self.children.as_ref().map(|children| &children.directory)
    }

    /// Looks at what is there before the guest begins.
    pub(crate) fn survey(&mut self) -> Result<(), Ended> {
        if let Some(workspace) = &self.workspace {
            let manifest = workspace.manifest(None, &StopFlag::default());
            let manifest = manifest.map_err(|error| Ended::Host(error.to_string()))?;
            self.began = Began::Copied(manifest);
        }
        Ok(())
    }

    /// Takes the workspace away, which removes it when it is dropped, with how it was at the start.
    pub(crate) fn take(&mut self) -> Option<TakenAway> {
        let workspace = self.workspace.take()?;
        let began = std::mem::replace(&mut self.began, Began::Copied(Manifest::default()));
        let (snapshot, task_began) = (self.snapshot.take(), self.task_began.take());
        Some(TakenAway { workspace, began, snapshot, task_began })
    }

    /// Returns the workspace to be looked at, with how it was at the start, while its guest goes on.
    pub(crate) fn look_at_all(&self) -> Result<Option<TakenAway>, Ended> {
        let Some(workspace) = &self.workspace else { return Ok(None) };
        let workspace = workspace.to_look_at().map_err(failed)?;
        let (began, snapshot) = (self.began.clone(), self.snapshot.clone());
        Ok(Some(TakenAway { workspace, began, snapshot, task_began: self.task_began.clone() }))
    }

    /// Takes note that a directory may have been renamed or removed.
    fn directories_changed(&self) {
        if let Some(workspace) = &self.workspace {
            workspace.directories_changed();
        }
    }

    fn make(&mut self) -> Result<Option<&Workspace>, Ended> {
        if self.workspace.is_none()
            && let Some(workspaces) = &self.workspaces
        {
            self.workspace = Some(workspaces.create(&self.name).map_err(failed)?);
            self.plant()?;
        }
        Ok(self.workspace.as_ref())
    }

    /// Writes the seeds, where there is a workspace.
    fn plant(&mut self) -> Result<(), Ended> {
        let Some(workspace) = &self.workspace else { return Ok(()) };
        for seed in self.seeds.drain(..) {
            self.quota.add_entry()?;
            self.quota.resize(0, seed.bytes.len() as u64)?;
            let written = workspace.write_file(&seed.path, &seed.bytes);
            written.map_err(failed)?;
        }
        Ok(())
    }
}

/// What the host can't do ends the run, and says where that is for want of room.
pub(super) fn failed(error: WorkspaceError) -> Ended {
    Ended::of_the_host(error.io()).unwrap_or_else(|| Ended::Host(error.to_string()))
}

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    fn view(state: &mut RunState) -> View<'_> {
        View { files: &mut state.files, ctx: state.wasi.filesystem(), table: &mut state.table }
    }
    preopens::add_to_linker::<RunState, Filesystem>(linker, view)?;
    types::add_to_linker::<RunState, Filesystem>(linker, view)
}

struct Filesystem;

impl HasData for Filesystem {
    type Data<'a> = View<'a>;
}

struct View<'a> {
    files: &'a mut Files,
    ctx: &'a mut WasiFilesystemCtx,
    table: &'a mut ResourceTable,
}

impl View<'_> {
    /// The implementation that resolves paths and moves bytes.
    fn inner(&mut self) -> WasiFilesystemCtxView<'_> {
        WasiFilesystemCtxView { ctx: self.ctx, table: self.table }
    }

    /// Charges an operation on a path.
    fn charge(&self) -> FsResult<()> {
        self.files.fuel.charge_bytes(PATH_FUEL).map_err(trap)
    }

    /// Tells whether a descriptor is of something that is mounted, or lies in it.
    fn is_mounted(&self, fd: &Resource<Descriptor>) -> bool {
        // Most runs have none.
        !self.files.mounted.is_empty() && self.files.mounted.contains(&fd.rep())
    }

    /// Refuses a change of what is mounted.
    fn check_writable(&self, fd: &Resource<Descriptor>) -> FsResult<()> {
        if self.is_mounted(fd) { Err(types::ErrorCode::ReadOnly.into()) } else { Ok(()) }
    }

    /// Refuses to bring something from one place to another where either is mounted.
    fn check_both_writable(
        &self,
        from: &Resource<Descriptor>,
        to: &Resource<Descriptor>,
    ) -> FsResult<()> {
        if self.is_mounted(from) != self.is_mounted(to) {
            return Err(types::ErrorCode::CrossDevice.into());
        }
        self.check_writable(to)
    }

    /// Looks at what a path names.
    fn look_at(&self, at: &Resource<Descriptor>, path: &str, follow: bool) -> FsResult<Look> {
        let Descriptor::Dir(dir) = self.table.get(at)? else {
            return Err(types::ErrorCode::NotDirectory.into());
        };
        let look = Look::at(&dir.dir, path, follow)?;
        if !look.shared || self.is_mounted(at) {
            return Ok(look);
        }
        Ok(locate(&dir.dir, path, follow)?.alone(look)?)
    }

    /// Looks at what is open.
    fn look(&self, fd: &Resource<Descriptor>) -> FsResult<Look> {
        let file = match self.table.get(fd)? {
            Descriptor::Dir(dir) => &dir.dir,
            Descriptor::File(file) => &file.file,
        };
        let look = Look::of(file)?;
        if !look.shared || self.is_mounted(fd) {
            return Ok(look);
        }
        // As it was when it was opened, which costs less than to find out again.
        if let Some(open) = self.files.open.get(&fd.rep()).filter(|_| !self.files.renamed) {
            return Ok(Look { file: open.file(), links: 1, ..look });
        }
        let workspace = self.files.workspace().ok_or(types::ErrorCode::NoEntry)?;
        let alone = workspace.path_of(file).and_then(|path| workspace.alone(look, &path));
        // What has no name any more, nor the directory that it was in, is only this.
        Ok(alone.unwrap_or(look))
    }

    /// Looks at what was just opened by a path.
    fn look_at_opened(
        &self,
        fd: &Resource<Descriptor>,
        dir: &Resource<Descriptor>,
        path: &str,
    ) -> FsResult<Look> {
        let Descriptor::File(file) = self.table.get(fd)? else { return self.look(fd) };
        let look = Look::of(&file.file)?;
        let is_plain = |part: &str| !matches!(part, "" | "." | "..");
        let path = path.strip_prefix("./").unwrap_or(path);
        // Without links, the path is where it lies: the system need not be asked.
        if look.shared
            && !self.files.has_links
            && self.files.roots.contains(&dir.rep())
            && path.split('/').all(is_plain)
            && let Some(workspace) = self.files.workspace()
        {
            return Ok(workspace.alone(look, path)?);
        }
        if look.shared { self.look(fd) } else { Ok(look) }
    }

    /// Gives the workspace a file of its own where a path names one that it shares, before it is changed.
    ///
    /// Where it can't be told whether it is shared, nothing may be changed.
    async fn own(
        &mut self,
        dir: &Resource<Descriptor>,
        path: &str,
        follow: bool,
        with_content: bool,
    ) -> FsResult<()> {
        if !self.files.shares {
            return Ok(());
        }
        let Descriptor::Dir(at) = self.table.get(dir)? else {
            return Err(types::ErrorCode::NotDirectory.into());
        };
        let shared = match Look::at(&at.dir, path, follow) {
            Ok(look) if look.shared => look,
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(workspace) = self.files.workspace() else { return Ok(()) };
        let located = locate(&at.dir, path, follow)?;
        // Not charged: each file is copied once at most, and another run may find it copied.
        let bytes = if with_content { shared.size_bytes } else { 0 };
        self.files.quota.check_room(bytes).map_err(|refused| trap(refused.into()))?;
        let copy = workspace.copy_up_at(&located)?;
        if bytes <= COPIED_AT_ONCE {
            copy.make(with_content, &StopFlag::default())?;
        } else {
            // The run can be ended meanwhile.
            let stops = StopsWhenDropped(StopFlag::default());
            let stop = stops.0.clone();
            let copied = tokio::task::spawn_blocking(move || copy.make(with_content, &stop)).await;
            copied.map_err(|error| trap(Ended::Host(error.to_string())))??;
        }
        if !with_content {
            // Whoever truncates it counts from what it was.
            self.files
                .quota
                .resize(shared.size_bytes, 0)
                .map_err(|refused| trap(refused.into()))?;
        }
        let own = self.look_at(dir, path, follow)?;
        self.files.faces.moved(located.alone(shared)?.file, own.file);
        Ok(())
    }

    /// Checks what was opened: whatever led there, what is shared is never written to.
    fn check_not_shared(&self, fd: &Resource<Descriptor>) -> FsResult<()> {
        if let Descriptor::File(file) = self.table.get(fd)?
            && self.files.shares
            && file.open_mode.contains(OpenMode::WRITE)
            && Look::of(&file.file)?.shared
        {
            let message = "a shared file of the workspace was opened for writing";
            return Err(trap(Ended::Host(message.to_owned())));
        }
        Ok(())
    }

    /// Takes note that what the directory of a path holds was changed.
    fn directory_changed(&self, dir: &Resource<Descriptor>, path: &str) {
        let parent = match path.trim_end_matches('/').rsplit_once('/') {
            Some((parent, _)) => self.look_at(dir, parent, true),
            None => self.look(dir),
        };
        if let Ok(parent) = parent {
            self.files.faces.written(parent.file);
        }
    }

    /// Counts that what a path named is gone.
    fn count_removed(&self, named: &Look) {
        let quota = &self.files.quota;
        quota.remove_entry();
        if named.is_dir() || named.links <= 1 {
            if named.is_file() {
                quota.unlink(named.file, named.size_bytes);
            }
            self.files.faces.unlinked(named.file, quota.is_open(named.file));
        } else {
            self.files.faces.named(named.file);
        }
    }

    /// Makes an entry, counted.
    async fn make_entry<T>(
        &mut self,
        make: impl AsyncFnOnce(&mut WasiFilesystemCtxView<'_>) -> FsResult<T>,
    ) -> FsResult<T> {
        self.charge()?;
        self.files.quota.add_entry().map_err(|exceeded| trap(exceeded.into()))?;
        let made = make(&mut self.inner()).await;
        if made.is_err() {
            self.files.quota.remove_entry();
        }
        made
    }
}

impl preopens::Host for View<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        if self.files.make()?.is_none() {
            return Ok(Vec::new());
        }
        self.files.fuel.charge_bytes(PATH_FUEL)?;
        let mut preopened = Vec::new();
        // Under the second name, paths relative to the directory that programs start in are found.
        for name in ["/workspace", "."] {
            let held = self.files.handles.take()?;
            let Some(workspace) = self.files.workspace() else { continue };
            let handle = workspace.handle().map_err(|error| Ended::Host(error.to_string()))?;
            let mode = OpenMode::READ | OpenMode::WRITE;
            let dir = Dir::new(handle, FsPerms::ReadWrite, mode, true);
            let fd = self.table.push(Descriptor::Dir(dir))?;
            self.files.held.insert(fd.rep(), held);
            self.files.roots.insert(fd.rep());
            preopened.push((fd, name.to_owned()));
        }
        let host = |error: &dyn std::fmt::Display| Ended::Host(error.to_string());
        let mut read_only = Vec::with_capacity(self.files.mounts.len() + 1);
        for Mounted { path, directory, .. } in &self.files.mounts {
            let handle = directory.try_clone().map_err(|error| host(&error))?;
            read_only.push((path.clone(), handle));
        }
        if let Some(children) = self.files.children()? {
            let handle = children.directory.handle().map_err(|error| host(&error))?;
            read_only.push((CHILDREN.to_owned(), handle));
        }
        for (path, handle) in read_only {
            let held = self.files.handles.take()?;
            // Refused before it comes that far; this is the second fence.
            let dir = Dir::new(handle, FsPerms::ReadOnly, OpenMode::READ, true);
            let fd = self.table.push(Descriptor::Dir(dir))?;
            self.files.held.insert(fd.rep(), held);
            self.files.mounted.insert(fd.rep());
            preopened.push((fd, path));
        }
        Ok(preopened)
    }
}

/// Another handle on the same resource, for a call in between.
fn again<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

fn trap(ended: Ended) -> FsError {
    FsError::trap(wasmtime::Error::from(ended))
}
