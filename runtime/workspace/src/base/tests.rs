use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::copy_up::COPY_BYTES;
use crate::{Look, StopFlag, Workspaces, locate, unpack};

struct Place {
    root: tempfile::TempDir,
    workspaces: Workspaces,
    bases: Bases,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let workspaces = Workspaces::open(&root.path().join("workspaces")).unwrap();
        let bases = Bases::open(&root.path().join("bases")).unwrap();
        Self { root, workspaces, bases }
    }

    fn adopted(&self, archive: &[u8]) -> (Workspace, Arc<Base>) {
        let digest = Digest::of(archive);
        let workspace = self.workspaces.create(&digest.to_string()[..8]).unwrap();
        let bounds = Bounds::of_bytes(1 << 20);
        let quota = Quota::new(bounds.bytes, bounds.files);
        unpack(archive, LinksOut::Refused, &workspace, &quota, &bounds).unwrap();
        let base = self
            .bases
            .adopt(&workspace, digest, LinksOut::Refused, Missing::default(), &bounds)
            .unwrap();
        (workspace, base)
    }

    fn placed(&self, base: &Base, name: &str) -> (Workspace, Placed, Quota) {
        let workspace = self.workspaces.create(name).unwrap();
        let bounds = Bounds::of_bytes(1 << 20);
        let quota = Quota::new(bounds.bytes, bounds.files);
        let placed = self.bases.place(base, &workspace, &quota, &bounds).unwrap();
        (workspace, placed, quota)
    }

    fn path(&self, workspace: &Workspace, path: &str) -> std::path::PathBuf {
        self.root.path().join("workspaces").join(&workspace.name).join(path)
    }

    fn contents(&self) -> usize {
        let places = std::fs::read_dir(self.root.path().join("bases/contents")).unwrap();
        places.map(|place| std::fs::read_dir(place.unwrap().path()).unwrap().count()).sum()
    }
}

/// An archive of files `(path, content, mode)` and a link.
fn archive(files: &[(&str, &str, u32)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        archive.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    archive.append_link(&mut header, "link", "d/a").unwrap();
    archive.into_inner().unwrap()
}

fn sample() -> Vec<u8> {
    archive(&[
        ("d/a", "one", 0o644),
        ("d-e", "one", 0o644),
        ("d/run", "one", 0o755),
        ("z", "", 0o644),
    ])
}

#[test]
fn each_content_lies_there_once_and_workspaces_share_it() {
    let place = Place::new();
    let (first, base) = place.adopted(&sample());
    assert_eq!(place.contents(), 3, "`one`, `one` that is executable, and nothing");
    let (second, placed, quota) = place.placed(&base, "second");
    let method = Placing::Shared;
    assert_eq!(
        placed,
        Placed { method, files: 6, shared_bytes: 9, copied_bytes: 0, missing: Missing::default() }
    );
    assert_eq!((quota.bytes(), quota.files()), (9, 6));
    for path in ["d/a", "d-e", "d/run", "z", "link"] {
        let [a, b] = [&first, &second].map(|workspace| place.path(workspace, path));
        assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap(), "{path}");
        assert_eq!(a.metadata().unwrap().ino(), b.metadata().unwrap().ino(), "{path}");
    }
    let ino = |path| place.path(&second, path).metadata().unwrap().ino();
    assert_eq!(ino("d/a"), ino("d-e"));
    assert_ne!(ino("d/a"), ino("d/run"), "their modes differ");
    let other = archive(&[("other", "one", 0o644), ("more", "more", 0o644)]);
    let (_third, _) = place.adopted(&other);
    assert_eq!(place.contents(), 4, "of another archive, only what is new is new");
}

