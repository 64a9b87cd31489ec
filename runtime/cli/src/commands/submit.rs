//! `errand submit`: hands over a task.

use clap::Args;
use serde_json::value::RawValue;

use super::request::{Request, RequestArgs};
use super::{exit_of, result};
use crate::cli::GlobalArgs;
use crate::client::{Client, Payload, Route, Task};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::follow::{News, follow};
use crate::output::{self, Output};
use crate::render::{self, progress::Bar, told::Told};
use crate::workspace::WorkspaceArg;

/// Hands over a task and prints its id
///
/// The task is durable when the id is printed; it goes on whatever happens to this command. With --wait,
/// the id goes to standard error, progress is shown there, and the output is printed at the end.
///
/// Code for the executor `python` can say which packages it needs, in a `# /// script` block (PEP 723).
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand submit python --input '{\"code\": \"print(1)\"}'
  errand submit manifest-lint --input @manifests.json --wait
  generate | errand submit calc --function add --input - --label run=nightly
  errand submit manifest-lint --workspace deploy/ --wait
  errand submit manifest-lint --workspace git:.@main
  errand submit python --with rich --input @job.json
  errand submit python --input @job.json --memory 512MiB --timeout 10m --artifact 'out/**'")]
pub(crate) struct SubmitArgs {
    /// The executor: `name`, or `name@digest`
    executor: String,
    #[command(flatten)]
    options: RequestArgs,
    /// What the workspace starts from: a directory without what its `.gitignore` names, a commit, what a
    /// task left, or an archive
    #[arg(
        long,
        value_name = "DIR|git:REPO@REF|task:ID|tar:FILE",
        default_value = "empty",
        hide_default_value = true
    )]
    workspace: WorkspaceArg,
}

impl SubmitArgs {
    /// Makes the request, without what the workspace starts from.
    pub(super) fn request(&self) -> Result<Request<'_>> {
        let nothing = || RawValue::from_string("{}".to_owned()).expect("an empty object is JSON");
        let input = self.options.input()?.unwrap_or_else(nothing);
        Ok(self.options.request(&self.executor, input))
    }
}

pub(crate) fn run(args: SubmitArgs, globals: &GlobalArgs) -> Result<Exit> {
    let mut request = args.request()?;
    let mut client = Client::connect(globals, TokenFile::Agent)?;
    let options = &args.options;
    request.workspace =
        args.workspace.bring(&client, request.namespace, options.workspace_bytes)?;
    options.bring_packages(&client, &mut request)?;
    hand_over(&mut client, &request, options)
}

/// Hands over a task and prints its id, or what it comes to where that is waited for.
pub(super) fn hand_over(
    client: &mut Client,
    request: &Request<'_>,
    options: &RequestArgs,
) -> Result<Exit> {
    let request = serde_json::to_string(request).map_err(anyhow::Error::from)?;
    let answer = client.post(Route::new("/v1/tasks"), Payload::Json(request))?;
    let task: Task = answer.parse()?;
    let mut out = Output::stdout();
    match (options.wait, options.json) {
        (false, true) => out.json_text(&answer.text)?,
        (false, false) => out.line(&task.id)?,
        (true, json) => return wait(client, &task, json, &mut out),
    }
    Ok(Exit::Done)
}

/// Follows the task on standard error; its output is what standard output gets.
fn wait(client: &mut Client, task: &Task, json: bool, out: &mut Output) -> Result<Exit> {
    output::note(&task.id);
    let mut bar = Bar::start();
    bar.status(task.status);
    let look = render::Look::new(None);
    let mut told = Told::default();
    let followed = follow(client, &task.id, 0, &mut |news| {
        match news {
            News::Event(event, _) => {
                told.event(event);
                bar.on_event(event);
                bar.beside(|| output::stderr_text(&render::event::lines(event, &look)));
            }
            News::Progress(progress) => bar.update(progress),
        }
        Ok(())
    });
    bar.finish();
    let answer = followed?;
    let task: Task = answer.parse()?;
    match &task.error {
        _ if json => out.json_text(&answer.text)?,
        // Its last event has said how it failed.
        Some(error) => output::stderr_text(&told.rest_of(error)),
        None => result::print(&task, out)?,
    }
    Ok(exit_of(task.status))
}
