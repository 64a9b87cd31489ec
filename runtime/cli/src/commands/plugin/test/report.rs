//! What a test tells: to a person, or as lines of JSON to a program.

use anstyle::{AnsiColor, Style};
use errand_core::{Event, ExecutorName, ExecutorVersion, Namespace, Status, Task};
use errand_scheduler::Followed;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::verdict::{Complaint, Ended};
use crate::client::{self, not_understood};
use crate::errors::Result;
use crate::output::{self, Output};
use crate::render::{self, BOLD, DIM, Look, escape, progress::Bar, told::Told};
use crate::units;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
/// As much of an input as is shown.
const SHOWN_CHARS: usize = 200;

/// Where a test is told.
pub(super) struct Report {
    json: bool,
    out: Output,
    look: Look,
    bar: Bar,
    told: Told,
}

/// A line for a program.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Executor {
        executor: &'a RawValue,
    },
    Input {
        input: &'a Value,
    },
    Event {
        event: &'a RawValue,
    },
    Progress {
        progress: &'a client::Progress,
    },
    Result {
        #[serde(flatten)]
        result: Outcome<'a>,
    },
    Case {
        case: &'a str,
        #[serde(flatten)]
        result: Outcome<'a>,
    },
    Summary {
        passed: usize,
        failed: usize,
    },
}

/// How a run ended, for a program.
#[derive(Serialize)]
struct Outcome<'a> {
    passed: bool,
    /// Of the task, where there was one.
    status: Option<Status>,
    output: Option<&'a Value>,
    error: Option<Value>,
    fuel_used: u64,
    took_ms: u64,
    complaints: &'a [Complaint],
}

impl Report {
    pub(super) fn start(json: bool) -> Self {
        let (look, bar) = (Look::new(None), Bar::start());
        Self { json, out: Output::stdout(), look, bar, told: Told::default() }
    }

    /// Tells what the executor is.
    pub(super) fn executor(
        &mut self,
        name: &ExecutorName,
        version: &ExecutorVersion,
    ) -> Result<()> {
        let namespace = Namespace::default();
        let wire = errand_server::executor_on_the_wire(&namespace, name, version);
        let text = to_text(&wire)?;
        if self.json {
            let executor: &RawValue = parse(&text)?;
            return self.line(&Line::Executor { executor });
        }
        let mut executor: client::Executor = parse(&text)?;
        // It was not, but for this test.
        executor.uploaded_at = None;
        self.beside(&render::executor::overview(&executor, &self.look));
        Ok(())
    }

    /// Tells what the task is given.
    pub(super) fn input(&mut self, input: &Value, is_example: bool) -> Result<()> {
        if self.json {
            return self.line(&Line::Input { input });
        }
        let shown = render::table::cut(&escape::line(&input.to_string()), SHOWN_CHARS);
        let from = if is_example { " (the first example of its input schema)" } else { "" };
        self.beside(&format!("{BOLD}{:<12}{BOLD:#}{shown}{DIM}{from}{DIM:#}\n", "input"));
        Ok(())
    }

    /// Tells an event, or shows progress.
    pub(super) fn news(&mut self, news: &Followed, fuel_limit: u64) -> Result<()> {
        match news {
            Followed::Event(event) => {
                let text = to_text(&errand_server::event_on_the_wire(event))?;
                if self.json {
                    let event: &RawValue = parse(&text)?;
                    return self.line(&Line::Event { event });
                }
                let event: client::Event = parse(&text)?;
                self.told.event(&event);
                self.bar.on_event(&event);
                self.beside(&render::event::lines(&event, &self.look));
            }
            Followed::Progress(progress) => {
                let progress = client::Progress {
                    fuel_used: progress.fuel_used,
                    fuel_limit,
                    done: progress.done,
                    total: progress.total,
                    message: progress.message.clone(),
                };
                if self.json {
                    return self.line(&Line::Progress { progress: &progress });
                }
                self.bar.update(&progress);
            }
        }
        Ok(())
    }

