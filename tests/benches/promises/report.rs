//! The table, and its form for comparing two commits.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::harness::release_dir;

/// One measured figure.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
    /// What is promised, where something is.
    pub(crate) bound: Option<Bound>,
}

/// A promise.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &str) -> Self {
        Self { name: name.into(), value, unit: unit.to_owned(), bound: None }
    }

    pub(crate) fn at_least(self, bound: f64) -> Self {
        Self { bound: Some(Bound::AtLeast(bound)), ..self }
    }

    pub(crate) fn at_most(self, bound: f64) -> Self {
        Self { bound: Some(Bound::AtMost(bound)), ..self }
    }

    fn kept(&self) -> &'static str {
        match self.bound {
            Some(Bound::AtLeast(bound)) if self.value < bound => "no",
            Some(Bound::AtMost(bound)) if self.value > bound => "no",
            Some(_) => "yes",
            None => "",
        }
    }
}

/// All figures of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// What was measured: the commit, with a `+` where files had changed since.
    commit: String,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn add(&mut self, figures: Vec<Figure>) {
        self.figures.extend(figures);
    }

    /// Takes the figures that another benchmark printed, one a line.
    pub(crate) fn include(&mut self, path: &Path) {
        let lines = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
        let figure = |line| serde_json::from_str(line).expect("a line is a figure");
        self.figures.extend(lines.lines().map(figure));
    }

    pub(crate) fn print(&self) {
        let mut out = std::io::stdout().lock();
        let _ =
            writeln!(out, "| {:<52} | {:>14} | {:>14} | kept |", "figure", "measured", "promised");
        let _ = writeln!(out, "| {:-<52} | {:->13}: | {:->13}: | ---- |", "", "", "");
        for figure in &self.figures {
            let promised = match figure.bound {
                Some(Bound::AtLeast(bound)) => format!("≥ {} {}", number(bound), figure.unit),
                Some(Bound::AtMost(bound)) => format!("≤ {} {}", number(bound), figure.unit),
                None => String::new(),
            };
            let measured = format!("{} {}", number(figure.value), figure.unit);
            let name = &figure.name;
            let kept = figure.kept();
            let _ = writeln!(out, "| {name:<52} | {measured:>14} | {promised:>14} | {kept:<4} |");
        }
    }

    /// Keeps the figures as JSON, named after the commit.
    pub(crate) fn keep(mut self) {
        self.commit = commit();
        let directory = release_dir().join("../bench");
        let path = directory.join(format!("{}.json", self.commit));
        let kept = std::fs::create_dir_all(&directory)
            .and_then(|()| std::fs::write(&path, serde_json::to_vec_pretty(&self)?));
        match kept {
            Ok(()) => eprintln!("kept in target/bench/{}.json", self.commit),
            Err(error) => eprintln!("the figures could not be kept: {error}"),
        }
    }

    /// Reads what [`Report::keep`] kept, by its path or its commit.
    pub(crate) fn read(name: &str) -> Self {
        let kept = release_dir().join("../bench").join(format!("{name}.json"));
        let path = if kept.exists() { kept.as_path() } else { Path::new(name) };
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("read {name}: {error}"));
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("read {name}: {error}"))
    }

    /// Prints the figures that two runs share, and their ratios.
    pub(crate) fn compare(&self, newer: &Self) {
        let mut out = std::io::stdout().lock();
        let (before, after) = (&self.commit, &newer.commit);
        let _ = writeln!(out, "| {:<52} | {before:>14} | {after:>14} | ratio |", "figure");
        let _ = writeln!(out, "| {:-<52} | {:->13}: | {:->13}: | ----: |", "", "", "");
        for old in &self.figures {
            let Some(new) = newer.figures.iter().find(|new| new.name == old.name) else { continue };
            let shown = |figure: &Figure| format!("{} {}", number(figure.value), figure.unit);
            let (name, ratio) = (&old.name, new.value / old.value);
            let (old, new) = (shown(old), shown(new));
            let _ = writeln!(out, "| {name:<52} | {old:>14} | {new:>14} | {ratio:>5.2} |");
        }
    }
}

/// The commit that is measured.
fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    match git(&["rev-parse", "--short", "HEAD"]) {
        Some(commit) => {
            let changed = git(&["status", "--porcelain"]).is_none_or(|files| !files.is_empty());
            if changed { format!("{commit}+") } else { commit }
        }
        None => "figures".to_owned(),
    }
}

fn number(value: f64) -> String {
    match value {
        value if value >= 1_000.0 => {
            let whole = format!("{value:.0}");
            let mut grouped = String::new();
            for (index, digit) in whole.chars().enumerate() {
                if index > 0 && (whole.len() - index).is_multiple_of(3) {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            grouped
        }
        value if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

/// The value below which `percent` of all lie.
pub(crate) fn percentile(values: &mut [f64], percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() as f64 * percent / 100.0).ceil() as usize;
    values[index.clamp(1, values.len()) - 1]
}
