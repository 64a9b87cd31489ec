//! Actions that take what a host has to give until there is no more, or until it ends them.
//!
//! `hold_forever {what}` takes handles of one kind and keeps them: `directories`, `files`, `listings`,
//! `timers`, `streams`, `sockets`, `http_methods`, `http_fields`, `http_bodies`; answers how many it got
//! where the host refuses one with an error · `call_forever {what}` makes one call again and again:
//! `clocks`, `polls` (with a list of 90,000), `renames`, `refusals` · `emit_forever {bytes}` ·
//! `publish_forever {bytes}` a file that is another each time · `hard_link_forever` ·
//! `poll_none` · `poll_far {count}` timers that are due in the far future · `wait_for_many {count}`
//! · `sleep_in_the_past` · `exit {code}`.

use crate::bindings::Failure;
use crate::bindings::errand::task::{artifacts, children, progress, timers};
use crate::bindings::wasi::cli::stdout;
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags,
};
use crate::bindings::wasi::http::types::{Fields, Method, OutgoingRequest};
use crate::bindings::wasi::io::poll;
use crate::bindings::wasi::sockets::network::IpAddressFamily;
use crate::bindings::wasi::sockets::tcp_create_socket::create_tcp_socket;
use crate::bindings::wasi::sockets::udp_create_socket::create_udp_socket;
use crate::calls::answered;
use crate::edges::{home, open};
use crate::{Arguments, Performed, wrong};
use serde_json::{Value, json};
use std::mem::forget;

const A_YEAR_NS: u64 = 365 * 24 * 3_600 * 1_000_000_000;

