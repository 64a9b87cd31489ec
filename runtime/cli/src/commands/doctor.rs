//! `errand doctor`: checks that everything is in order.

use anstyle::AnsiColor;
use clap::Args;
use errand_store::Part;
use serde::Serialize;

use crate::cli::GlobalArgs;
use crate::client::{Client, Route};
use crate::data_dir::{DataDir, TokenFile};
use crate::errors::{Exit, Result};
use crate::output::Output;
use crate::render::escape;
use crate::serve;
use crate::units;

/// Below this the server may refuse work soon.
const LOW_DISK_BYTES: u64 = 1 << 30;

/// Checks that everything is in order
///
/// Ends with 0 if it is, with 1 if not. Checks the store itself only while no server runs.
#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// What was found out about one thing.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    checks: &'a [Check],
}

pub(crate) fn run(args: &DoctorArgs, globals: &GlobalArgs) -> Result<Exit> {
    let checks = examine(globals)?;
    let ok = checks.iter().all(|check| check.ok);
    let mut out = Output::stdout();
    if args.json {
        out.json(&Report { ok, checks: &checks })?;
    } else {
        out.text(render(&checks))?;
    }
    Ok(if ok { Exit::Done } else { Exit::TaskFailed })
}

fn examine(globals: &GlobalArgs) -> Result<Vec<Check>> {
    let data = DataDir::locate(globals)?;
    let mut checks = Vec::new();
    let exists = check_directory(&data, &mut checks);
    if exists {
        check_token(&data, TokenFile::Agent, &mut checks);
        check_token(&data, TokenFile::Operator, &mut checks);
        checks.push(check_disk(&data));
        checks.push(check_cache(&data));
    }
    let answered = check_server(globals, &mut checks);
    if exists && answered == Answered::NoServer {
        checks.push(check_store(&data));
    }
    Ok(checks)
}

fn render(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let (mark, style) = match check.ok {
            true => ("✓", AnsiColor::Green.on_default().bold()),
            false => ("✗", AnsiColor::Red.on_default().bold()),
        };
        let detail = escape::line(&check.detail);
        text.push_str(&format!("{style}{mark}{style:#} {:<15} {detail}\n", check.name));
        if let Some(hint) = check.hint {
            text.push_str(&format!("  {:<15} hint: {hint}\n", ""));
        }
    }
    text
}

impl Check {
    fn good(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, detail: detail.into(), hint: None }
    }

    fn bad(name: &'static str, detail: impl Into<String>, hint: &'static str) -> Self {
        Self { name, ok: false, detail: detail.into(), hint: Some(hint) }
    }
}

/// Checks the data directory, and tells whether it is there.
fn check_directory(data: &DataDir, checks: &mut Vec<Check>) -> bool {
    const NAME: &str = "data directory";
    let path = data.path().display();
    let (check, exists) = match data.mode("") {
        Ok(Some(mode)) if mode & 0o022 == 0 => (Check::good(NAME, path.to_string()), true),
        Ok(Some(mode)) => {
            let detail = format!("{path} can be written by others (mode {mode:o})");
            (Check::bad(NAME, detail, "take that right away: `chmod 700`"), true)
        }
        Ok(None) => {
            (Check::good(NAME, format!("{path} is made by the first `errand serve`")), false)
        }
        Err(error) => (Check::bad(NAME, format!("{path}: {error}"), "is it yours?"), false),
    };
    checks.push(check);
    exists
}

fn check_token(data: &DataDir, which: TokenFile, checks: &mut Vec<Check>) {
    const CHMOD: &str = "it must be its owner's alone: `chmod 600`";
    let name = which.name();
    checks.push(match (data.mode(name), data.token(which)) {
        (Ok(Some(mode)), _) if mode & 0o077 != 0 => {
            Check::bad(name, format!("can be read by others (mode {mode:o})"), CHMOD)
        }
        (Ok(Some(_)), Ok(Some(token)))
            if !token.expose().is_empty() && !token.expose().contains('\n') =>
        {
            Check::good(name, "readable by its owner alone")
        }
        (Ok(Some(_)), Ok(_)) => {
            Check::bad(name, "does not hold one line", "create a token with `errand token create`")
        }
        // An agent's user is not meant to read the operator's.
        (Ok(Some(_)), Err(_)) => Check::good(name, "not this user's to read"),
        (Ok(None), _) => Check::bad(name, "is missing", "the first `errand serve` writes it"),
        (Err(error), _) => Check::bad(name, error.to_string(), "is the data directory yours?"),
    });
}

