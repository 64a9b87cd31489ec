//! Actions that print and report.
//!
//! `print {bytes? | text?, to?: stdout|stderr}` · `print_raw {hex, to?}` prints bytes that need not be
//! UTF-8 · `print_lines {count, text?, to?}` · `print_forever {to?}` · `progress {done, total?, message?}`
//! · `progress_steps {steps, iterations}` reports each step and spins between · `log {level, message}` ·
//! `log_forever` · `emit {kind, data}`.

use crate::bindings::Failure;
use crate::bindings::errand::task::{progress, types::Level};
use crate::calls::answered;
use crate::compute::spin;
use crate::{Arguments, Performed, wrong};
use serde_json::{Value, json};
use std::io::Write;

const CHUNK_BYTES: usize = 64 * 1024;

pub(crate) fn perform(action: &str, arguments: &Arguments<'_>) -> Performed {
    let answer = match action {
        "print" => {
            let text = arguments.text_if_any("text").map(str::to_owned);
            let bytes = arguments.number_if_any("bytes").unwrap_or(0);
            let mut out = stream(arguments)?;
            let result = match text {
                Some(text) => out.write_all(text.as_bytes()),
                None => print_bytes(&mut out, bytes),
            };
            printed(result.and_then(|()| out.flush()))
        }
        "print_raw" => {
            let mut out = stream(arguments)?;
            printed(out.write_all(&from_hex(arguments.text("hex")?)?).and_then(|()| out.flush()))
        }
        "print_lines" => {
            let text = arguments.text_if_any("text").unwrap_or("a line");
            let mut out = stream(arguments)?;
            let result =
                (1..=arguments.number("count")?).try_for_each(|n| writeln!(out, "{text} {n}"));
            printed(result)
        }
        "print_forever" => {
            let mut out = stream(arguments)?;
            loop {
                if let Err(error) = out.write_all(&[b'x'; CHUNK_BYTES]) {
                    return Ok(Some(printed(Err(error))));
                }
            }
        }
        "progress" => {
            let message = arguments.text_if_any("message");
            progress::report(arguments.number("done")?, arguments.number_if_any("total"), message);
            json!(null)
        }
        "progress_steps" => {
            let (steps, iterations) = (arguments.number("steps")?, arguments.number("iterations")?);
            for step in 1..=steps {
                spin(iterations);
                progress::report(step, Some(steps), Some(&format!("step {step}")));
            }
            json!({"steps": steps})
        }
        "log" => {
            progress::log(level(arguments.text("level")?)?, arguments.text("message")?);
            json!(null)
        }
        "log_forever" => loop {
            progress::log(Level::Info, "and another line");
        },
        "emit" => {
            answered(progress::emit(arguments.text("kind")?, &arguments.json("data")), |()| {
                json!(null)
            })
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

/// Says as JSON whether printing went well. Whoever calls it has flushed: nobody does so after `run`.
fn printed(result: std::io::Result<()>) -> Value {
    json!({"error": result.err().map(|error| error.to_string())})
}

/// Returns standard output, or standard error where the arguments say so.
fn stream(arguments: &Arguments<'_>) -> Result<Box<dyn Write>, Failure> {
    match arguments.text_if_any("to") {
        None | Some("stdout") => Ok(Box::new(std::io::stdout())),
        Some("stderr") => Ok(Box::new(std::io::stderr())),
        Some(other) => Err(wrong(format!("{other:?} is no stream"))),
    }
}

fn print_bytes(out: &mut dyn Write, bytes: u64) -> std::io::Result<()> {
    let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
    while left > 0 {
        let now = left.min(CHUNK_BYTES);
        out.write_all(&vec![b'x'; now])?;
        left -= now;
    }
    Ok(())
}

fn level(name: &str) -> Result<Level, Failure> {
    match name {
        "debug" => Ok(Level::Debug),
        "info" => Ok(Level::Info),
        "warn" => Ok(Level::Warn),
        "error" => Ok(Level::Error),
        _ => Err(wrong(format!("{name:?} is no level"))),
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>, Failure> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0);
    let digits =
        digits.ok_or_else(|| wrong("\"hex\" must be pairs of hexadecimal digits".to_owned()))?;
    Ok(digits.chunks(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect())
}
