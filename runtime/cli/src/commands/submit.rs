//! `errand submit`: hands over a task.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{exit_of, result};
use crate::cli::GlobalArgs;
use crate::client::{Client, Payload, Route, Task};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::follow::{News, follow};
use crate::input::InputSource;
use crate::output::{self, Output};
use crate::render::{self, progress::Bar, told::Told};
use crate::units;
use crate::workspace::{WorkspaceArg, WorkspaceSource};

/// Hands over a task and prints its id
///
/// The task is durable when the id is printed; it goes on whatever happens to this command. With --wait,
/// the id goes to standard error, progress is shown there, and the output is printed at the end.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand submit python --input '{\"code\": \"print(1)\"}'
  errand submit manifest-lint --input @manifests.json --wait
  generate | errand submit calc --function add --input - --label run=nightly
  errand submit manifest-lint --workspace deploy/ --wait
  errand submit python --input @job.json --memory 512MiB --timeout 10m --artifact 'out/**'")]
pub(crate) struct SubmitArgs {
    /// The executor: `name`, or `name@digest`
    executor: String,
    /// The input: JSON, `@FILE`, or `-` for standard input [default: {}]
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    input: Option<InputSource>,
    /// The function to call, where the executor has several
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// What the workspace starts from: a directory, or an archive; without what `.gitignore` names
    #[arg(
        long,
        value_name = "DIR|git:REPO@REF|task:ID|tar:FILE",
        default_value = "empty",
        hide_default_value = true
    )]
    workspace: WorkspaceArg,
    /// Keep files that match; repeatable
    #[arg(long = "artifact", value_name = "GLOB")]
    artifacts: Vec<String>,
    /// Follow the task, and print its output
    #[arg(long)]
    wait: bool,
    /// Print the task as JSON; with --wait as it is at the end
    #[arg(long)]
    json: bool,

    /// A label to find it by; repeatable
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = units::parse_pair, help_heading = "Queueing")]
    labels: Vec<(String, String)>,
    /// Higher is run first
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Queueing")]
    priority: Option<i32>,
    /// Wait at least so long before it starts
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration, help_heading = "Queueing")]
    delay: Option<Duration>,
    /// The same key and request give the same task
    #[arg(long, value_name = "KEY", help_heading = "Queueing")]
    idempotency_key: Option<String>,
    /// The namespace, where the token has several
    #[arg(long, value_name = "NAME", help_heading = "Queueing")]
    namespace: Option<String>,

    /// Fuel, about one unit per instruction [default: 10T]
    #[arg(long, value_name = "N", value_parser = units::parse_fuel, help_heading = "Limits")]
    fuel: Option<u64>,
    /// Memory [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size, help_heading = "Limits")]
    memory: Option<u64>,
    /// Time while running [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration, help_heading = "Limits")]
    timeout: Option<Duration>,
    /// Bytes of all files in the workspace [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size, help_heading = "Limits")]
    workspace_bytes: Option<u64>,
    /// Attempts in all [default: 3]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    max_attempts: Option<u32>,
}

/// The request, as far as something was said.
#[derive(Serialize)]
struct Request<'a> {
    executor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    input: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<WorkspaceSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    limits: RequestLimits,
    retry: RequestRetry,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    artifacts: &'a [String],
}

#[derive(Serialize)]
struct RequestLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_bytes: Option<u64>,
}

#[derive(Serialize)]
struct RequestRetry {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<u32>,
}

pub(crate) fn run(args: SubmitArgs, globals: &GlobalArgs) -> Result<Exit> {
    args.workspace.check()?;
    let mut request = request(&args)?;
    let mut client = Client::connect(globals, TokenFile::Agent)?;
    request.workspace =
        args.workspace.bring(&client, args.namespace.as_deref(), args.workspace_bytes)?;
    let request = serde_json::to_string(&request).map_err(anyhow::Error::from)?;
    let answer = client.post(Route::new("/v1/tasks"), Payload::Json(request))?;
    let task: Task = answer.parse()?;
    let mut out = Output::stdout();
    match (args.wait, args.json) {
        (false, true) => out.json_text(&answer.text)?,
        (false, false) => out.line(&task.id)?,
        (true, json) => return wait(&mut client, &task, json, &mut out),
    }
    Ok(Exit::Done)
}

