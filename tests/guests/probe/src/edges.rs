//! Actions that call the host with numbers and names at the edge of what they can be.
//!
//! `set_size {bytes}` · `write_at {offset}` · `read_at {bytes, offset}` · `set_times` to years that no clock
//! shows · `write_unasked {bytes}` to stdout without asking how much it takes · `write_zeroes {bytes}` ·
//! `skip {bytes}` of stdin · `subscribe {ns}` and wait · `names {bytes}` a file of so long a name ·
//! `remove_home` · `reach {paths}` opens, lists, makes and links each path and answers what was let ·
//! `link_loops`.

use crate::bindings::Failure;
use crate::bindings::wasi::cli::{stdin, stdout};
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock::Datetime};
use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};
use crate::bindings::wasi::io::streams::StreamError;
use crate::{Arguments, Performed, wrong};
use serde_json::{Value, json};

pub(crate) fn perform(action: &str, arguments: &Arguments<'_>) -> Performed {
    let bytes = || arguments.number("bytes");
    let answer = match action {
        "set_size" => said(edge()?.set_size(bytes()?)),
        "write_at" => said(edge()?.write(b"x", arguments.number("offset")?)),
        "read_at" => said(edge()?.read(bytes()?, arguments.number("offset")?)),
        "set_times" => {
            let absurd =
                |seconds, nanoseconds| NewTimestamp::Timestamp(Datetime { seconds, nanoseconds });
            let file = edge()?;
            json!([
                said(file.set_times(absurd(u64::MAX, u32::MAX), NewTimestamp::NoChange)),
                said(file.set_times(absurd(u64::MAX - 4, u32::MAX), NewTimestamp::Now)),
                said(file.set_times(NewTimestamp::Now, absurd(1 << 62, 0))),
                said(file.set_times(absurd(0, u32::MAX), absurd(1 << 40, 0))),
                said(file.stat()),
            ])
        }
        "write_unasked" => {
            let size = usize::try_from(bytes()?).map_err(|error| wrong(error.to_string()))?;
            streamed(stdout::get_stdout().write(&vec![b'x'; size]))
        }
        "write_zeroes" => streamed(stdout::get_stdout().write_zeroes(bytes()?)),
        "skip" => streamed(stdin::get_stdin().blocking_skip(bytes()?)),
        "subscribe" => {
            monotonic_clock::subscribe_duration(arguments.number("ns")?).block();
            json!("awake")
        }
        "names" => {
            let name = "n".repeat(usize::try_from(bytes()?).unwrap_or(usize::MAX));
            let home = home()?;
            json!([
                said(open(&home, &name)),
                said(home.create_directory_at(&name)),
                said(home.symlink_at("target", &name)),
                said(home.symlink_at(&name, "link")),
                said(home.stat_at(PathFlags::SYMLINK_FOLLOW, &"a/".repeat(name.len()))),
            ])
        }
        "remove_home" => {
            let home = home()?;
            json!([
                said(home.remove_directory_at(".")),
                said(home.remove_directory_at("")),
                said(home.rename_at(".", &home, "moved")),
                said(home.unlink_file_at(".")),
                said(home.remove_directory_at("..")),
            ])
        }
        "reach" => reach(&arguments.texts("paths"))?,
        "link_loops" => {
            let home = home()?;
            let follow = PathFlags::SYMLINK_FOLLOW;
            let made = home.symlink_at("b", "a").and_then(|()| home.symlink_at("a", "b"));
            let itself = home.symlink_at("itself", "itself");
            json!([
                said(made),
                said(itself),
                said(home.stat_at(follow, "a")),
                said(home.stat_at(follow, "itself/x")),
                said(home.open_at(follow, "b", OpenFlags::CREATE, DescriptorFlags::WRITE)),
            ])
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

/// Tries what leads out of the workspace in each way, and answers what the host let happen.
fn reach(paths: &[String]) -> Result<Value, Failure> {
    let home = home()?;
    let follow = PathFlags::SYMLINK_FOLLOW;
    let mut let_happen = Vec::new();
    for path in paths {
        let ways = [
            ("open", open(&home, path).err()),
            ("stat", home.stat_at(follow, path).err()),
            ("list", home.open_at(follow, path, OpenFlags::DIRECTORY, DescriptorFlags::READ).err()),
            ("make", home.create_directory_at(path).err()),
            ("link", home.link_at(PathFlags::empty(), path, &home, "linked").err()),
            ("move", home.rename_at(path, &home, "moved").err()),
            ("read link", home.readlink_at(path).err()),
            ("unlink", home.unlink_file_at(path).err()),
        ];
        let_happen.extend(
            ways.iter()
                .filter(|(_, error)| error.is_none())
                .map(|(way, _)| format!("{way} {path:?}")),
        );
    }
    Ok(json!(let_happen))
}

/// Says as JSON whether a call went well, or the name of its error.
fn said<T>(result: Result<T, ErrorCode>) -> Value {
    json!(result.map_or_else(|code| code.name(), |_| "ok"))
}

/// As [`said`], for streams.
fn streamed<T>(result: Result<T, StreamError>) -> Value {
    json!(match result {
        Ok(_) => "ok",
        Err(StreamError::Closed) => "closed",
        Err(StreamError::LastOperationFailed(_)) => "failed",
    })
}

/// A file to try things on.
fn edge() -> Result<Descriptor, Failure> {
    open(&home()?, "edge").map_err(|code| wrong(format!("{code:?}")))
}

/// The workspace.
pub(crate) fn home() -> Result<Descriptor, Failure> {
    let found = get_directories().into_iter().next();
    found.map(|(home, _)| home).ok_or_else(|| wrong("there is no workspace".to_owned()))
}

/// Opens a file, made where there is none.
pub(crate) fn open(home: &Descriptor, path: &str) -> Result<Descriptor, ErrorCode> {
    let write = DescriptorFlags::READ | DescriptorFlags::WRITE;
    home.open_at(PathFlags::empty(), path, OpenFlags::CREATE, write)
}
