//! What `node:fs` is made of: one operation on files at a time, and errors by the names that Node gives them.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::time::UNIX_EPOCH;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::host::Host;

/// What a program wants of a file, besides its path.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wish {
    /// The other path, where there are two.
    to: String,
    /// Directories and all that is in them, or all that lead there.
    recursive: bool,
    /// Whether it may be missing.
    force: bool,
    /// As `open` takes it: `w`, `wx`, `a`, `r+`, …
    flag: String,
    /// A length to cut to.
    length: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Given {
    Bytes(Vec<u8>),
    Json(Value),
}

/// Does it.
///
/// # Errors
/// As the file system has them.
pub(crate) fn perform(
    host: &dyn Host,
    operation: &str,
    path: &str,
    wish: &Wish,
    data: &[u8],
) -> io::Result<Given> {
    let real = host.path(path);
    let done = |()| Given::Json(Value::Null);
    match operation {
        "read" => fs::read(real).map(Given::Bytes),
        "write" => write(&real, wish, data).map(done),
        "truncate" => OpenOptions::new().write(true).open(real)?.set_len(wish.length).map(done),
        "mkdir" if wish.recursive => fs::create_dir_all(real).map(done),
        "mkdir" => fs::create_dir(real).map(done),
        "list" => list(&real).map(Given::Json),
        "stat" => fs::metadata(real).map(|found| Given::Json(stat(&found))),
        "lstat" => fs::symlink_metadata(real).map(|found| Given::Json(stat(&found))),
        "remove" => remove(&real, wish).map(done),
        "unlink" => fs::remove_file(real).map(done),
        "rmdir" => fs::remove_dir(real).map(done),
        "rename" => fs::rename(real, host.path(&wish.to)).map(done),
        "copy" => copy(&real, &host.path(&wish.to), wish).map(done),
        "readlink" => Ok(Given::Json(json!(fs::read_link(real)?.to_string_lossy()))),
        other => Err(io::Error::new(ErrorKind::Unsupported, format!("no operation {other}"))),
    }
}

fn write(path: &std::path::Path, wish: &Wish, data: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let anew = wish.flag.contains('x');
    match wish.flag.as_bytes().first() {
        Some(b'a') => options.append(true).create(true),
        Some(b'r') => options.write(true),
        _ => options.write(true).create(true).truncate(true),
    };
    options.create_new(anew).open(path)?.write_all(data)
}

fn list(path: &std::path::Path) -> io::Result<Value> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let kind = if kind.is_dir() {
            "directory"
        } else if kind.is_symlink() {
            "link"
        } else {
            "file"
        };
        found.push((entry.file_name().to_string_lossy().into_owned(), kind));
    }
    found.sort_unstable();
    Ok(json!(found))
}

fn stat(found: &Metadata) -> Value {
    let kind = if found.is_dir() {
        "directory"
    } else if found.is_symlink() {
        "link"
    } else {
        "file"
    };
    let modified = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified_ms = modified.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    json!({ "kind": kind, "size": found.len(), "modified_ms": modified_ms })
}

fn remove(path: &std::path::Path, wish: &Wish) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() && wish.recursive => fs::remove_dir_all(path),
        Ok(found) if found.is_dir() => Err(io::Error::from(ErrorKind::IsADirectory)),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound && wish.force => Ok(()),
        other => other,
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path, wish: &Wish) -> io::Result<()> {
    if !fs::metadata(from)?.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    if !wish.recursive {
        return Err(io::Error::from(ErrorKind::IsADirectory));
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        copy(&from.join(&name), &to.join(&name), wish)?;
    }
    Ok(())
}

/// Returns Node's code and words for an error.
pub(crate) fn words(error: &io::Error) -> (&'static str, String) {
    let code = match error.kind() {
        ErrorKind::NotFound => "ENOENT",
        ErrorKind::PermissionDenied => "EACCES",
        ErrorKind::AlreadyExists => "EEXIST",
        ErrorKind::IsADirectory => "EISDIR",
        ErrorKind::NotADirectory => "ENOTDIR",
        ErrorKind::DirectoryNotEmpty => "ENOTEMPTY",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "ENOSPC",
        ErrorKind::ReadOnlyFilesystem => "EROFS",
        ErrorKind::CrossesDevices => "EXDEV",
        ErrorKind::InvalidInput | ErrorKind::InvalidFilename => "EINVAL",
        ErrorKind::Unsupported => "ENOSYS",
        _ => match error.raw_os_error() {
            Some(number) => wasi(number),
            // What no directory of the sandbox leads to.
            None => "ENOENT",
        },
    };
    let text = match code {
        "ENOENT" => "no such file or directory",
        "EACCES" => "permission denied",
        "EPERM" => "operation not permitted",
        "EEXIST" => "file already exists",
        "EISDIR" => "illegal operation on a directory",
        "ENOTDIR" => "not a directory",
        "ENOTEMPTY" => "directory not empty",
        "ENOSPC" => "no space left on device",
        "EROFS" => "read-only file system",
        "EXDEV" => "cross-device link not permitted",
        "EINVAL" => "invalid argument",
        "ENOSYS" => "function not implemented",
        _ => return (code, error.to_string()),
    };
    (code, text.to_owned())
}

/// Returns the name of one of WASI's error numbers, which Rust knows few of.
fn wasi(number: i32) -> &'static str {
    match number {
        2 => "EACCES",
        19 | 51 => "ENOSPC",
        20 => "EEXIST",
        28 => "EINVAL",
        31 => "EISDIR",
        44 => "ENOENT",
        52 => "ENOSYS",
        54 => "ENOTDIR",
        55 => "ENOTEMPTY",
        63 | 76 => "EPERM",
        69 => "EROFS",
        75 => "EXDEV",
        _ => "EIO",
    }
}
