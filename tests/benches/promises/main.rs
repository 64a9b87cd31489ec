//! Measures what Errand promises, prints it as a table and keeps it as JSON in `target/bench/`.
//!
//! Client and server share the machine, as the promises say. Whoever runs it on a noisy machine looks at
//! the ratios and runs it again. Arguments name the measurements to make; none means all. `include=FILE`
//! takes the figures that another benchmark printed; `compare A B` compares two runs by their commits.

#![expect(
    clippy::disallowed_methods,
    reason = "benchmarks make their own files and start processes"
)]

mod agents;
mod connection;
mod durability;
#[path = "../../harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
mod harness;
mod inside;
mod latency;
mod load;
mod outgoing;
mod people;
mod processes;
mod report;
mod scale;
mod throughput;
mod workspaces;

use std::path::Path;

use report::{Figure, Report};

/// Something to measure.
type Measurement = fn() -> Vec<Figure>;

fn main() {
    // `cargo bench` passes `--bench`.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if let [command, before, after] = arguments.as_slice()
        && command == "compare"
    {
        Report::read(before).compare(&Report::read(after));
        return;
    }
    if let [command, store] = arguments.as_slice()
        && command == durability::BEGIN_AND_DIE
    {
        durability::begin_and_die(Path::new(store));
    }
    let (included, wanted): (Vec<_>, Vec<_>) =
        arguments.iter().partition(|argument| argument.starts_with("include="));
    let measurements: [(&str, Measurement); 18] = [
        ("submits", throughput::durable_submits),
        ("started", latency::submit_to_started),
        ("tasks", throughput::noop_tasks),
        ("python", latency::python_result),
        ("workers", throughput::python_tasks),
        ("run", processes::errand_run),
        ("idle", processes::idle_memory),
        ("journal", durability::journaled_calls),
        ("resume", durability::cold_resume),
        ("restart", durability::restart),
        ("workspaces", workspaces::workspaces),
        ("calls", outgoing::calls),
        ("waiting", outgoing::waiting),
        ("approvals", people::waiting_for_approval),
        ("approve", people::approve_to_resumed),
        ("children", people::fan_out),
        ("mcp", agents::submit_over_mcp),
        ("million", scale::a_million_tasks),
    ];
    let mut report = Report::default();
    for (name, measure) in measurements {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            report.add(measure());
        }
    }
    for path in included.iter().filter_map(|argument| argument.strip_prefix("include=")) {
        report.include(Path::new(path));
    }
    report.print();
    report.keep();
}
