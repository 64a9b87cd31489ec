//! Checks the YAML below a directory and prints each finding on a line. Runs natively, for working on rules.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use manifest_lint::{Options, lint};
use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = env::args().nth(1).ok_or_else(|| io::Error::other("usage: lint DIRECTORY"))?;
    let mut files = BTreeMap::new();
    collect(Path::new(&root), Path::new(&root), &mut files)?;
    let report = lint(&files, &Options::default(), |_, _, _| {});
    for finding in &report.findings {
        println!(
            "{}:{}: {:?} {}: {}",
            finding.file, finding.line, finding.severity, finding.rule, finding.message
        );
    }
    for note in &report.notes {
        println!("{}: {}", note.file, note.note);
    }
    println!("{:#?}", report.summary);
    Ok(())
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.insert(name, String::from_utf8_lossy(&fs::read(&path)?).into_owned());
        }
    }
    Ok(())
}
