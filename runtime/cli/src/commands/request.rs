//! What a task is to be, as the options of `submit` and `fork` say it.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::Client;
use crate::errors::Result;
use crate::input::InputSource;
use crate::packages::{self, PackageArgs};
use crate::run::plugin::PYTHON;
use crate::units;
use crate::workspace::{WorkspaceSource, upload};

/// The options of both.
#[derive(Args)]
pub(super) struct RequestArgs {
    /// The input: JSON, `@FILE`, or `-` for standard input [default: {}; for a fork, the other task's]
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub(super) input: Option<InputSource>,
    /// The function to call, where the executor has several
    #[arg(long, value_name = "NAME")]
    pub(super) function: Option<String>,
    #[command(flatten)]
    packages: PackageArgs,
    /// Keep files that match; repeatable
    #[arg(long = "artifact", value_name = "GLOB")]
    artifacts: Vec<String>,
    /// Follow the task, and print its output
    #[arg(long)]
    pub(super) wait: bool,
    /// Print the task as JSON; with --wait as it is at the end
    #[arg(long)]
    pub(super) json: bool,

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
    /// The conversation that it belongs to
    #[arg(long, value_name = "ID", help_heading = "Queueing")]
    context: Option<String>,
    /// The task that it is a child of
    #[arg(long, value_name = "ID", help_heading = "Queueing")]
    parent: Option<String>,
    /// The namespace, where the token has several
    #[arg(long, value_name = "NAME", help_heading = "Queueing")]
    pub(super) namespace: Option<String>,

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
    pub(super) workspace_bytes: Option<u64>,
    /// Attempts in all [default: 3]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    max_attempts: Option<u32>,
}

/// The request, as far as something was said.
#[derive(Serialize)]
pub(super) struct Request<'a> {
    executor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function: Option<&'a str>,
    input: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workspace: Option<WorkspaceSource>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<Mount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'a str>,
    limits: RequestLimits,
    retry: RequestRetry,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    artifacts: &'a [String],
}

/// A directory that the task can read.
#[derive(Serialize)]
struct Mount {
    path: &'static str,
    blob: String,
}

/// As much of an input as says what its program needs.
#[derive(Deserialize)]
struct Program {
    code: Option<String>,
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

impl RequestArgs {
    /// Makes the request, which calls an executor with an input.
    pub(super) fn request<'a>(&'a self, executor: &'a str, input: Box<RawValue>) -> Request<'a> {
        Request {
            executor,
            function: self.function.as_deref(),
            input,
            workspace: None,
            mounts: Vec::new(),
            namespace: self.namespace.as_deref(),
            labels: self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
            priority: self.priority,
            idempotency_key: self.idempotency_key.as_deref(),
            delay_ms: self.delay.map(millis),
            context_id: self.context.as_deref(),
            parent_id: self.parent.as_deref(),
            limits: RequestLimits {
                fuel: self.fuel,
                memory_bytes: self.memory,
                timeout_ms: self.timeout.map(millis),
                workspace_bytes: self.workspace_bytes,
            },
            retry: RequestRetry { max_attempts: self.max_attempts },
            artifacts: &self.artifacts,
        }
    }

    /// Finds the packages that the program needs, and brings them to the server.
    pub(super) fn bring_packages(&self, client: &Client, request: &mut Request<'_>) -> Result<()> {
        let name = request.executor.split('@').next().unwrap_or_default();
        let program: Option<Program> = match name {
            PYTHON => serde_json::from_str(request.input.get()).ok(),
            _ => None,
        };
        let code = program.and_then(|program| program.code);
        let Some(packages) = self.packages.find(code.as_deref())? else { return Ok(()) };
        let blob = upload(client, request.namespace, packages.pack()?)?;
        request.mounts.push(Mount { path: packages::PATH, blob });
        Ok(())
    }

    /// Reads the input that was given, if one was.
    pub(super) fn input(&self) -> Result<Option<Box<RawValue>>> {
        self.input.as_ref().map(InputSource::read).transpose()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Cli;
    use crate::commands::Command;

    fn request_of(line: &[&str]) -> String {
        let line = ["errand", "submit"].iter().chain(line);
        let cli = Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
        let Command::Submit(args) = cli.command else { panic!("it is a submission") };
        serde_json::to_string(&args.request().expect("the input is JSON")).expect("it is JSON")
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
