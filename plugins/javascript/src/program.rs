//! How a program is begun: as CommonJS, as Node does it, or as a module where it imports or exports.
//!
//! A program's `result` is a variable of its own. So that it can be read at the end, a function that sees
//! it is handed out at the program's start, or it is exported under a name of ours.

use rquickjs::context::EvalOptions;
use rquickjs::module::Evaluated;
use rquickjs::{Ctx, Function, Module, Promise, Result, Value};

use crate::input::Program;
use crate::modules::{self, Driver, driven};

/// What a module exports its `result` as.
const EXPORTED: &str = "__errand_result";

/// A program that has begun.
pub(crate) struct Begun<'js> {
    /// Settled once the program's last line is.
    pub(crate) promise: Promise<'js>,
    module: Option<Module<'js, Evaluated>>,
}

impl<'js> Begun<'js> {
    /// Returns what a module exported of its own as `result`.
    pub(crate) fn exported(&self) -> Option<Value<'js>> {
        let value: Value<'js> = self.module.as_ref()?.get(EXPORTED).ok()?;
        Some(value).filter(|value| !value.is_undefined())
    }
}

/// Begins a program.
///
/// # Errors
/// Where it can't be compiled, or throws before it first waits.
pub(crate) fn begin<'js>(
    ctx: &Ctx<'js>,
    program: &Program,
    driver: &Driver,
    result: Function<'js>,
) -> Result<Begun<'js>> {
    if program.name.ends_with(".mjs") {
        return begin_module(ctx, program);
    }
    let body = match compile(ctx, &program.source, &program.name, true) {
        Ok(body) => body,
        Err(error) => {
            let thrown = ctx.catch();
            if !imports_or_exports(&program.source) || program.name.ends_with(".cjs") {
                return Err(if thrown.is_null() { error } else { ctx.throw(thrown) });
            }
            return begin_module(ctx, program);
        }
    };
    let surroundings: Vec<Value<'js>> =
        driven(ctx, driver, "surroundings")?.call((program.name.as_str(), result))?;
    let mut arguments = rquickjs::function::Args::new(ctx.clone(), surroundings.len());
    arguments.this(surroundings.first().cloned())?;
    arguments.push_args(surroundings)?;
    Ok(Begun { promise: body.call_arg(arguments)?, module: None })
}

fn begin_module<'js>(ctx: &Ctx<'js>, program: &Program) -> Result<Begun<'js>> {
    // A module is of the workspace, so that what it imports is looked for there.
    let name = program.name.as_str();
    let source = without_hashbang(&program.source);
    let with_result = format!("{source}\nexport {{ result as {EXPORTED} }};");
    let module = match Module::declare(ctx.clone(), name, with_result) {
        Ok(module) => module,
        // It has no such variable, or is wrong in itself.
        Err(_) => {
            ctx.catch();
            Module::declare(ctx.clone(), name, source)?
        }
    };
    modules::describe(&module, name)?;
    let (module, promise) = module.eval()?;
    Ok(Begun { promise, module: Some(module) })
}

/// Compiles CommonJS, as the function of `exports`, `require`, `module`, `__filename` and `__dirname` that
/// Node makes of it; the main program may wait at its top, and tells where its `result` is.
pub(crate) fn compile<'js>(
    ctx: &Ctx<'js>,
    source: &str,
    name: &str,
    is_main: bool,
) -> Result<Function<'js>> {
    let head = head(source, is_main);
    let whole = format!("{head}{}\n}})", without_hashbang(source));
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(name.to_owned());
    ctx.eval_with_options(whole, options)
}

/// Returns by how many columns the first line of the main program is moved.
pub(crate) fn columns(source: &str) -> usize {
    head(source, true).len()
}

fn head(source: &str, is_main: bool) -> String {
    if !is_main {
        return "(function (exports, require, module, __filename, __dirname) { ".to_owned();
    }
    // What must be the first statement must stay it.
    let strict = if is_strict(source) { "\"use strict\"; " } else { "" };
    format!(
        "(async function (exports, require, module, __filename, __dirname, {EXPORTED}) {{ {strict}\
         {EXPORTED}(() => typeof result === \"undefined\" ? undefined : result); "
    )
}

fn is_strict(source: &str) -> bool {
    let mut rest = source;
    if rest.starts_with("#!") {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else {
            return rest.starts_with("\"use strict\"") || rest.starts_with("'use strict'");
        }
    }
}

/// Tells whether it looks as if it were a module.
fn imports_or_exports(source: &str) -> bool {
    source.contains("import.meta")
        || source.lines().any(|line| {
            let line = line.trim_start();
            ["import", "export"].iter().any(|word| {
                line.strip_prefix(word)
                    .is_some_and(|rest| rest.starts_with([' ', '{', '*', '"', '\'', '\t']))
            })
        })
}

/// Makes a comment of a first line for Unix shells.
fn without_hashbang(source: &str) -> String {
    match source.strip_prefix("#!") {
        Some(rest) => format!("//{rest}"),
        None => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_strict_says_so_first() {
        for source in ["'use strict'; x", "#!/x\n// a\n/* b */ \"use strict\"\n"] {
            assert!(is_strict(source), "{source:?}");
        }
        for source in ["", "x; 'use strict'", "// 'use strict'", "/* 'use strict'"] {
            assert!(!is_strict(source), "{source:?}");
        }
    }

    #[test]
    fn a_module_is_told_by_what_it_imports_and_exports() {
        for source in ["import fs from 'fs'", "a;\n  export const x = 1", "import.meta.url"] {
            assert!(imports_or_exports(source), "{source:?}");
        }
        for source in ["importer()", "const a = await import('x')", "exports.a = 1"] {
            assert!(!imports_or_exports(source), "{source:?}");
        }
    }
}
