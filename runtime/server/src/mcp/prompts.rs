//! Three workflows that people recognise, as prompts: what to submit, and how to go on from there. The
//! programs are those of `examples/`.

use rmcp::model::{
    ErrorData, GetPromptResult, JsonObject, ListPromptsResult, Prompt, PromptArgument,
    PromptMessage, Role,
};
use serde_json::{Value, json};

/// A prompt, and what it is made of.
struct Workflow {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    /// The program in the repository.
    file: &'static str,
    /// What comes of it.
    leads_to: &'static str,
}

static WORKFLOWS: [Workflow; 3] = [
    Workflow {
        name: "compliance",
        title: "Bring manifests in line",
        description: "Lints the Kubernetes manifests of a git repository, fixes what has one right fix, \
                      and asks a person before the patch counts.",
        file: "compliance/main.py",
        leads_to: "It asks a person to approve its patch. After that its artifact compliance.md is the \
                   report, and its diff is the patch.",
    },
    Workflow {
        name: "build_and_test",
        title: "Build and test a service",
        description: "Writes a small web service with its unit tests, runs them in a sandbox, and looks \
                      for secrets and risky calls.",
        file: "service/main.py",
        leads_to: "Its artifact service.md is the report, and made/service.py the service. It fails where \
                   a test fails or something is found.",
    },
    Workflow {
        name: "release_check",
        title: "Check a release",
        description: "Runs compliance and build_and_test at once, asks a person for the version and the \
                      notes, and writes one report.",
        file: "release/main.py",
        leads_to: "It asks a person twice: for the patch, and for the release. Its artifact release.md is \
                   the report. The signal `abort` ends it.",
    },
];

/// Lists them.
pub(super) fn list() -> ListPromptsResult {
    let described = |workflow: &Workflow| {
        let arguments = vec![
            PromptArgument::new("repo")
                .with_description(
                    "A git repository on the server's machine, under a directory that it lists.",
                )
                .with_required(true),
            PromptArgument::new("ref")
                .with_description("A branch, tag or commit; main where it is left out.")
                .with_required(false),
        ];
        Prompt::new(workflow.name, Some(workflow.description), Some(arguments))
            .with_title(workflow.title)
    };
    ListPromptsResult::with_all_items(WORKFLOWS.iter().map(described).collect())
}

/// Writes one out.
///
/// # Errors
/// Where there is none of this name, or an argument is missing.
pub(super) fn get(name: &str, arguments: JsonObject) -> Result<GetPromptResult, ErrorData> {
    let invalid = |message: String| ErrorData::invalid_params(message, None);
    let workflow = WORKFLOWS
        .iter()
        .find(|workflow| workflow.name == name)
        .ok_or_else(|| invalid(format!("there is no prompt `{}`", name.escape_debug())))?;
    let text =
        |key: &str| arguments.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let repo = text("repo").ok_or_else(|| invalid("the argument `repo` is missing".to_owned()))?;
    let reference = text("ref").unwrap_or("main");
    let request = json!({
        "executor": "python",
        "input": {"file": workflow.file},
        "workspace": {"from": "git", "repo": repo, "ref": reference},
        "labels": {"workflow": workflow.name},
    });
    let text = format!(
        "{}\n\nCall `submit_task` with exactly these arguments:\n\n```json\n{:#}\n```\n\nThen go on with \
         what else there is to do, and look with `wait_for_task` how it stands. {} Where it waits for a \
         decision, give me the url of each approval; I decide. In the end show me the report with \
         `read_artifact`.",
        workflow.description, request, workflow.leads_to,
    );
    let message = PromptMessage::new_text(Role::User, text);
    Ok(GetPromptResult::new(vec![message]).with_description(workflow.description))
}
