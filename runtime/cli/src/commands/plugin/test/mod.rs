//! `errand plugin test`: runs an executor as a server would, without one, and shows all that happens.
//!
//! [`workbench`] is the inside of a server for as long as the command lasts; [`cases`] are the inputs
//! that lie in files, with what is expected of them; [`verdict`] says what is wrong with a run; [`report`]
//! tells it to a person or a program.

mod cases;
mod report;
mod verdict;
mod workbench;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use errand_core::{ExecutorName, ExecutorProfile, FunctionProfile, Task};
use errand_scheduler::{ServiceError, TaskRequest};
use serde_json::{Value, json};

use super::name_of;
use crate::cli::GlobalArgs;
use crate::errors::{CommandError, Exit, Result};
use crate::files;
use crate::input::InputSource;
use crate::units;
use cases::{Case, Expected};
use report::Report;
use verdict::{Complaint, Ended};
use workbench::Workbench;

/// Runs an executor in the sandbox, without a server, and shows all that happens
///
/// The wasm goes through what an upload goes through, and the task through what a submitted one does: the
/// events are those that a server would record. They go to standard error, the output to standard output.
/// The exit code is 1 if the task fails, if its output is not what --expect says or does not fit the
/// executor's own schema, or if one of the --cases fails.
///
/// A case is a JSON object: `input`; `expect` (the output) or `expect_error` (its `code`, and if you like
/// `message`, `detail`, `retryable`; the code is `invalid` where the input does not fit the schema);
/// `expect_artifacts` (texts by path); and `name`, `function`, `artifacts`. A file holds one or a list.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand plugin test word-counter.wasm
  errand plugin test word-counter.wasm --input '{\"text\": \"a b\"}' --expect @output.json
  errand plugin test word-counter.wasm --cases tests
  errand plugin test program.wasm --input '{\"args\": [\"--version\"]}' --json")]
pub(crate) struct TestArgs {
    /// The wasm
    #[arg(value_name = "FILE")]
    file: String,
    /// The input: JSON, `@FILE`, or `-` for standard input [default: the first example of the input schema,
    /// else {}]
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    input: Option<InputSource>,
    /// The function to call, where the executor has several
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Fail unless this is the output
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    expect: Option<InputSource>,
    /// Run the cases of a file, or of all .json files of a directory
    #[arg(long, value_name = "PATH", conflicts_with_all = ["input", "function", "expect"])]
    cases: Option<PathBuf>,
    /// Keep files that match; repeatable
    #[arg(long = "artifact", value_name = "GLOB")]
    artifacts: Vec<String>,
    /// Print what happens as lines of JSON
    #[arg(long)]
    json: bool,

    /// Fuel, about one unit per instruction [default: 10T]
    #[arg(long, value_name = "N", value_parser = units::parse_fuel, help_heading = "Limits")]
    fuel: Option<u64>,
    /// Memory [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size, help_heading = "Limits")]
    memory: Option<u64>,
    /// Time while running [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration, help_heading = "Limits")]
    timeout: Option<Duration>,
    /// Attempts in all, where a failure may pass
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Limits")]
    max_attempts: u32,
}

pub(crate) fn run(args: &TestArgs, globals: &GlobalArgs) -> Result<Exit> {
    // What is wrong with the call is said before the wasm is compiled.
    let wasm = files::read_bytes(args.file.as_ref())?;
    let plan = args.plan()?;
    let name = name_of(&args.file).or_else(|_| "executor".parse().map_err(CommandError::usage))?;
    let mut tester = Tester {
        bench: Workbench::open(globals)?,
        args,
        report: Report::start(args.json),
        name: name.clone(),
    };
    let version = tester.bench.upload(&name, wasm)?;
    match plan {
        Plan::Once { function, input, expected } => {
            tester.once(&version, function, input, expected)
        }
        Plan::Cases(cases) => tester.all(&version.profile, cases),
    }
}

/// What is to be done.
enum Plan {
    Once { function: Option<String>, input: Option<Value>, expected: Option<Value> },
    Cases(Vec<Case>),
}

impl TestArgs {
    fn plan(&self) -> Result<Plan> {
        if let Some(path) = &self.cases {
            return Ok(Plan::Cases(cases::read(path)?));
        }
        let read = |source: &Option<InputSource>, flag| match source {
            Some(source) => source.read_value(flag).map(Some),
            None => Ok(None),
        };
        if self.input == Some(InputSource::Stdin) && self.expect == Some(InputSource::Stdin) {
            return Err(CommandError::usage(
                "standard input can't be both the input and what is expected",
            ));
        }
        Ok(Plan::Once {
            function: self.function.clone(),
            input: read(&self.input, "--input")?,
            expected: read(&self.expect, "--expect")?,
        })
    }
}

struct Tester<'a> {
    bench: Workbench,
    args: &'a TestArgs,
    report: Report,
    name: ExecutorName,
}

