//! A task for a person: a line in a list, or all of it.

use std::collections::{HashMap, HashSet};

use anstyle::Style;
use errand_core::Status;

use super::executor::short;
use super::table::{Cell, Table};
use super::{BOLD, DIM, Look, between, escape, progress, status_style};
use crate::changes;
use crate::client::{Origin, Task, TaskError};
use crate::units;

/// Makes a list of tasks.
pub(crate) fn list(tasks: &[Task], look: &Look) -> String {
    let mut table = Table::new(["ID", "STATUS", "EXECUTOR", "AGE", "TOOK", "NOTE"]);
    for task in tasks {
        table.row([
            task.id.as_str().into(),
            Cell::styled(&status(task), status_style(task.status)),
            executor_name(task).into(),
            units::age(look.since(task.created_at)).into(),
            took(task, look).map(units::duration).unwrap_or_default().into(),
            Cell::styled(&note(task), Style::new()),
        ]);
    }
    table.render(look)
}

/// Makes a tree of tasks, each under its parent.
pub(crate) fn tree(tasks: &[Task], look: &Look) -> String {
    let mut table = Table::new(["TASK", "STATUS", "EXECUTOR", "AGE", "TOOK", "NOTE"]);
    let known: HashSet<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
    let mut children: HashMap<&str, Vec<&Task>> = HashMap::new();
    let mut left = Vec::new();
    for task in tasks {
        match task.parent_id.as_deref().filter(|parent| known.contains(parent)) {
            Some(parent) => children.entry(parent).or_default().push(task),
            None => left.push((task, String::new(), String::new())),
        }
    }
    // The last one is the next; ids are older the lower they are.
    left.reverse();
    while let Some((task, line, below)) = left.pop() {
        let name = task.child.as_ref().and_then(|child| child.name.as_deref());
        let name = name.map(|name| format!(" {name}")).unwrap_or_default();
        table.row([
            format!("{line}{}{name}", task.id).into(),
            Cell::styled(&status(task), status_style(task.status)),
            executor_name(task).into(),
            units::age(look.since(task.created_at)).into(),
            took(task, look).map(units::duration).unwrap_or_default().into(),
            Cell::styled(&note(task), Style::new()),
        ]);
        let mut its = children.remove(task.id.as_str()).unwrap_or_default();
        // Ids of the same millisecond are in no order.
        let place = |task: &Task| task.child.as_ref().map_or(u32::MAX, |child| child.number);
        its.sort_unstable_by(|a, b| (place(b), &b.id).cmp(&(place(a), &a.id)));
        for (nth, child) in its.into_iter().enumerate() {
            let (mark, rail) = if nth == 0 { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            left.push((child, format!("{below}{mark}"), format!("{below}{rail}")));
        }
    }
    table.render(look)
}

/// Makes an overview of a task.
pub(crate) fn overview(task: &Task, look: &Look) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{BOLD}{name:<12}{BOLD:#}{value}\n"));
        }
    };
    let style = status_style(task.status);
    field("task", escape::line(&task.id).into_owned());
    field("status", format!("{style}{}{style:#}", status(task)));
    field("executor", escape::line(&task.executor).into_owned());
    field("function", escape::line(task.function.as_deref().unwrap_or_default()).into_owned());
    field("namespace", escape::line(&task.namespace).into_owned());
    field("attempt", task.attempt.to_string());
    if task.priority != 0 {
        field("priority", task.priority.to_string());
    }
    let labels: Vec<String> =
        task.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    field("labels", escape::line(&labels.join(" ")).into_owned());
    field("parent", escape::line(task.parent_id.as_deref().unwrap_or_default()).into_owned());
    field("context", escape::line(task.context_id.as_deref().unwrap_or_default()).into_owned());
    field("progress", progress::line(&task.progress));
    field("created", look.moment(task.created_at));
    field("started", task.started_at.map(|at| look.moment(at)).unwrap_or_default());
    let took =
        took(task, look).map(|took| format!(", {}", units::duration(took))).unwrap_or_default();
    field(
        "finished",
        task.finished_at.map(|at| format!("{}{took}", look.moment(at))).unwrap_or_default(),
    );
    field("workspace", escape::line(&origin(&task.workspace)).into_owned());
    field("changes", task.changes.map(changes::counted).unwrap_or_default());
    if let Some(error) = &task.error {
        field("error", self::error(error).replace('\n', &format!("\n{:12}", "")));
    }
    if let Some(output) = &task.output {
        const SHOWN: usize = 600;
        let shown = super::table::cut(&escape::line(output.get()), SHOWN);
        field("output", shown);
    }
    text
}

/// Says what a workspace started from, as `--workspace` takes it; nothing where it is not said.
fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Empty | Origin::Unknown => String::new(),
        Origin::Dir { path } => path.display().to_string(),
        Origin::Tar => "an archive".to_owned(),
        Origin::Git { repo, commit } => format!("git:{}@{}", repo.display(), short(commit)),
        Origin::Task { id } => format!("task:{id}"),
    }
}

