//! Live progress: a bar where a terminal shows it, one line of text everywhere.

use std::time::Duration;

use errand_core::Status;
use indicatif::{ProgressBar, ProgressStyle};

use super::escape;
use crate::client::{Event, Progress};
use crate::output;
use crate::units;

/// How often the bar moves by itself, for the elapsed time.
const TICK: Duration = Duration::from_millis(120);

/// A bar on standard error, or nothing where no terminal shows it.
pub(crate) struct Bar {
    bar: Option<ProgressBar>,
    counted: bool,
}

impl Bar {
    /// Shows a bar if a person looks.
    pub(crate) fn start() -> Self {
        let bar = output::stderr_is_terminal().then(|| {
            let bar = ProgressBar::no_length().with_style(style(UNCOUNTED));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, counted: false }
    }

    /// Shows where the task is.
    pub(crate) fn status(&self, status: Status) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(status.as_str());
        }
    }

    /// Shows how far it is.
    pub(crate) fn update(&mut self, progress: &Progress) {
        let Some(bar) = &self.bar else { return };
        if let (Some(done), Some(total)) = (progress.done, progress.total) {
            if !self.counted {
                bar.set_style(style(COUNTED));
                self.counted = true;
            }
            bar.set_length(total);
            bar.set_position(done.min(total));
        }
        bar.set_message(bar_message(progress));
    }

    /// Shows what an event says of the task's whereabouts.
    pub(crate) fn on_event(&self, event: &Event) {
        match event.kind.as_str() {
            "started" | "resumed" => self.status(Status::Running),
            "waiting" => self.status(Status::Waiting),
            "interrupted" | "retry_scheduled" | "retry_requested" | "submitted" => {
                self.status(Status::Queued);
            }
            _ => {}
        }
    }

    /// Tells whether a terminal shows it.
    pub(crate) fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Runs something that writes, with the bar out of the way.
    pub(crate) fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

const UNCOUNTED: &str = "{spinner:.cyan} {prefix} {elapsed:.dim} {wide_msg}";
const COUNTED: &str =
    "{spinner:.cyan} {prefix} {bar:24.cyan/black.bright} {pos}/{len} {elapsed:.dim} {wide_msg}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constant and valid")
        .progress_chars("━╸─")
}

fn bar_message(progress: &Progress) -> String {
    let mut parts = Vec::new();
    if let Some(message) = &progress.message {
        parts.push(escape::line(message).into_owned());
    }
    if let (Some(done), None) = (progress.done, progress.total) {
        parts.push(format!("{done} done"));
    }
    parts.extend(fuel(progress));
    parts.join(" · ")
}

/// Writes progress in one line: `12/40 · reading files · fuel 3.2G of 10T`.
pub(crate) fn line(progress: &Progress) -> String {
    let mut parts = Vec::new();
    match (progress.done, progress.total) {
        (Some(done), Some(total)) => parts.push(format!("{done}/{total}")),
        (Some(done), None) => parts.push(format!("{done} done")),
        (None, _) => {}
    }
    if let Some(message) = &progress.message {
        parts.push(escape::line(message).into_owned());
    }
    parts.extend(fuel(progress));
    parts.join(" · ")
}

fn fuel(progress: &Progress) -> Option<String> {
    if progress.fuel_used == 0 {
        return None;
    }
    let used = units::fuel(progress.fuel_used);
    Some(match progress.fuel_limit {
        0 => format!("fuel {used}"),
        limit => format!("fuel {used} of {}", units::fuel(limit)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_known() {
        let mut progress = Progress {
            fuel_used: 3_200_000_000,
            fuel_limit: 10_000_000_000_000,
            ..Progress::default()
        };
        assert_eq!(line(&progress), "fuel 3.2G of 10T");
        progress.done = Some(12);
        assert_eq!(line(&progress), "12 done · fuel 3.2G of 10T");
        progress.total = Some(40);
        progress.message = Some("reading\x1b[2J".into());
        assert_eq!(line(&progress), "12/40 · reading\\x1b[2J · fuel 3.2G of 10T");
        assert_eq!(line(&Progress::default()), "");
    }

    #[test]
    fn the_bars_templates_are_valid() {
        style(UNCOUNTED);
        style(COUNTED);
    }
}
