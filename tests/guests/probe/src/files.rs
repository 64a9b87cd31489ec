//! Actions on files. Paths are used as they are given, so that a test may try any.
//!
//! `write_file {path?, bytes}` · `write_text {path, text}` · `append_text {path, text}` · `write_files_forever {bytes?}` one small file
//! after another · `grow_file_forever {path?}` · `truncate {path, bytes}` makes a sparse file ·
//! `read_file {path}` · `open {path}` for reading · `list {path}` · `stat {path}` · `identify {path,
//! times?}` by the file system's hash · `symlink {from, to}` ·
//! `hard_link {from, to}` · `rename {from, to}` · `remove {path}` · `make_directory {path}` ·
//! `nest_directories {depth}` · `working_directory`.

use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::{Descriptor, ErrorCode, PathFlags};
use crate::{Arguments, Performed};
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

const CHUNK_BYTES: usize = 64 * 1024;
const DEFAULT_FILE: &str = "/workspace/probe.bin";

pub(crate) fn perform(action: &str, arguments: &Arguments<'_>) -> Performed {
    let path = arguments.text_if_any("path").unwrap_or(DEFAULT_FILE);
    let answer = match action {
        "write_file" => outcome(write_bytes(path, arguments.number("bytes")?), |()| json!(null)),
        "write_text" => outcome(fs::write(path, arguments.text("text")?), |()| json!(null)),
        "append_text" => outcome(append(path, arguments.text("text")?), |()| json!(null)),
        "write_files_forever" => write_files(arguments.number_if_any("bytes").unwrap_or(1)),
        "grow_file_forever" => outcome(write_bytes(path, u64::MAX), |()| json!(null)),
        "truncate" => {
            let bytes = arguments.number("bytes")?;
            outcome(File::create(path).and_then(|file| file.set_len(bytes)), |()| json!(null))
        }
        "read_file" => outcome(fs::read(path), |bytes| json!(String::from_utf8_lossy(&bytes))),
        "open" => outcome(File::open(path), |_| json!("opened")),
        "list" => outcome(list(path), |names| json!(names)),
        "stat" => outcome(fs::symlink_metadata(path), |metadata| described(&metadata)),
        "identify" => identify(path, arguments.flag("times")),
        "symlink" => {
            outcome(symlink(arguments.text("from")?, arguments.text("to")?), |()| json!(null))
        }
        "hard_link" => {
            outcome(fs::hard_link(arguments.text("from")?, arguments.text("to")?), |()| json!(null))
        }
        "rename" => {
            outcome(fs::rename(arguments.text("from")?, arguments.text("to")?), |()| json!(null))
        }
        "remove" => outcome(fs::remove_file(path), |()| json!(null)),
        "make_directory" => outcome(fs::create_dir_all(path), |()| json!(null)),
        "nest_directories" => nest(arguments.number("depth")?),
        "working_directory" => {
            outcome(std::env::current_dir(), |path| json!(path.to_string_lossy()))
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

/// Says as JSON how a call on a file went: `{"ok": …}` or `{"err": {kind, message, errno}}`.
fn outcome<T>(result: io::Result<T>, describe: impl FnOnce(T) -> Value) -> Value {
    match result {
        Ok(value) => json!({"ok": describe(value)}),
        Err(error) => json!({"err": {
            "kind": format!("{:?}", error.kind()),
            "message": error.to_string(),
            "errno": error.raw_os_error(),
        }}),
    }
}

fn write_bytes(path: &str, bytes: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut left = bytes;
    let chunk = vec![b'x'; CHUNK_BYTES];
    while left > 0 {
        let now = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        file.write_all(&chunk[..now])?;
        left -= now as u64;
    }
    Ok(())
}

fn write_files(bytes: u64) -> Value {
    let mut count = 0_u64;
    loop {
        if let Err(error) = write_bytes(&format!("/workspace/{count}"), bytes) {
            return json!({"files": count, "error": error.to_string()});
        }
        count += 1;
    }
}

fn list(path: &str) -> io::Result<Vec<String>> {
    fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn described(metadata: &fs::Metadata) -> Value {
    let modified =
        metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    json!({
        "bytes": metadata.len(),
        "directory": metadata.is_dir(),
        "symlink": metadata.is_symlink(),
        "modified_ns": modified.map(|time| time.as_nanos().to_string()),
    })
}

fn append(path: &str, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

/// Says what a file is to the file system: the hash that stands for its inode, and all its times. std has
/// no stable call for the first.
fn identify(path: &str, times: bool) -> Value {
    let found = in_workspace(path, |directory, name| {
        let hash = directory.metadata_hash_at(PathFlags::empty(), name)?;
        let stat = directory.stat_at(PathFlags::empty(), name)?;
        Ok((hash, stat))
    });
    outcome(found, |(hash, stat)| {
        let moment = |time: Option<Datetime>| time.map(|at| json!([at.seconds, at.nanoseconds]));
        let mut said = json!({"identity": [hash.lower.to_string(), hash.upper.to_string()]});
        said["links"] = json!(stat.link_count);
        if times {
            said["accessed"] = json!(moment(stat.data_access_timestamp));
            said["modified"] = json!(moment(stat.data_modification_timestamp));
            said["changed"] = json!(moment(stat.status_change_timestamp));
        }
        said
    })
}

/// Makes a symlink at `from` that says `to`. std has no stable call for it on WASI.
fn symlink(from: &str, to: &str) -> io::Result<()> {
    in_workspace(from, |directory, name| directory.symlink_at(to, name))
}

/// Calls the host with a path below the workspace's directory.
fn in_workspace<T>(
    path: &str,
    call: impl FnOnce(&Descriptor, &str) -> Result<T, ErrorCode>,
) -> io::Result<T> {
    let name = Path::new(path).strip_prefix("/workspace").unwrap_or(Path::new(path));
    for (directory, at) in get_directories() {
        if at == "/workspace" || at == "." {
            return call(&directory, &name.to_string_lossy())
                .map_err(|code| io::Error::other(format!("{code:?}")));
        }
    }
    Err(io::Error::from(io::ErrorKind::NotFound))
}

fn nest(depth: u64) -> Value {
    let mut path = String::from("/workspace");
    for level in 0..depth {
        path.push_str("/d");
        if let Err(error) = fs::create_dir(&path) {
            return json!({"made": level, "error": error.to_string()});
        }
    }
    json!({"made": depth, "error": null})
}
