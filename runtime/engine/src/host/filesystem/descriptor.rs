//! The operations of `wasi:filesystem/types`, counted.

use std::sync::Arc;

use errand_workspace::{FileId, Look, OpenFile};
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, OpenMode};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, Filesize, Host, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use crate::ended::Ended;

use super::listing::{Listing, described};
use super::streams::{FileInput, FileOutput};
use super::{View, again, trap};

/// What an entry of a listing is charged for, in fuel.
const ENTRY_FUEL: u64 = 100;

type Fd = Resource<Descriptor>;

impl Host for View<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        let code = self.inner().convert_error_code(error)?;
        match code {
            // What the host can't do now is no answer that the guest could get again in a replay.
            ErrorCode::InsufficientSpace | ErrorCode::Quota => Err(Ended::disk_full().into()),
            ErrorCode::Io => Err(Ended::Host("the host's disk failed".into()).into()),
            code => Ok(code),
        }
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.inner().filesystem_error_code(error)
    }
}

impl View<'_> {
    /// The file behind a descriptor that was opened for writing, and what it is counted under.
    ///
    /// Any other is refused before anything is counted: it would be counted, and not change.
    async fn written_file(
        &mut self,
        fd: &Fd,
        read_only: ErrorCode,
    ) -> FsResult<(Arc<std::fs::File>, OpenFile)> {
        let file = match self.table.get(fd)? {
            Descriptor::File(file) if !file.open_mode.contains(OpenMode::WRITE) => {
                return Err(read_only.into());
            }
            Descriptor::File(file) => file.file.clone(),
            Descriptor::Dir(_) => return Err(ErrorCode::IsDirectory.into()),
        };
        let open = match self.files.open.get(&fd.rep()) {
            Some(open) => open.clone(),
            None => self.count_open(fd, self.look(fd)?),
        };
        Ok((file, open))
    }

    /// Counts the handle that a descriptor is.
    fn count_open(&mut self, fd: &Fd, look: Look) -> OpenFile {
        let open = self.files.quota.open(look.file);
        self.files.open.insert(fd.rep(), open.clone());
        open
    }
}

