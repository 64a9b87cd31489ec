//! A page of documentation: its files and commands, and whether an output is what it shows.

/// Something that a page does.
pub(super) enum Step {
    /// Shows a file.
    File { name: String, text: String },
    /// Calls something and shows what is printed.
    Command { line: usize, command: String, shown: Vec<String> },
}

/// Reads a page.
pub(super) fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let block = lines.by_ref().take_while(|(_, line)| *line != "```");
        match info.split_once(' ') {
            None if info == "console" => block.for_each(|(at, line)| add(&mut steps, at, line)),
            Some((_, name)) => {
                let text = block.map(|(_, line)| format!("{line}\n")).collect();
                steps.push(Step::File { name: name.to_owned(), text });
            }
            None => block.for_each(drop),
        }
    }
    steps
}

/// Adds a line of a block of commands.
fn add(steps: &mut Vec<Step>, at: usize, line: &str) {
    if let Some(command) = line.strip_prefix("$ ") {
        let command = command.to_owned();
        steps.push(Step::Command { line: at + 1, command, shown: Vec::new() });
        return;
    }
    let Some(Step::Command { command, shown, .. }) = steps.last_mut() else {
        panic!("line {}: output without a command", at + 1)
    };
    match line.strip_prefix("> ") {
        Some(more) if shown.is_empty() => *command = format!("{command}\n{more}"),
        _ => shown.push(line.to_owned()),
    }
}

/// Tells whether an output is what a page shows.
pub(super) fn matches(shown: &[String], printed: &str) -> bool {
    let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let shown: Vec<&str> = shown.iter().map(|line| line.trim_end()).collect();
    lines_match(&shown, &printed)
}

fn lines_match(shown: &[&str], printed: &[&str]) -> bool {
    match (shown, printed) {
        ([], _) => printed.is_empty(),
        (["…", rest @ ..], _) => {
            (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]))
        }
        (_, []) => false,
        ([first, shown @ ..], [line, printed @ ..]) => {
            line_matches(first, line) && lines_match(shown, printed)
        }
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    match shown.split_once('…') {
        None => shown == printed,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| line_matches(after, &rest[at..]))
        }),
    }
}

#[test]
fn a_page_is_files_and_commands() {
    let page = "text\n```console\n$ one \\\n> two\nout\n$ three\n```\n```json\n$ not this\n```\n```py a.py\nx\n```\n";
    let told: Vec<String> = steps(page)
        .into_iter()
        .map(|step| match step {
            Step::File { name, text } => format!("{name}: {text:?}"),
            Step::Command { line, command, shown } => format!("{line}: {command:?} {shown:?}"),
        })
        .collect();
    assert_eq!(told, [r#"3: "one \\\ntwo" ["out"]"#, r#"6: "three" []"#, r#"a.py: "x\n""#]);
}

#[test]
fn an_output_matches_with_its_gaps_alone() {
    let matches = |shown: &str, printed: &str| {
        matches(&shown.lines().map(str::to_owned).collect::<Vec<_>>(), printed)
    };
    assert!(matches("a … c\n…\nz", "a b c\nx\ny\nz\n"));
    assert!(matches("…", ""));
    assert!(matches("took …ms", "took 12ms"));
    assert!(!matches("a\nb", "a\n"));
    assert!(!matches("a … c", "a b d"));
    assert!(!matches("", "more"));
}