fn request(args: &SubmitArgs) -> Result<Request<'_>> {
    let input = match &args.input {
        Some(source) => source.read()?,
        None => RawValue::from_string("{}".to_owned()).expect("an empty object is JSON"),
    };
    Ok(Request {
        executor: &args.executor,
        function: args.function.as_deref(),
        input,
        workspace: None,
        namespace: args.namespace.as_deref(),
        labels: args.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        priority: args.priority,
        idempotency_key: args.idempotency_key.as_deref(),
        delay_ms: args.delay.map(millis),
        limits: RequestLimits {
            fuel: args.fuel,
            memory_bytes: args.memory,
            timeout_ms: args.timeout.map(millis),
            workspace_bytes: args.workspace_bytes,
        },
        retry: RequestRetry { max_attempts: args.max_attempts },
        artifacts: &args.artifacts,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Follows the task on standard error; its output is what standard output gets.
fn wait(client: &mut Client, task: &Task, json: bool, out: &mut Output) -> Result<Exit> {
    output::note(&task.id);
    let mut bar = Bar::start();
    bar.status(task.status);
    let look = render::Look::new(None);
    let mut told = Told::default();
    let followed = follow(client, &task.id, 0, &mut |news| {
        match news {
            News::Event(event, _) => {
                told.event(event);
                bar.on_event(event);
                bar.beside(|| output::stderr_text(&render::event::lines(event, &look)));
            }
            News::Progress(progress) => bar.update(progress),
        }
        Ok(())
    });
    bar.finish();
    let answer = followed?;
    let task: Task = answer.parse()?;
    match &task.error {
        _ if json => out.json_text(&answer.text)?,
        // Its last event has said how it failed.
        Some(error) => output::stderr_text(&told.rest_of(error)),
        None => result::print(&task, out)?,
    }
    Ok(exit_of(task.status))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;
    use crate::commands::Command;

    fn request_of(line: &[&str]) -> String {
        let line = ["errand", "submit"].iter().chain(line);
        let cli = Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
        let Command::Submit(args) = cli.command else { panic!("it is a submission") };
        serde_json::to_string(&request(&args).expect("the input is JSON")).expect("it is JSON")
    }

    #[test]
    fn what_was_not_said_is_left_to_the_server() {
        assert_eq!(
            request_of(&["python"]),
            r#"{"executor":"python","input":{},"limits":{},"retry":{}}"#
        );
    }

    #[test]
    fn everything_can_be_said() {
        let line = [
            "calc@ab12",
            "--function",
            "add",
            "--input",
            r#"{"b":2,"a":1e400}"#,
            "--label",
            "k=v=w",
            "--priority",
            "-3",
            "--delay",
            "2s",
            "--idempotency-key",
            "x",
            "--fuel",
            "5M",
            "--memory",
            "64MiB",
            "--timeout",
            "1m",
            "--workspace-bytes",
            "2GiB",
            "--max-attempts",
            "1",
            "--artifact",
            "out/**",
        ];
        assert_eq!(
            request_of(&line),
            r#"{"executor":"calc@ab12","function":"add","input":{"b":2,"a":1e400},"labels":{"k":"v=w"},"#
                .to_owned()
                + r#""priority":-3,"idempotency_key":"x","delay_ms":2000,"#
                + r#""limits":{"fuel":5000000,"memory_bytes":67108864,"timeout_ms":60000,"workspace_bytes":2147483648},"#
                + r#""retry":{"max_attempts":1},"artifacts":["out/**"]}"#
        );
    }
}