fn check_disk(data: &DataDir) -> Check {
    const NAME: &str = "disk space";
    match rustix::fs::statvfs(data.path()) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let detail = format!("{} free", units::size(free));
            if free >= LOW_DISK_BYTES {
                Check::good(NAME, detail)
            } else {
                Check::bad(NAME, detail, "make room; `errand delete` removes ended tasks")
            }
        }
        Err(error) => Check::bad(NAME, error.to_string(), "is the data directory yours?"),
    }
}

fn check_cache(data: &DataDir) -> Check {
    const NAME: &str = "compile cache";
    const REMOVE: &str = "it can be removed: what is needed is compiled again";
    match errand_engine::check_compiled(&data.compiled()) {
        Ok(found) if found.damaged.is_empty() => {
            Check::good(NAME, format!("{} executors, {}", found.count, units::size(found.bytes)))
        }
        Ok(found) => {
            let paths = found.damaged.iter().map(|path| path.display().to_string());
            let paths = paths.collect::<Vec<_>>().join(", ");
            let detail = format!("damaged: {paths}");
            Check::bad(NAME, detail, "remove it; a server finds it too, and compiles it again")
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Check::good(NAME, "empty"),
        Err(error) => Check::bad(NAME, error.to_string(), REMOVE),
    }
}

#[derive(PartialEq, Eq)]
enum Answered {
    Yes,
    No,
    NoServer,
}

fn check_server(globals: &GlobalArgs, checks: &mut Vec<Check>) -> Answered {
    const NAME: &str = "server";
    let client = match Client::connect(globals, TokenFile::Agent) {
        Ok(client) => client,
        Err(error) if error.exit() == Exit::Unreachable => {
            checks.push(Check::good(NAME, "none runs here"));
            return Answered::NoServer;
        }
        Err(error) => {
            checks.push(Check::bad(NAME, error.message(), "see `errand --help` on tokens"));
            return Answered::No;
        }
    };
    let answer = client
        .get(Route::new("/readyz"))
        // Readiness asks for no token; a list does.
        .and_then(|_| client.get(Route::new("/v1/tasks").query("limit", "1")));
    match answer {
        Ok(_) => {
            checks.push(Check::good(NAME, format!("answers at {}", client.url())));
            Answered::Yes
        }
        Err(error) => {
            let hint = match error.exit() {
                Exit::Unreachable => "it has died or moved; start it with `errand serve`",
                Exit::Refused => "the token is not this server's",
                _ => "its log says more",
            };
            checks.push(Check::bad(NAME, error.message(), hint));
            match error.exit() {
                Exit::Unreachable if globals.server.is_none() => Answered::NoServer,
                _ => Answered::No,
            }
        }
    }
}

fn check_store(data: &DataDir) -> Check {
    const NAME: &str = "store";
    const DAMAGED: &str = "keep a copy of the data directory, then restore the last backup into a new \
                           one: `errand restore FILE --data DIR`";
    const INDEX: &str = "keep a copy of the data directory, then remove `store/index` and \
                         `store/checkpoint`: the next start makes them anew from `store/wal`";
    match serve::at_rest::verify(data) {
        Ok(None) => Check::good(NAME, "empty"),
        Ok(Some(findings)) if findings.is_empty() => Check::good(NAME, "consistent"),
        Ok(Some(findings)) => {
            let hint = match findings.iter().all(|finding| finding.part == Part::Index) {
                true => INDEX,
                false => DAMAGED,
            };
            let each = findings.iter().map(|finding| {
                let (what, problem) = (&finding.what, &finding.problem);
                format!("{what}: {problem}")
            });
            let faults = match findings.len() {
                1 => "1 fault".to_owned(),
                many => format!("{many} faults"),
            };
            Check::bad(NAME, format!("{faults}; {}", each.collect::<Vec<_>>().join("; ")), hint)
        }
        Err(error) => Check::bad(NAME, error.message(), DAMAGED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_shows_what_is_wrong_and_what_to_do() {
        let checks = [
            Check::good("disk space", "12 GiB free"),
            Check::bad("agent.token", "is missing", "the first `errand serve` writes it"),
        ];
        let text = anstream::adapter::strip_str(&render(&checks)).to_string();
        assert_eq!(
            text,
            "\
✓ disk space      12 GiB free
✗ agent.token     is missing
                  hint: the first `errand serve` writes it
"
        );
    }
}
