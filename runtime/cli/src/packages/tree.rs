//! What an installer unpacked: bounded, without native code, and without what differs from one machine or
//! installer to the other.

#![expect(clippy::disallowed_methods, reason = "it owns the files that an installer unpacked")]

use std::fs;
use std::io;
use std::path::Path;

use super::pin::{NATIVE, Pin};
use crate::errors::{CommandError, Result};

/// Bytes of all files of the packages of a task.
pub(super) const MOST_BYTES: u64 = 256 << 20;
/// Files and directories of them.
pub(super) const MOST_FILES: u64 = 20_000;
/// How deep they are nested.
const MOST_DEEP: usize = 40;
/// What an installer notes of itself beside a package.
const NOTES: [&str; 5] =
    ["INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"];

/// Makes of what was unpacked what the sandbox gets.
pub(super) fn settle(tree: &Path, pins: &[Pin]) -> Result<()> {
    // Programs for the host, which start a Python that is not there.
    for at_top in ["bin", "Scripts", ".lock"] {
        remove(&tree.join(at_top))?;
    }
    let mut found = Found { pins, bytes: 0, files: 0 };
    found.walk(tree, "", 0)
}

/// Tells whether there is more than packages may be.
pub(super) fn check_size(directory: &Path) -> Result<(), String> {
    fn count(directory: &Path, depth: usize, size: &mut (u64, u64)) {
        // What is being written changes under the walk.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            size.0 += metadata.len();
            size.1 += 1;
            if metadata.is_dir() && depth < MOST_DEEP && size.1 <= MOST_FILES * 2 {
                count(&entry.path(), depth + 1, size);
            }
        }
    }
    let mut size = (0, 0);
    count(directory, 0, &mut size);
    // Installers have some beside the packages, and two copies of a file for a moment.
    if size.0 > MOST_BYTES * 2 || size.1 > MOST_FILES * 2 { Err(too_much()) } else { Ok(()) }
}

fn too_much() -> String {
    format!(
        "the packages are more than {} MiB or {MOST_FILES} files, which is the most for a task",
        MOST_BYTES >> 20
    )
}

struct Found<'a> {
    pins: &'a [Pin],
    bytes: u64,
    files: u64,
}

impl Found<'_> {
    fn walk(&mut self, directory: &Path, at: &str, depth: usize) -> Result<()> {
        let unreadable =
            |error: io::Error| anyhow::Error::from(error).context("look at the packages");
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.chars().any(char::is_control))
            else {
                return Err(CommandError::refused("a package has a file whose name is no text"));
            };
            let path = if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") };
            let kind = entry.file_type().map_err(unreadable)?;
            let left_out = matches!(name, "__pycache__" | ".git" | ".gitignore")
                || at.ends_with(".dist-info") && !at.contains('/') && NOTES.contains(&name);
            if left_out {
                remove(&entry.path())?;
                continue;
            }
            self.files += 1;
            if kind.is_dir() {
                if depth >= MOST_DEEP {
                    let path = path.chars().take(100).collect::<String>();
                    return Err(CommandError::refused(format_args!(
                        "`{path}…` is nested too deep"
                    )));
                }
                self.walk(&entry.path(), &path, depth + 1)?;
            } else if kind.is_file() {
                self.bytes += entry.metadata().map_err(unreadable)?.len();
                self.file(&entry.path(), &path, name)?;
            } else {
                return Err(CommandError::refused(format_args!(
                    "a package has a file that is neither a file nor a directory: `{path}`"
                )));
            }
            if self.bytes > MOST_BYTES || self.files > MOST_FILES {
                return Err(CommandError::refused(too_much()));
            }
        }
        Ok(())
    }

    fn file(&self, at: &Path, path: &str, name: &str) -> Result<()> {
        let lower = name.to_ascii_lowercase();
        let endings = [".so", ".pyd", ".dylib", ".dll"];
        if endings.iter().any(|ending| lower.ends_with(ending)) || lower.contains(".so.") {
            let whose = self.whose(at, path);
            return Err(CommandError::refused(format_args!(
                "{whose} has native code ({path}), {NATIVE}"
            )));
        }
        let beside = path.split_once('/').filter(|(info, _)| info.ends_with(".dist-info"));
        match beside {
            Some((info, "WHEEL")) => check_tags(at, info),
            Some((_, "RECORD")) => tidy_record(at),
            _ => Ok(()),
        }
    }

    /// Finds the package that a file belongs to, by the names that are installed of it.
    fn whose(&self, at: &Path, path: &str) -> String {
        let root = path.split('/').fold(at, |at, _| at.parent().unwrap_or(at));
        let lists = |pin: &&Pin| {
            let stem = pin.wheel.file.split('-').take(2).collect::<Vec<_>>().join("-");
            let record = fs::read_to_string(root.join(format!("{stem}.dist-info/RECORD")));
            record.is_ok_and(|record| record.lines().any(|line| line.starts_with(path)))
        };
        match self.pins.iter().find(lists) {
            Some(Pin { name, version, .. }) => format!("{name} {version}"),
            None => "a package".to_owned(),
        }
    }
}

/// Checks what a wheel says of itself: its name may say something else.
fn check_tags(at: &Path, info: &str) -> Result<()> {
    let text = fs::read(at).map_err(anyhow::Error::from)?;
    let text = String::from_utf8_lossy(&text);
    let native = text
        .lines()
        .filter_map(|line| line.strip_prefix("Tag:"))
        .find(|tag| !tag.trim().ends_with("-none-any"));
    match native {
        None => Ok(()),
        Some(tag) => {
            let package = info.trim_end_matches(".dist-info").replacen('-', " ", 1);
            let tag = tag.trim();
            Err(CommandError::refused(format_args!(
                "{package} has native code (`{tag}`), {NATIVE}"
            )))
        }
    }
}