#[test]
fn a_file_that_is_copied_up_is_the_workspaces_own() {
    let place = Place::new();
    let (_first, base) = place.adopted(&sample());
    let (workspace, ..) = place.placed(&base, "w");
    let shared = |path| {
        let dir = workspace.handle().unwrap();
        Look::at(&dir, path, false).unwrap().shared
    };
    assert!(shared("d/a") && shared("d/run") && !shared("link") && !shared("d"));
    workspace.copy_up("d/a", true).unwrap();
    workspace.copy_up("d/run", false).unwrap();
    assert!(!shared("d/a") && !shared("d/run") && shared("d-e"));
    assert_eq!(std::fs::read_to_string(place.path(&workspace, "d/a")).unwrap(), "one");
    let run = place.path(&workspace, "d/run");
    assert_eq!(std::fs::read_to_string(&run).unwrap(), "");
    assert_eq!(run.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    std::fs::write(place.path(&workspace, "d/a"), "changed").unwrap();
    let (again, ..) = place.placed(&base, "again");
    assert_eq!(std::fs::read_to_string(place.path(&again, "d/a")).unwrap(), "one");
    assert!(workspace.copy_up("link", true).is_err(), "no link is followed");
    assert!(workspace.copy_up("d", true).is_err());
    assert!(workspace.copy_up("../again/z", true).is_err());
    let names = std::fs::read_dir(place.root.path().join("workspaces")).unwrap().count();
    assert_eq!(names, 3, "nothing is left beside the workspaces");
}

#[test]
fn what_lies_there_in_the_end_is_told_without_reading_what_is_shared() {
    let place = Place::new();
    let (first, base) = place.adopted(&sample());
    let stop = crate::StopFlag::default();
    assert_eq!(first.manifest(Some(&base), &stop).unwrap(), base.manifest());
    assert_eq!(first.manifest(None, &stop).unwrap(), base.manifest(), "the same when it is read");
    let (workspace, ..) = place.placed(&base, "w");
    std::fs::rename(place.path(&workspace, "d/run"), place.path(&workspace, "ran")).unwrap();
    workspace.copy_up("z", false).unwrap();
    std::fs::write(place.path(&workspace, "z"), "new").unwrap();
    std::fs::remove_file(place.path(&workspace, "link")).unwrap();
    let changes = base.manifest().changes(&workspace.manifest(Some(&base), &stop).unwrap());
    let told: Vec<_> = changes
        .iter()
        .map(|change| (&*change.path, change.before.is_some(), change.after.is_some()))
        .collect();
    assert_eq!(
        told,
        [("d/run", true, false), ("link", true, false), ("ran", false, true), ("z", true, true)]
    );
    assert_eq!(changes[2].after, changes[0].before);
}

#[test]
fn a_base_that_does_not_fit_places_nothing() {
    let place = Place::new();
    let (_first, base) = place.adopted(&sample());
    let workspace = place.workspaces.create("w").unwrap();
    let bounds = Bounds { bytes: 8, ..Bounds::of_bytes(8) };
    let refused = place.bases.place(&base, &workspace, &Quota::new(8, 100), &bounds);
    assert!(matches!(refused, Err(StartError::TooLarge { .. })), "{refused:?}");
    let bounds = Bounds { files: 3, ..Bounds::of_bytes(100) };
    let refused = place.bases.place(&base, &workspace, &Quota::new(100, 3), &bounds);
    assert!(matches!(refused, Err(StartError::TooLarge { .. })), "{refused:?}");
}

#[test]
fn what_was_not_used_for_the_longest_goes_and_what_others_share_stays() {
    let place = Place::new();
    let first = archive(&[("same", "same", 0o644), ("first", "first", 0o644)]);
    drop(place.adopted(&first));
    for n in 0..MOST_BASES - 1 {
        drop(place.adopted(&archive(&[("same", "same", 0o644), ("own", &n.to_string(), 0o644)])));
    }
    assert!(place.bases.get(Digest::of(&first), LinksOut::Refused).is_some());
    assert!(place.bases.get(Digest::of(&first), LinksOut::Kept).is_none());
    assert_eq!(place.contents(), 1 + MOST_BASES);
    // The first was used just now, so the second goes.
    drop(place.adopted(&archive(&[("last", "last", 0o644)])));
    let known = |archive: &[u8]| place.bases.get(Digest::of(archive), LinksOut::Refused).is_some();
    assert!(known(&first));
    assert!(!known(&archive(&[("same", "same", 0o644), ("own", "0", 0o644)])));
    assert_eq!(place.contents(), 1 + MOST_BASES);
}

#[test]
fn bases_outlive_the_process_and_not_the_boot() {
    let place = Place::new();
    let archive = sample();
    drop(place.adopted(&archive));
    let known = || {
        let bases = Bases::open(&place.root.path().join("bases")).unwrap();
        bases.get(Digest::of(&archive), LinksOut::Refused).map(|base| base.manifest())
    };
    assert_eq!(known().unwrap().entries().len(), 6);
    std::fs::write(place.root.path().join("bases").join(BOOT), "another").unwrap();
    assert_eq!(known(), None);
    assert_eq!(place.contents(), 0);
}

#[test]
fn what_a_killed_process_was_making_is_gone_at_the_next_start() {
    let place = Place::new();
    let kept = archive(&[("kept", "kept", 0o644)]);
    drop(place.adopted(&kept));
    let bases = place.root.path().join("bases");
    std::fs::write(bases.join("sets").join(unfinished(&"a".repeat(64))), "{\"entr").unwrap();
    std::fs::write(bases.join("sources").join(unfinished(&"b".repeat(64))), "half").unwrap();
    std::fs::write(bases.join("contents/00").join("c".repeat(62)), "of no base").unwrap();
    let opened = Bases::open(&bases).unwrap();
    assert!(opened.get(Digest::of(&kept), LinksOut::Refused).is_some());
    assert_eq!(place.contents(), 1);
    for (directory, left) in [("sets", 1), ("sources", 0)] {
        assert_eq!(std::fs::read_dir(bases.join(directory)).unwrap().count(), left, "{directory}");
    }
}

#[test]
fn a_base_that_nobody_can_read_keeps_no_other_from_being_made() {
    let place = Place::new();
    let torn = place.root.path().join("bases/sets").join("f".repeat(64));
    for n in 0..MOST_BASES {
        std::fs::write(&torn, "{\"entr").unwrap();
        drop(place.adopted(&archive(&[("own", &n.to_string(), 0o644)])));
    }
    assert!(!torn.exists());
}

#[test]
fn a_file_below_more_directories_than_a_path_can_name_is_copied_up() {
    let place = Place::new();
    let (_first, base) = place.adopted(&sample());
    let (workspace, ..) = place.placed(&base, "w");
    let mut dir = workspace.dir.try_clone().unwrap();
    let name = "n".repeat(250);
    for _ in 0..20 {
        dir.create_dir(&name).unwrap();
        dir = dir.open_dir(&name).unwrap();
    }
    workspace.dir.rename("d/a", &dir, "a").unwrap();
    let handle = dir.try_clone().unwrap().into_std_file();
    let look = || Look::at(&handle, "a", true).unwrap();
    let shared = look();
    let located = locate(&handle, "a", true).unwrap();
    assert!(shared.shared && located.alone(shared).unwrap().file != shared.file);
    workspace.copy_up_at(&located).unwrap().make(true, &StopFlag::default()).unwrap();
    assert!(!look().shared);
    dir.write("a", "changed").unwrap();
    let (again, ..) = place.placed(&base, "again");
    assert_eq!(std::fs::read_to_string(place.path(&again, "d/a")).unwrap(), "one");
}

#[test]
fn a_copy_that_is_told_to_stop_leaves_all_as_it_was() {
    let place = Place::new();
    let workspace = place.workspaces.create("w").unwrap();
    let large = vec![7; 2 * COPY_BYTES as usize];
    std::fs::write(place.path(&workspace, "large"), &large).unwrap();
    let before = std::fs::metadata(place.path(&workspace, "large")).unwrap().ino();
    let located = locate(&workspace.handle().unwrap(), "large", false).unwrap();
    let stop = StopFlag::default();
    stop.stop();
    let stopped = workspace.copy_up_at(&located).unwrap().make(true, &stop).unwrap_err();
    assert_eq!(stopped.kind(), io::ErrorKind::Interrupted);
    let after = || std::fs::metadata(place.path(&workspace, "large")).unwrap();
    assert_eq!(after().ino(), before);
    let names = std::fs::read_dir(place.root.path().join("workspaces")).unwrap().count();
    assert_eq!(names, 1, "nothing is left beside the workspace");
    workspace.copy_up_at(&located).unwrap().make(true, &StopFlag::default()).unwrap();
    assert_eq!((after().ino() == before, after().len()), (false, 2 * COPY_BYTES));
}