impl Tester<'_> {
    /// Runs one input, and shows all of it.
    fn once(
        &mut self,
        version: &errand_core::ExecutorVersion,
        function: Option<String>,
        input: Option<Value>,
        expected: Option<Value>,
    ) -> Result<Exit> {
        self.report.executor(&self.name, version)?;
        let called = called(&version.profile, function.as_deref());
        let (input, is_example) = match input {
            Some(input) => (input, false),
            None => match called.and_then(verdict::first_example) {
                Some(example) => (example, true),
                None => (json!({}), false),
            },
        };
        self.report.input(&input, is_example)?;
        let mut complaints = verdict::of_examples(&version.profile);
        let request = self.request(function.clone(), input, &[]);
        let id = self.bench.submit(request).map_err(workbench::refused)?;
        let report = &mut self.report;
        let fuel_limit = self.args.fuel.unwrap_or_else(|| errand_core::Limits::default().fuel);
        let task = self.bench.follow(id, &mut |news| report.news(&news, fuel_limit))?;
        complaints.extend(task.output.as_deref().and_then(|output| {
            expected.as_ref().and_then(|expected| verdict::of_output(expected, output))
        }));
        complaints.extend(verdict::of_schema(called, &task));
        self.report.ended(&task, &complaints)?;
        Ok(exit(task.output.is_some() && complaints.is_empty()))
    }

    /// Runs all cases, and tells which pass.
    fn all(&mut self, profile: &ExecutorProfile, cases: Vec<Case>) -> Result<Exit> {
        let complaints = verdict::of_examples(profile);
        let (mut passed, mut failed) = (0, usize::from(!complaints.is_empty()));
        self.report.description(&complaints)?;
        for case in cases {
            let mut told = Vec::new();
            let (ended, complaints) = self.case(profile, &case, &mut told)?;
            match complaints.is_empty() {
                true => passed += 1,
                false => failed += 1,
            }
            self.report.case(&case.name, &ended, &complaints, &told)?;
            if self.bench.is_interrupted() {
                return Err(CommandError::new(Exit::TaskFailed, "stop the tests: interrupted"));
            }
        }
        self.report.summary(passed, failed)?;
        Ok(exit(failed == 0))
    }

    fn case(
        &mut self,
        profile: &ExecutorProfile,
        case: &Case,
        told: &mut Vec<errand_core::Event>,
    ) -> Result<(Ended, Vec<Complaint>)> {
        let request = self.request(case.function.clone(), case.input.clone(), &case.artifacts);
        let id = match self.bench.submit(request) {
            Ok(id) => id,
            Err(ServiceError::Invalid { faults }) => {
                let ended = Ended::Refused(faults);
                let complaints = verdict::of_case(&case.expected, &ended);
                return Ok((ended, complaints));
            }
            Err(error) => return Err(workbench::refused(error)),
        };
        let task = self.bench.follow(id, &mut |news| {
            if let errand_scheduler::Followed::Event(event) = news {
                told.push(event);
            }
            Ok(())
        })?;
        let mut complaints = self.artifacts(&case.expected, &task)?;
        complaints.extend(verdict::of_schema(called(profile, case.function.as_deref()), &task));
        let ended = Ended::Task(Box::new(task));
        complaints.splice(0..0, verdict::of_case(&case.expected, &ended));
        Ok((ended, complaints))
    }

    /// Compares what a task left with what a case expects of it.
    fn artifacts(&self, expected: &Expected, task: &Task) -> Result<Vec<Complaint>> {
        if expected.artifacts.is_empty() {
            return Ok(Vec::new());
        }
        let left = self.bench.artifacts(task.id)?;
        let mut complaints = Vec::new();
        for (path, text) in &expected.artifacts {
            let got = match left.iter().any(|artifact| artifact.path == *path) {
                true => Some(self.bench.read_artifact(task.id, path, text.len())?),
                false => None,
            };
            complaints.extend(verdict::of_artifact(path, text, got.as_deref(), &left));
        }
        Ok(complaints)
    }

    fn request(&self, function: Option<String>, input: Value, artifacts: &[String]) -> TaskRequest {
        let mut request = TaskRequest::new(self.name.as_str(), input);
        request.function = function;
        request.artifacts = self.args.artifacts.iter().chain(artifacts).cloned().collect();
        request.retry.max_attempts = self.args.max_attempts;
        let limits = &mut request.limits;
        limits.fuel = self.args.fuel.unwrap_or(limits.fuel);
        limits.memory_bytes = self.args.memory.unwrap_or(limits.memory_bytes);
        limits.timeout_ms = self
            .args
            .timeout
            .map_or(limits.timeout_ms, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        request
    }
}

/// Returns what a task calls: the function of that name, or the only one there is.
fn called<'a>(profile: &'a ExecutorProfile, function: Option<&str>) -> Option<&'a FunctionProfile> {
    match (function, profile.functions.as_slice()) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), functions) => functions.iter().find(|function| function.name == name),
    }
}

fn exit(good: bool) -> Exit {
    if good { Exit::Done } else { Exit::TaskFailed }
}
