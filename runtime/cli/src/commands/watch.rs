//! `errand watch`: follows a task until it ends.

use std::time::{Duration, Instant};

use clap::Args;

use super::exit_of;
use crate::cli::GlobalArgs;
use crate::client::{Client, Progress, Task};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::follow::{News, follow};
use crate::output::{self, Output};
use crate::render::{self, progress::Bar};

/// Between two lines of progress where no terminal shows a bar.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Follows a task until it ends
///
/// Prints each event as it comes, and live progress: as a bar on a terminal, as lines elsewhere. Survives
/// a restart of the server. Ends with 0 if the task completed, with 1 if it failed or was cancelled. To
/// stop watching does not stop the task.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand watch 01kapq3v5d0000000000000001
  errand watch $(errand submit python --input @job.json) && echo done")]
pub(crate) struct WatchArgs {
    /// The task
    #[arg(value_name = "ID")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Only what comes after this event
    #[arg(long, value_name = "SEQ", default_value_t = 0, hide_default_value = true)]
    after: u64,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &WatchArgs, globals: &GlobalArgs) -> Result<Exit> {
    let mut client = Client::connect(globals, TokenFile::Agent)?;
    let mut out = Output::stdout();
    let look = out.look();
    let mut bar = Bar::start();
    let mut pace = Pace::default();
    let followed = follow(&mut client, &args.id, args.after, &mut |news| match news {
        News::Event(_, text) if args.json => out.json_text(text),
        News::Event(event, _) => {
            bar.on_event(event);
            bar.beside(|| out.text(render::event::lines(event, &look)))
        }
        News::Progress(progress) => {
            bar.update(progress);
            let line = render::progress::line(progress);
            if !bar.is_shown() && !args.json && !line.is_empty() && pace.due(progress) {
                output::note(format_args!("progress: {line}"));
            }
            Ok(())
        }
    });
    bar.finish();
    let task: Task = followed?.parse()?;
    if let (Some(error), false) = (&task.error, args.json) {
        output::note(render::task::error(error));
    }
    Ok(exit_of(task.status))
}

/// Lets through one line of progress at a time, and none twice.
#[derive(Default)]
struct Pace {
    last: Option<(Instant, Progress)>,
}

impl Pace {
    fn due(&mut self, progress: &Progress) -> bool {
        let due = match &self.last {
            Some((at, last)) => at.elapsed() >= LINE_EVERY && last != progress,
            None => true,
        };
        if due {
            self.last = Some((Instant::now(), progress.clone()));
        }
        due
    }
}
