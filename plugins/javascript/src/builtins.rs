//! The part that programs see, which is JavaScript: its sources, compiled when they are used.

use rquickjs::context::EvalOptions;
use rquickjs::{Ctx, Exception, Function, Result};

/// The names of our sources in stack traces, which leave them out.
const PREFIX: &str = "errand:";

const FILES: [(&str, &str); 21] = [
    ("arguments", include_str!("../js/arguments.js")),
    ("assert", include_str!("../js/assert.js")),
    ("buffer", include_str!("../js/buffer.js")),
    ("console", include_str!("../js/console.js")),
    ("crypto", include_str!("../js/crypto.js")),
    ("errand", include_str!("../js/errand.js")),
    ("errors", include_str!("../js/errors.js")),
    ("events", include_str!("../js/events.js")),
    ("fetch", include_str!("../js/fetch.js")),
    ("fs", include_str!("../js/fs.js")),
    ("inspect", include_str!("../js/inspect.js")),
    ("os", include_str!("../js/os.js")),
    ("path", include_str!("../js/path.js")),
    ("process", include_str!("../js/process.js")),
    ("readline", include_str!("../js/readline.js")),
    ("report", include_str!("../js/report.js")),
    ("start", include_str!("../js/start.js")),
    ("timers", include_str!("../js/timers.js")),
    ("url", include_str!("../js/url.js")),
    ("util", include_str!("../js/util.js")),
    ("web", include_str!("../js/web.js")),
];

/// Compiles the file that everything begins with; it is a function already.
pub(crate) fn start<'js>(ctx: &Ctx<'js>) -> Result<Function<'js>> {
    evaluate(ctx, source(ctx, "start")?.to_owned(), format!("{PREFIX}start"))
}

/// Compiles one of the others, as a function of its module, `require`, what only the host can do, and what
/// our parts share.
pub(crate) fn builtin<'js>(ctx: &Ctx<'js>, name: &str) -> Result<Function<'js>> {
    let body = source(ctx, name)?;
    let whole =
        format!("(function (module, require, native, control) {{ \"use strict\"; {body}\n}})");
    evaluate(ctx, whole, format!("{PREFIX}{name}"))
}

/// Evaluates a script that is one expression.
pub(crate) fn evaluate<'js>(
    ctx: &Ctx<'js>,
    source: String,
    filename: String,
) -> Result<Function<'js>> {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(filename);
    ctx.eval_with_options(source, options)
}

fn source(ctx: &Ctx<'_>, name: &str) -> Result<&'static str> {
    let found = FILES.iter().find(|(own, _)| *own == name).map(|(_, source)| *source);
    found.ok_or_else(|| Exception::throw_internal(ctx, &format!("there is no part {name}")))
}
