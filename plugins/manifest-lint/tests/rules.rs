//! Every rule has a manifest that breaks it and one that keeps it, in `rules/*.yaml`.
//!
//! A file holds sections that begin with `### RULE breaks` or `### RULE keeps`. In a section that breaks,
//! the lines of the findings are marked with `# <-`. Rules that need several files or an option are
//! tested in `sets.rs`.

use manifest_lint::{Options, lint, rules};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const TESTED_ELSEWHERE: [&str; 2] = ["api-version-deprecated", "resource-conflict"];

struct Section {
    rule: String,
    breaks: bool,
    text: String,
}

fn sections() -> Vec<Section> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let mut sections: Vec<Section> = Vec::new();
    for entry in fs::read_dir(directory).expect("the directory of cases") {
        for line in
            fs::read_to_string(entry.expect("a file").path()).expect("a file of cases").lines()
        {
            if let Some(title) = line.strip_prefix("### ") {
                let (rule, what) = title.split_once(' ').expect("a rule and breaks or keeps");
                assert!(matches!(what, "breaks" | "keeps"), "{title}");
                sections.push(Section {
                    rule: rule.to_owned(),
                    breaks: what == "breaks",
                    text: String::new(),
                });
            } else if let Some(section) = sections.last_mut() {
                section.text.push_str(line);
                section.text.push('\n');
            }
        }
    }
    sections
}

fn lines_found(section: &Section) -> BTreeSet<usize> {
    let files = BTreeMap::from([("case.yaml".to_owned(), section.text.clone())]);
    let report = lint(&files, &Options::default(), |_, _, _| {});
    report
        .findings
        .iter()
        .filter(|finding| finding.rule == section.rule)
        .map(|finding| finding.line)
        .collect()
}

#[test]
fn every_rule_is_found_where_it_is_broken_and_nowhere_else() {
    let mut wrong = Vec::new();
    for section in sections() {
        let marked: BTreeSet<usize> = (1..)
            .zip(section.text.lines())
            .filter(|(_, line)| line.ends_with("# <-"))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(
            section.breaks,
            !marked.is_empty(),
            "{}: marks are for what breaks a rule",
            section.rule
        );
        let found = lines_found(&section);
        if found != marked {
            wrong.push(format!(
                "{}: marked {marked:?}, found {found:?} in\n{}",
                section.rule, section.text
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_both_cases() {
    let cases: BTreeSet<(String, bool)> =
        sections().into_iter().map(|one| (one.rule, one.breaks)).collect();
    let ids: BTreeSet<&str> = rules().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), rules().count(), "ids are unique");
    let missing: Vec<_> = ids
        .iter()
        .filter(|id| !TESTED_ELSEWHERE.contains(id))
        .flat_map(|id| [((*id).to_owned(), true), ((*id).to_owned(), false)])
        .filter(|case| !cases.contains(case))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let unknown: Vec<_> = cases.iter().filter(|(rule, _)| !ids.contains(rule.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