/// Makes the text of how a task failed: the code, the sentence, and the detail where it is text.
pub(crate) fn error(error: &TaskError) -> String {
    let mut text = format!("{}: {}", error.code.as_str(), escape::text(&error.message));
    if let Some(detail) = &error.detail {
        let detail = match detail {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text.push_str(&format!("\n{}", escape::text(detail.trim_end())));
    }
    let again = if error.retryable { ", may pass when tried again" } else { "" };
    text.push_str(&format!("\n{DIM}attempt {}{again}{DIM:#}", error.attempt));
    text
}

fn status(task: &Task) -> String {
    match task.waiting_for {
        Some(what) => format!(
            "waiting ({})",
            match what {
                errand_core::WaitingFor::Approval => "approval",
                errand_core::WaitingFor::Children => "children",
                errand_core::WaitingFor::Timer => "timer",
                errand_core::WaitingFor::Signal => "signal",
                errand_core::WaitingFor::Http => "http",
            }
        ),
        None => task.status.as_str().to_owned(),
    }
}

fn executor_name(task: &Task) -> &str {
    task.executor.split('@').next().unwrap_or_default()
}

/// Returns the milliseconds from the first start to the end, or until now.
fn took(task: &Task, look: &Look) -> Option<u64> {
    Some(between(task.started_at?, task.finished_at.unwrap_or(look.now)))
}

fn note(task: &Task) -> String {
    match (&task.error, task.status) {
        (Some(error), _) => format!("{}: {}", error.code.as_str(), first_line(&error.message)),
        (None, Status::Running) => progress::line(&task.progress),
        (None, Status::Queued) if task.attempt > 1 => format!("attempt {}", task.attempt),
        _ => String::new(),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(changes: &str) -> Task {
        let mut value: serde_json::Value = serde_json::from_str(
            r#"{"id": "01kapq3v5d0000000000000001", "namespace": "default", "executor": "python@abcd",
                "function": null, "status": "running", "waiting_for": null, "attempt": 1, "priority": 0,
                "labels": {}, "parent_id": null, "context_id": null,
                "progress": {"fuel_used": 1500000, "fuel_limit": 10000000000000, "done": 3, "total": 8, "message": null},
                "output": null, "error": null, "created_at": "2026-11-22T11:58:00Z",
                "started_at": "2026-11-22T11:59:57Z", "finished_at": null, "links": {}}"#,
        )
        .expect("JSON");
        let changes: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(changes).expect("JSON");
        value.as_object_mut().expect("an object").extend(changes);
        serde_json::from_str(&value.to_string()).expect("a task")
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_tree_shows_children_by_name_in_the_order_in_which_they_were_started() {
        let child = |id: &str, number: u32, name: &str| {
            task(&format!(
                r#"{{"id": "{id}", "parent_id": "01kapq3v5d0000000000000001",
                    "child": {{"number": {number}, "name": "{name}"}}}}"#
            ))
        };
        let tasks = [task("{}"), child("01b", 2, "second"), child("01c", 1, "first")];
        let text = plain(&tree(&tasks, &Look::fixed()));
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert!(lines[0].starts_with("├─ 01c first "), "{text}");
        assert!(lines[1].starts_with("└─ 01b second "), "{text}");
    }

    #[test]
    fn a_list_shows_age_time_and_what_is_going_on() {
        let failed = task(
            r#"{"status": "failed", "finished_at": "2026-11-22T11:59:59.500Z", "error":
                {"code": "trap", "message": "out of bounds\nat main", "attempt": 3, "retryable": false}}"#,
        );
        let waiting = task(r#"{"status": "waiting", "waiting_for": "approval"}"#);
        let text = plain(&list(&[task("{}"), failed, waiting], &Look::fixed()));
        assert_eq!(
            text,
            "\
ID                          STATUS              EXECUTOR  AGE  TOOK  NOTE
01kapq3v5d0000000000000001  running             python    2m   3.0s  3/8 · fuel 1.5M of 10T
01kapq3v5d0000000000000001  failed              python    2m   2.5s  trap: out of bounds
01kapq3v5d0000000000000001  waiting (approval)  python    2m   3.0s
"
        );
    }

    #[test]
    fn an_overview_shows_what_there_is_and_no_more() {
        let done = task(
            r#"{"status": "completed", "labels": {"k": "v\u001b[2J"}, "output": {"result": 42},
                "finished_at": "2026-11-22T11:59:59Z"}"#,
        );
        assert_eq!(
            plain(&overview(&done, &Look::fixed())),
            "\
task        01kapq3v5d0000000000000001
status      completed
executor    python@abcd
namespace   default
attempt     1
labels      k=v\\x1b[2J
progress    3/8 · fuel 1.5M of 10T
created     2026-11-22 11:58:00 (2m ago)
started     2026-11-22 11:59:57 (3s ago)
finished    2026-11-22 11:59:59 (1s ago), 2.0s
output      {\"result\":42}
"
        );
    }

    #[test]
    fn a_failure_shows_its_traceback() {
        let error: TaskError = serde_json::from_str(
            r#"{"code": "executor_failed", "message": "ValueError: x", "detail": "Traceback:\n  line 1\n", "attempt": 2, "retryable": true}"#,
        )
        .expect("an error");
        assert_eq!(
            plain(&super::error(&error)),
            "executor_failed: ValueError: x\nTraceback:\n  line 1\nattempt 2, may pass when tried again"
        );
    }
}
