//! Measures what Errand promises, prints it as a table and keeps it as JSON in `target/bench/`.
//!
//! Client and server share the machine, as the promises say. Whoever runs it on a noisy machine looks at
//! the ratios and runs it again. Arguments name the measurements to make; none means all.

#![expect(
    clippy::disallowed_methods,
    reason = "benchmarks make their own files and start processes"
)]

mod connection;
#[path = "../../harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
mod harness;
mod latency;
mod processes;
mod report;
mod throughput;

use report::{Figure, Report};

/// Something to measure.
type Measurement = fn() -> Vec<Figure>;

fn main() {
    // `cargo bench` passes `--bench`.
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let measurements: [(&str, Measurement); 5] = [
        ("submits", throughput::durable_submits),
        ("started", latency::submit_to_started),
        ("python", latency::python_result),
        ("run", processes::errand_run),
        ("idle", processes::idle_memory),
    ];
    let mut report = Report::default();
    for (name, measure) in measurements {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            report.add(measure());
        }
    }
    report.print();
    report.keep();
}