/// Takes out of a package's list what is not there any more, and puts it into one order.
fn tidy_record(at: &Path) -> Result<()> {
    let text = fs::read(at).map_err(anyhow::Error::from)?;
    let text = String::from_utf8_lossy(&text);
    let is_there = |line: &&str| {
        let path = line.trim_start_matches('"').split([',', '"']).next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_note = path.contains(".dist-info/") && NOTES.contains(&name);
        let is_program = path.starts_with("bin/") || path.starts_with("Scripts/");
        !path.is_empty()
            && !is_note
            && !is_program
            && !path.starts_with("../")
            && !path.contains("__pycache__/")
    };
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).filter(is_there).collect();
    lines.sort_unstable();
    let tidy = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    Ok(fs::write(at, tidy).map_err(anyhow::Error::from)?)
}

fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    Ok(removed.map_err(anyhow::Error::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::pin::Wheel;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("there is room");
        for (path, text) in files {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().expect("it is inside")).expect("there is room");
            fs::write(path, text).expect("there is room");
        }
        tree
    }

    fn refusal(files: &[(&str, &str)]) -> String {
        let wheel =
            Wheel { file: "fast-1.0-py3-none-any.whl".into(), sha256: "0".repeat(64), url: None };
        let pin = Pin { name: "fast".into(), version: "1.0".into(), wheel };
        settle(tree(files).path(), &[pin]).expect_err("it is refused").message()
    }

    #[test]
    fn what_differs_from_one_installer_to_the_other_is_left_out() {
        let tree = tree(&[
            (".lock", ""),
            ("bin/a", "#!/usr/bin/python3"),
            ("a.py", "x = 1"),
            ("a/__pycache__/b.pyc", ""),
            ("a/.gitignore", "*"),
            ("a/REQUESTED", "its own"),
            ("a-1.dist-info/INSTALLER", "uv"),
            ("a-1.dist-info/REQUESTED", ""),
            ("a-1.dist-info/direct_url.json", "{}"),
            ("a-1.dist-info/METADATA", "Name: a"),
            ("a-1.dist-info/WHEEL", "Tag: py2-none-any\nTag: py3-none-any\n"),
            (
                "a-1.dist-info/RECORD",
                "a.py,sha256=x,5\r\n../../bin/a,,\nbin/a,,\na/__pycache__/b.pyc,,\n\
                 a-1.dist-info/INSTALLER,,\n\"a,b.py\",,\na-1.dist-info/RECORD,,\n",
            ),
        ]);
        settle(tree.path(), &[]).expect("it is all right");
        let record =
            fs::read_to_string(tree.path().join("a-1.dist-info/RECORD")).expect("it is there");
        assert_eq!(record, "\"a,b.py\",,\na-1.dist-info/RECORD,,\na.py,sha256=x,5\n");
        for (path, is_there) in [
            (".lock", false),
            ("bin", false),
            ("a/__pycache__", false),
            ("a/.gitignore", false),
            ("a/REQUESTED", true),
            ("a-1.dist-info/INSTALLER", false),
            ("a-1.dist-info/direct_url.json", false),
            ("a-1.dist-info/METADATA", true),
        ] {
            assert_eq!(tree.path().join(path).exists(), is_there, "{path}");
        }
    }

    #[test]
    fn native_code_is_found_whatever_the_wheel_says() {
        let listed = ("fast-1.0.dist-info/RECORD", "fast/_core.abi3.so,sha256=x,1\n");
        assert_eq!(
            refusal(&[("fast/_core.abi3.so", ""), listed]),
            format!("fast 1.0 has native code (fast/_core.abi3.so), {NATIVE}")
        );
        assert!(refusal(&[("fast.libs/libx.so.6", "")]).starts_with("a package has native code"));
        assert!(refusal(&[("a/b.PYD", "")]).contains("native code (a/b.PYD)"));
        let wheel = ("fast-1.0.dist-info/WHEEL", "Tag: cp314-cp314-linux_x86_64\n");
        assert!(
            refusal(&[wheel]).starts_with("fast 1.0 has native code (`cp314-cp314-linux_x86_64`)")
        );
    }

    #[test]
    fn links_and_depths_are_refused() {
        let linked = tree(&[("a.py", "")]);
        std::os::unix::fs::symlink("/etc", linked.path().join("etc")).expect("there is room");
        let error = settle(linked.path(), &[]).expect_err("it is a link").message();
        assert!(error.contains("neither a file nor a directory: `etc`"), "{error}");
        let deep = "d/".repeat(60) + "a.py";
        assert!(refusal(&[(&deep, "")]).contains("nested too deep"));
    }

    #[test]
    fn too_much_is_refused() {
        let large = tree(&[("a.bin", "")]);
        let file = fs::OpenOptions::new().write(true).open(large.path().join("a.bin"));
        file.expect("it is there").set_len(MOST_BYTES + 1).expect("it is sparse");
        let error = settle(large.path(), &[]).expect_err("it is too much").message();
        assert!(error.contains("more than 256 MiB or 20000 files"), "{error}");
        assert!(check_size(large.path()).is_ok(), "two copies may be there for a moment");
    }
}
