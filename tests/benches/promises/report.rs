//! The table, and its form for comparing two commits.

use std::io::Write;

use serde::Serialize;

use crate::harness::release_dir;

/// One measured figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What is promised, where something is.
    pub(crate) bound: Option<Bound>,
}

/// A promise.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, bound: None }
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
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn add(&mut self, figures: Vec<Figure>) {
        self.figures.extend(figures);
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

    pub(crate) fn keep(&self) {
        let directory = release_dir().join("../bench");
        let path = directory.join("promises.json");
        let kept = std::fs::create_dir_all(&directory)
            .and_then(|()| std::fs::write(&path, serde_json::to_vec_pretty(self)?));
        if let Err(error) = kept {
            eprintln!("the figures could not be kept in {}: {error}", path.display());
        }
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
