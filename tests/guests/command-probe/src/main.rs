//! A WASI preview 1 program whose arguments choose what it does, one action after another.
//!
//! `args` prints the arguments, one a line · `env` the variables · `cat` copies stdin to stdout ·
//! `print TEXT` · `complain TEXT` to stderr · `both N` N lines to each, in turn · `invalid-utf8` ·
//! `escapes` terminal controls · `half-character` a character in two writes · `read PATH` · `write PATH TEXT`
//! · `list PATH` · `spin` for ever · `flood` stdout for ever · `panic` · `exit N`.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::io::{self, Read, Write};
use std::process::ExitCode;

/// What a test should see after arguments that name no action.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    while let Some(action) = arguments.next() {
        match perform(&action, &mut arguments) {
            Ok(None) => {}
            Ok(Some(code)) => return ExitCode::from(code),
            Err(error) => {
                eprintln!("{action}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Does one thing. Answers the exit code where it is the last.
fn perform(action: &str, arguments: &mut dyn Iterator<Item = String>) -> io::Result<Option<u8>> {
    let mut next = || arguments.next().unwrap_or_default();
    let mut out = io::stdout();
    match action {
        "args" => std::env::args().for_each(|argument| println!("{argument}")),
        "env" => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
        "cat" => {
            let mut bytes = Vec::new();
            io::stdin().read_to_end(&mut bytes)?;
            out.write_all(&bytes)?;
        }
        "print" => println!("{}", next()),
        "complain" => eprintln!("{}", next()),
        "both" => {
            let count: u32 = next().parse().map_err(io::Error::other)?;
            (1..=count).for_each(|n| {
                println!("out {n}");
                eprintln!("err {n}");
            });
        }
        "invalid-utf8" => out.write_all(b"before \xff\xfe\xc3( after\n")?,
        "escapes" => {
            out.write_all(
                b"\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]52;c;aGk=\x07 \x9b2J \r\x08\x00\n",
            )?;
        }
        "half-character" => {
            out.write_all(b"\xe2\x82")?;
            out.flush()?;
            out.write_all(b"\xac\n")?;
        }
        "read" => out.write_all(&std::fs::read(next())?)?,
        "write" => std::fs::write(next(), next())?,
        "list" => {
            for entry in std::fs::read_dir(next())? {
                println!("{}", entry?.file_name().to_string_lossy());
            }
        }
        "spin" => loop {
            std::hint::black_box(());
        },
        "flood" => loop {
            out.write_all(&[b'x'; 65_536])?;
        },
        "panic" => std::panic::panic_any("it was asked to panic"),
        "exit" => return Ok(Some(next().parse().map_err(io::Error::other)?)),
        other => {
            eprintln!("no action is called {other:?}");
            return Ok(Some(USAGE));
        }
    }
    out.flush()?;
    Ok(None)
}