    /// Tells how the one task ended, and what is wrong with that.
    pub(super) fn ended(&mut self, task: &Task, complaints: &[Complaint]) -> Result<()> {
        self.bar.finish();
        let passed = task.output.is_some() && complaints.is_empty();
        if self.json {
            let error = task.error.as_ref().map(|error| json!(error));
            let result = outcome(Some(task), error, passed, complaints);
            return self.line(&Line::Result { result });
        }
        if let Some(error) = &task.error {
            let wire: client::TaskError = parse(&to_text(error)?)?;
            self.beside(&self.told.rest_of(&wire));
        }
        self.beside(&format!("{BOLD}{:<12}{BOLD:#}{}\n", "took", cost(task)));
        for complaint in complaints {
            self.beside(&format!("{BAD}failed:{BAD:#} {}", shown(complaint, "")));
        }
        match &task.output {
            Some(output) if self.out.is_terminal() => self.out.guest_text(&format!("{output:#}\n")),
            Some(output) => self.out.json(output.as_ref()),
            None => Ok(()),
        }
    }

    /// Tells what is wrong with what the executor says of itself, if something is.
    pub(super) fn description(&mut self, complaints: &[Complaint]) -> Result<()> {
        if complaints.is_empty() {
            return Ok(());
        }
        let case = "its description";
        if self.json {
            let result = outcome(None, None, false, complaints);
            return self.line(&Line::Case { case, result });
        }
        self.verdict(case, None, complaints)
    }

    /// Tells how a case ended.
    pub(super) fn case(
        &mut self,
        name: &str,
        ended: &Ended,
        complaints: &[Complaint],
        events: &[Event],
    ) -> Result<()> {
        let task = ended.task();
        if self.json {
            let result = outcome(task, ended.error(), complaints.is_empty(), complaints);
            return self.line(&Line::Case { case: name, result });
        }
        self.verdict(name, task, complaints)?;
        if complaints.is_empty() {
            return Ok(());
        }
        for event in events.iter().filter(|event| event.body.kind() == "log") {
            let event: client::Event = parse(&to_text(&errand_server::event_on_the_wire(event))?)?;
            self.out.text(render::event::lines(&event, &self.look))?;
        }
        Ok(())
    }

    /// Tells how many cases passed.
    pub(super) fn summary(&mut self, passed: usize, failed: usize) -> Result<()> {
        self.bar.finish();
        match self.json {
            true => self.line(&Line::Summary { passed, failed }),
            false => self.out.line(format_args!("{passed} passed, {failed} failed")),
        }
    }

    fn verdict(&mut self, name: &str, task: Option<&Task>, complaints: &[Complaint]) -> Result<()> {
        let (style, word) = if complaints.is_empty() { (GOOD, "pass") } else { (BAD, "FAIL") };
        let name = escape::line(name);
        match task.map(cost) {
            Some(cost) => self
                .out
                .line(format_args!("{style}{word}{style:#}  {name:<32}  {DIM}{cost}{DIM:#}"))?,
            None => self.out.line(format_args!("{style}{word}{style:#}  {name}"))?,
        }
        for complaint in complaints {
            self.out.text(format_args!("      {}", shown(complaint, "      ")))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &Line<'_>) -> Result<()> {
        self.out.json(line)
    }

    /// Writes to standard error, with the bar out of the way.
    fn beside(&self, text: &str) {
        self.bar.beside(|| output::stderr_text(text));
    }
}

fn outcome<'a>(
    task: Option<&'a Task>,
    error: Option<Value>,
    passed: bool,
    complaints: &'a [Complaint],
) -> Outcome<'a> {
    Outcome {
        passed,
        status: task.map(|task| task.status),
        output: task.and_then(|task| task.output.as_deref()),
        error,
        fuel_used: task.map_or(0, |task| task.progress.fuel_used),
        took_ms: task.map_or(0, took_ms),
        complaints,
    }
}

fn took_ms(task: &Task) -> u64 {
    match (task.started_at, task.finished_at) {
        (Some(from), Some(to)) => to.0.saturating_sub(from.0),
        _ => 0,
    }
}

fn cost(task: &Task) -> String {
    let fuel = units::fuel(task.progress.fuel_used);
    format!("{}, fuel {fuel}", units::duration(took_ms(task)))
}

/// Writes what is wrong, with its diff in colours below it.
fn shown(complaint: &Complaint, indent: &str) -> String {
    let mut text = format!("{}\n", escape::line(&complaint.what));
    for line in complaint.diff.iter().flat_map(|diff| diff.lines()) {
        let style = match line.as_bytes().first() {
            Some(b'-') => BAD,
            Some(b'+') => GOOD,
            _ => Style::new(),
        };
        text.push_str(&format!("{indent}  {style}{}{style:#}\n", escape::line(line)));
    }
    text
}

fn to_text(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(value).map_err(anyhow::Error::from)?)
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| not_understood(&error))
}