pub(crate) fn perform(action: &str, arguments: &Arguments<'_>) -> Performed {
    let answer = match action {
        "hold_forever" => hold(arguments.text("what")?)?,
        "call_forever" => return call(arguments.text("what")?).map(|never| match never {}),
        "emit_forever" => {
            let data = format!("{:?}", "x".repeat(size(arguments)?));
            loop {
                if let Err(error) = progress::emit("flood", &data) {
                    break answered(Err::<(), _>(error), |()| json!(null));
                }
            }
        }
        "publish_forever" => publish(size(arguments)?)?,
        "hard_link_forever" => {
            let home = home()?;
            for count in 0_u64.. {
                // No file system takes more than some ten thousand links to one file.
                let of = format!("of-{}", count / 1_000);
                drop(file(&home, &of)?);
                if let Err(code) = home.link_at(PathFlags::empty(), &of, &home, &count.to_string())
                {
                    return Ok(Some(refused(count, code)));
                }
            }
            Value::Null
        }
        "poll_none" => json!(poll::poll(&[])),
        "poll_far" => {
            let timers: Vec<_> = (0..size(arguments)?)
                .map(|number| monotonic_clock::subscribe_duration(A_YEAR_NS + number as u64))
                .collect();
            json!(poll::poll(&timers.iter().collect::<Vec<_>>()))
        }
        "wait_for_many" => {
            let ids = vec![String::new(); size(arguments)?];
            answered(children::wait_any(&ids), |_| json!(null))
        }
        "sleep_in_the_past" => {
            monotonic_clock::subscribe_instant(0).block();
            monotonic_clock::subscribe_duration(0).block();
            json!("awake")
        }
        "exit" => std::process::exit(i32::try_from(arguments.number("code")?).unwrap_or(1)),
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

fn size(arguments: &Arguments<'_>) -> Result<usize, Failure> {
    let name = if arguments.number_if_any("count").is_some() { "count" } else { "bytes" };
    usize::try_from(arguments.number(name)?).map_err(|error| wrong(error.to_string()))
}

/// A closure's whole work: `thing` is never given back.
fn leak<T>(thing: T) -> Result<(), ErrorCode> {
    forget(thing);
    Ok(())
}

/// Takes one thing after the other, and keeps all of them.
fn hold(what: &str) -> Result<Value, Failure> {
    let home = home()?;
    if what == "listings" {
        // So that each listing is a long one.
        for number in 0..2_000 {
            drop(file(&home, &format!("{number:0200}"))?);
        }
    }
    let mut take: Box<dyn FnMut() -> Result<(), ErrorCode>> = match what {
        "directories" => Box::new(|| leak(get_directories())),
        "files" => Box::new(|| open(&home, "held").map(forget)),
        "listings" => Box::new(|| home.read_directory().map(forget)),
        "timers" => Box::new(|| leak(monotonic_clock::subscribe_duration(A_YEAR_NS))),
        "streams" => Box::new(|| leak(stdout::get_stdout())),
        "sockets" => Box::new(|| {
            let tcp = create_tcp_socket(IpAddressFamily::Ipv4).map(forget);
            let udp = create_udp_socket(IpAddressFamily::Ipv6).map(forget);
            tcp.or(udp).map_err(|_| ErrorCode::Access)
        }),
        "http_methods" => {
            let name = "A".repeat(8 << 20);
            Box::new(move || {
                let request = OutgoingRequest::new(Fields::new());
                let set = request.set_method(&Method::Other(name.clone()));
                forget(request);
                set.map_err(|()| ErrorCode::Invalid)
            })
        }
        "http_fields" => {
            let value = vec![b'x'; 1 << 10];
            Box::new(move || {
                let fields = Fields::new();
                for number in 0..1_000 {
                    // Until it holds all that it may.
                    if fields.append(&format!("x-{number}"), &value).is_err() {
                        break;
                    }
                }
                leak(fields)
            })
        }
        "http_bodies" => {
            let chunk = vec![b'x'; 1 << 20];
            Box::new(move || {
                let request = OutgoingRequest::new(Fields::new());
                let body = request.body().map_err(|()| ErrorCode::Invalid)?;
                let stream = body.write().map_err(|()| ErrorCode::Invalid)?;
                while let Ok(room @ 1..) = stream.check_write() {
                    let room = usize::try_from(room).unwrap_or(usize::MAX).min(chunk.len());
                    stream.write(&chunk[..room]).map_err(|_| ErrorCode::Io)?;
                }
                leak((request, body, stream))
            })
        }
        _ => return Err(wrong(format!("{what:?} is nothing to hold"))),
    };
    for count in 0_u64.. {
        if let Err(code) = take() {
            return Ok(refused(count, code));
        }
    }
    Ok(Value::Null)
}

enum Never {}

/// Makes one call again and again.
fn call(what: &str) -> Result<Never, Failure> {
    let home = home()?;
    let now = monotonic_clock::subscribe_duration(0);
    let many = vec![&now; 90_000];
    drop(file(&home, "a")?);
    let mut once: Box<dyn FnMut()> = match what {
        "clocks" => Box::new(|| {
            std::hint::black_box((monotonic_clock::now(), wall_clock::now()));
        }),
        "sleeps" => Box::new(|| drop(timers::sleep(0))),
        "polls" => Box::new(|| drop(poll::poll(&many))),
        "renames" => Box::new(|| {
            let _ = home.rename_at("a", &home, "b");
            let _ = home.rename_at("b", &home, "a");
        }),
        "refusals" => Box::new(|| {
            let _ = home.open_at(
                PathFlags::SYMLINK_FOLLOW,
                "../../../operator.token",
                OpenFlags::empty(),
                DescriptorFlags::READ,
            );
        }),
        _ => return Err(wrong(format!("{what:?} is nothing to call"))),
    };
    loop {
        once();
    }
}

/// Keeps as artifacts of one name what is another file each time.
fn publish(bytes: usize) -> Result<Value, Failure> {
    let description = artifacts::Description { media_type: None, text: None };
    for count in 0_u64.. {
        let mut content = vec![0_u8; bytes];
        content.iter_mut().zip(count.to_le_bytes()).for_each(|(to, from)| *to = from);
        std::fs::write("/workspace/again", &content).map_err(|error| wrong(error.to_string()))?;
        if let Err(error) = artifacts::publish("again", &description) {
            return Ok(
                json!({"published": count, "why": answered(Err::<(), _>(error), |()| json!(null))}),
            );
        }
    }
    Ok(Value::Null)
}

fn refused(count: u64, code: ErrorCode) -> Value {
    json!({"got": count, "err": code.name()})
}

fn file(home: &Descriptor, path: &str) -> Result<Descriptor, Failure> {
    open(home, path).map_err(|code| wrong(format!("{path}: {code:?}")))
}
