//! What the documentation shows is what happens: the `console` blocks of each page are run from top to
//! bottom, and what they print is compared with what the page says they print.
//!
//! In a block, `$ ` starts a command, `> ` continues it, and all else is output. In output, `…` stands for
//! any text, and a line of `…` alone for any number of lines. A block of another language with a file's
//! name behind it (as in ```` ```python hello.py ````) is that file. A page has a home directory of its
//! own; its server gets a free port, which is shown as the default one.

mod page;
mod session;

use page::{Step, matches};
use session::Session;

#[test]
fn the_readme_shows_what_happens() {
    check("README.md");
}

#[test]
fn the_page_on_executors_shows_what_happens() {
    check("docs/executors.md");
}

#[test]
fn the_page_on_durability_shows_what_happens() {
    check("docs/durability.md");
}

#[test]
fn the_page_on_tasks_together_shows_what_happens() {
    check("docs/together.md");
}

#[test]
fn the_page_on_mcp_shows_what_happens() {
    check("docs/mcp.md");
}

#[test]
fn the_page_on_clients_shows_what_happens() {
    check("examples/clients/README.md");
}

#[test]
fn the_page_on_requests_shows_what_happens() {
    check("docs/requests.md");
}

#[test]
fn the_page_on_llm_shows_what_happens() {
    check("docs/llm.md");
}

#[test]
fn the_page_on_fetch_shows_what_happens() {
    check("docs/fetch.md");
}

#[test]
fn the_page_on_operating_shows_what_happens() {
    check("docs/operating.md");
}

#[test]
fn the_page_on_workspaces_shows_what_happens() {
    check("docs/workspaces.md");
}

#[test]
fn the_page_on_packages_shows_what_happens() {
    check("docs/packages.md");
}

#[test]
fn the_page_on_plugins_shows_what_happens() {
    session::assert_that_templates_can_be_built();
    check("docs/plugins.md");
}

#[test]
fn the_example_of_compliance_shows_what_happens() {
    check("examples/compliance/README.md");
}

#[test]
fn the_example_of_a_service_shows_what_happens() {
    check("examples/service/README.md");
}

#[test]
fn the_example_of_a_release_shows_what_happens() {
    check("examples/release/README.md");
}

fn check(name: &str) {
    let path = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut session = Session::start();
    let mut wrong = Vec::new();
    for step in page::steps(&text) {
        match step {
            Step::File { name, text } => session.write(&name, &text),
            Step::Command { command, .. } if !session::can_run(&command) => {}
            Step::Command { line, command, shown } => {
                let printed = session.run(&command);
                if !matches(&shown, &printed) {
                    let shown = shown.join("\n");
                    wrong.push(format!(
                        "{name}:{line}: $ {command}\n--- shown\n{shown}\n--- printed\n{printed}"
                    ));
                }
            }
        }
    }
    drop(session);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}