impl HostDescriptor for View<'_> {
    async fn open_at(
        &mut self,
        dir: Fd,
        follow: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        self.charge()?;
        let synced = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        // Before anything is truncated for it.
        if flags.intersects(synced) {
            return Err(ErrorCode::Unsupported.into());
        }
        let changes = how.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        // What may be created or truncated is opened for writing, whether the guest asks for that or not.
        let writes = changes || flags.contains(DescriptorFlags::WRITE);
        if writes {
            self.check_writable(&dir)?;
        }
        // Alone, `EXCLUSIVE` says nothing.
        let only_new = how.contains(OpenFlags::CREATE | OpenFlags::EXCLUSIVE);
        if writes && !only_new && !how.contains(OpenFlags::DIRECTORY) {
            self.own(&dir, &path, follows(follow), !how.contains(OpenFlags::TRUNCATE)).await?;
        }
        let before = match changes {
            true => self.look_at(&dir, &path, follows(follow)).ok(),
            false => None,
        };
        let held = self.files.handles.take().map_err(trap)?;
        let makes = before.is_none() && how.contains(OpenFlags::CREATE);
        let fd = if makes {
            let (at, named) = (again(&dir), path.clone());
            self.make_entry(async |inner| inner.open_at(at, follow, named, how, flags).await)
                .await?
        } else {
            self.inner().open_at(again(&dir), follow, path.clone(), how, flags).await?
        };
        self.files.held.insert(fd.rep(), held);
        if self.is_mounted(&dir) {
            self.files.mounted.insert(fd.rep());
        }
        self.check_not_shared(&fd)?;
        if matches!(self.table.get(&fd)?, Descriptor::File(_)) {
            let open = self.count_open(&fd, self.look_at_opened(&fd, &dir, &path)?);
            if makes {
                self.files.faces.made(open.file());
                self.directory_changed(&dir, &path);
            } else if let Some(before) = before
                && how.contains(OpenFlags::TRUNCATE)
            {
                open.resize(before.size_bytes, 0).map_err(|exceeded| trap(exceeded.into()))?;
                self.files.faces.written(open.file());
            }
        }
        Ok(fd)
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        let open = self.files.open.remove(&fd.rep()).map(|open| open.file());
        self.files.held.remove(&fd.rep());
        self.files.roots.remove(&fd.rep());
        self.files.mounted.remove(&fd.rep());
        HostDescriptor::drop(&mut self.inner(), fd)?;
        if let Some(file) = open {
            self.files.faces.closed(file, self.files.quota.is_open(file));
        }
        Ok(())
    }

    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let (file, open) = self.written_file(&fd, ErrorCode::BadDescriptor).await?;
        self.files.fuel.charge_bytes(bytes.len() as u64).map_err(trap)?;
        let size = file.metadata()?.len();
        let end = offset.saturating_add(bytes.len() as u64).max(size);
        open.resize(size, end).map_err(|exceeded| trap(exceeded.into()))?;
        self.files.faces.written(open.file());
        self.inner().write(fd, bytes, offset).await
    }

    async fn set_size(&mut self, fd: Fd, size: Filesize) -> FsResult<()> {
        self.charge()?;
        let (file, open) = self.written_file(&fd, ErrorCode::Invalid).await?;
        let before = file.metadata()?.len();
        open.resize(before, size).map_err(|exceeded| trap(exceeded.into()))?;
        self.files.faces.written(open.file());
        self.inner().set_size(fd, size).await
    }

    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        let file = match self.table.get(&fd)? {
            Descriptor::File(file) if !file.open_mode.contains(OpenMode::READ) => {
                return Err(ErrorCode::BadDescriptor.into());
            }
            Descriptor::File(file) => file.file.clone(),
            Descriptor::Dir(_) => return Err(ErrorCode::IsDirectory.into()),
        };
        let open = self.files.open.get(&fd.rep()).cloned();
        let held = self.files.held.get(&fd.rep()).cloned();
        let input = FileInput::new(file, offset, (open, held), self.files.fuel.clone());
        let input: DynInputStream = Box::new(input);
        Ok(self.table.push(input)?)
    }

    fn write_via_stream(
        &mut self,
        fd: Fd,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.output_stream(&fd, Some(offset))
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        self.output_stream(&fd, None)
    }

    async fn create_directory_at(&mut self, dir: Fd, path: String) -> FsResult<()> {
        self.check_writable(&dir)?;
        let (at, named) = (again(&dir), path.clone());
        self.make_entry(async |inner| inner.create_directory_at(at, named).await).await?;
        self.entry_made(&dir, &path)
    }

    async fn symlink_at(&mut self, dir: Fd, target: String, path: String) -> FsResult<()> {
        self.check_writable(&dir)?;
        let (at, named) = (again(&dir), path.clone());
        self.files.has_links = true;
        self.make_entry(async |inner| inner.symlink_at(at, target, named).await).await?;
        self.entry_made(&dir, &path)
    }

    async fn link_at(
        &mut self,
        dir: Fd,
        follow: PathFlags,
        path: String,
        new_dir: Fd,
        new_path: String,
    ) -> FsResult<()> {
        self.check_both_writable(&dir, &new_dir)?;
        // A change by one name must be seen by the other.
        self.own(&dir, &path, follows(follow), true).await?;
        let (at, named) = (again(&new_dir), new_path.clone());
        self.make_entry(async |inner| inner.link_at(dir, follow, path, at, named).await).await?;
        self.files.faces.named(self.look_at(&new_dir, &new_path, false)?.file);
        self.directory_changed(&new_dir, &new_path);
        Ok(())
    }

    async fn unlink_file_at(&mut self, dir: Fd, path: String) -> FsResult<()> {
        self.charge()?;
        self.check_writable(&dir)?;
        let named = self.look_at(&dir, &path, false);
        self.inner().unlink_file_at(again(&dir), path.clone()).await?;
        if let Ok(named) = named {
            self.count_removed(&named);
        }
        self.directory_changed(&dir, &path);
        Ok(())
    }

    async fn remove_directory_at(&mut self, dir: Fd, path: String) -> FsResult<()> {
        self.charge()?;
        self.check_writable(&dir)?;
        let named = self.look_at(&dir, &path, false);
        self.inner().remove_directory_at(again(&dir), path.clone()).await?;
        self.files.directories_changed();
        if let Ok(named) = named {
            self.count_removed(&named);
        }
        self.directory_changed(&dir, &path);
        Ok(())
    }

    async fn rename_at(
        &mut self,
        dir: Fd,
        path: String,
        new_dir: Fd,
        new_path: String,
    ) -> FsResult<()> {
        self.charge()?;
        self.check_both_writable(&dir, &new_dir)?;
        let mut replaced = self.look_at(&new_dir, &new_path, false);
        if replaced.as_ref().is_ok_and(|replaced| replaced.shared) {
            // The host would take two files of one content for two names of a file, and do nothing.
            self.own(&dir, &path, false, true).await?;
            // It may be the same path.
            replaced = self.look_at(&new_dir, &new_path, false);
        }
        let moved = self.look_at(&dir, &path, false);
        let (from, to) = (again(&dir), again(&new_dir));
        self.inner().rename_at(from, path.clone(), to, new_path.clone()).await?;
        self.files.directories_changed();
        self.files.renamed |= moved.as_ref().is_ok_and(|moved| moved.shared);
        if let Ok(moved) = moved {
            match replaced {
                // A rename of a file onto another name of itself changes nothing.
                Ok(replaced) if replaced.file == moved.file => return Ok(()),
                Ok(replaced) => self.count_removed(&replaced),
                Err(_) => {}
            }
            // What is shared is known by its path.
            if moved.shared
                && let Ok(now) = self.look_at(&new_dir, &new_path, false)
            {
                self.files.faces.moved(moved.file, now.file);
                self.files.faces.named(now.file);
            } else {
                self.files.faces.named(moved.file);
            }
        }
        self.directory_changed(&dir, &path);
        self.directory_changed(&new_dir, &new_path);
        Ok(())
    }

    // What follows changes no account.

    async fn read(&mut self, fd: Fd, len: Filesize, at: Filesize) -> FsResult<(Vec<u8>, bool)> {
        let read = self.inner().read(fd, len, at).await?;
        self.files.fuel.charge_bytes(read.0.len() as u64).map_err(trap)?;
        Ok(read)
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<DirectoryEntryStream>> {
        self.charge()?;
        let dir = match self.table.get(&fd)? {
            Descriptor::Dir(dir) => dir.dir.clone(),
            Descriptor::File(_) => return Err(ErrorCode::NotDirectory.into()),
        };
        let listing = Listing::read(&dir, &self.files.listed)?;
        self.files.fuel.charge_bytes(listing.len() as u64 * ENTRY_FUEL).map_err(trap)?;
        Ok(Resource::new_own(self.table.push(listing)?.rep()))
    }

    async fn advise(
        &mut self,
        fd: Fd,
        at: Filesize,
        len: Filesize,
        advice: Advice,
    ) -> FsResult<()> {
        self.inner().advise(fd, at, len, advice).await
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        // A workspace lives as long as its run: what it holds is never read after a crash.
        self.table.get(&fd)?;
        Ok(())
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        self.table.get(&fd)?;
        Ok(())
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<DescriptorFlags> {
        self.inner().get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<DescriptorType> {
        self.inner().get_type(fd).await
    }

    async fn set_times(
        &mut self,
        fd: Fd,
        read: NewTimestamp,
        written: NewTimestamp,
    ) -> FsResult<()> {
        self.charge()?;
        self.check_writable(&fd)?;
        let file = self.look(&fd)?.file;
        self.set_face(file, read, written)
    }

    async fn set_times_at(
        &mut self,
        dir: Fd,
        follow: PathFlags,
        path: String,
        read: NewTimestamp,
        written: NewTimestamp,
    ) -> FsResult<()> {
        self.charge()?;
        self.check_writable(&dir)?;
        let file = self.look_at(&dir, &path, follows(follow))?.file;
        self.set_face(file, read, written)
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<DescriptorStat> {
        let look = self.look(&fd)?;
        Ok(self.stat_of(&look))
    }

    async fn stat_at(
        &mut self,
        dir: Fd,
        follow: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        let look = self.look_at(&dir, &path, follows(follow))?;
        Ok(self.stat_of(&look))
    }

    async fn readlink_at(&mut self, dir: Fd, path: String) -> FsResult<String> {
        self.inner().readlink_at(dir, path).await
    }

    async fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        let same = || Ok::<_, FsError>(self.look(&a)?.file == self.look(&b)?.file);
        Ok(same().unwrap_or(false))
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        let look = self.look(&fd)?;
        Ok(self.number_of(&look))
    }

    async fn metadata_hash_at(
        &mut self,
        dir: Fd,
        follow: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let look = self.look_at(&dir, &path, follows(follow))?;
        Ok(self.number_of(&look))
    }
}

impl View<'_> {
    /// Takes note of an entry that was made.
    fn entry_made(&self, dir: &Fd, path: &str) -> FsResult<()> {
        let made = self.look_at(dir, path.trim_end_matches('/'), false)?;
        self.files.faces.made(made.file);
        self.directory_changed(dir, path);
        Ok(())
    }

    fn set_face(&self, file: FileId, read: NewTimestamp, written: NewTimestamp) -> FsResult<()> {
        self.files.faces.set_times(file, carried(read)?, carried(written)?);
        Ok(())
    }

    /// What the guest is told of something: nothing that is the host's alone.
    fn stat_of(&self, look: &Look) -> DescriptorStat {
        let face = self.files.faces.of(look.file);
        // How many links and bytes a directory has differs from one file system to the other.
        let (link_count, size) = match look.is_dir() {
            true => (1, 0),
            false => (look.links, look.size_bytes),
        };
        DescriptorStat {
            type_: described(look.kind),
            link_count,
            size,
            data_access_timestamp: Some(face.read),
            data_modification_timestamp: Some(face.written),
            status_change_timestamp: Some(face.changed),
        }
    }

    fn number_of(&self, look: &Look) -> MetadataHashValue {
        MetadataHashValue { lower: self.files.faces.of(look.file).number, upper: 0 }
    }

    fn output_stream(&mut self, fd: &Fd, at: Option<u64>) -> FsResult<Resource<DynOutputStream>> {
        let file = match self.table.get(fd)? {
            Descriptor::File(file) if file.open_mode.contains(OpenMode::WRITE) => file.file.clone(),
            _ => return Err(ErrorCode::BadDescriptor.into()),
        };
        // Every descriptor of a file was counted when it was opened.
        let open = self.files.open.get(&fd.rep()).cloned().ok_or(ErrorCode::BadDescriptor)?;
        let held = self.files.held.get(&fd.rep()).cloned();
        let (faces, fuel) = (self.files.faces.clone(), self.files.fuel.clone());
        let output = FileOutput::new(file, open, held, at, (faces, fuel));
        let output: DynOutputStream = Box::new(output);
        Ok(self.table.push(output)?)
    }
}

/// Carries nanoseconds into seconds, as guests may leave that to the host.
fn carried(time: NewTimestamp) -> FsResult<NewTimestamp> {
    const NS_PER_S: u32 = 1_000_000_000;
    let NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }) = time else { return Ok(time) };
    let seconds = seconds.checked_add(u64::from(nanoseconds / NS_PER_S));
    // Beyond what any host's clock can say.
    let seconds = seconds.filter(|seconds| i64::try_from(*seconds).is_ok());
    let seconds = seconds.ok_or(ErrorCode::Overflow)?;
    let nanoseconds = nanoseconds % NS_PER_S;
    Ok(NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }))
}

fn follows(flags: PathFlags) -> bool {
    flags.contains(PathFlags::SYMLINK_FOLLOW)
}

/// The listing behind what the bindings call a stream of entries.
fn listing(stream: &Resource<DirectoryEntryStream>) -> Resource<Listing> {
    Resource::new_borrow(stream.rep())
}

impl HostDirectoryEntryStream for View<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.table.get_mut(&listing(&stream))?.next()
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
