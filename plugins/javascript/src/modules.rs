//! `import`: files of the workspace, packages in it, and our own parts.

use std::rc::Rc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Exception, Function, Module, Object, Persistent, Result, Value};
use std::cell::RefCell;

use crate::native::Shared;
use crate::program;
use crate::resolve;

/// What `start.js` returns, once it has run. Held without an end: a run's instance ends with it.
pub(crate) type Driver = Rc<RefCell<Option<Persistent<Object<'static>>>>>;

/// Returns one of the driver's functions.
pub(crate) fn driven<'js>(ctx: &Ctx<'js>, driver: &Driver, name: &str) -> Result<Function<'js>> {
    match driver.borrow().clone() {
        Some(driver) => driver.restore(ctx)?.get(name),
        None => Err(Exception::throw_internal(ctx, "it has not begun")),
    }
}

/// Says which module an import means.
pub(crate) struct Finder(pub(crate) Rc<Shared>, pub(crate) Driver);

impl Resolver for Finder {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        if !builtin(ctx, &self.1, name)?.is_undefined() {
            return Ok(format!("node:{}", name.strip_prefix("node:").unwrap_or(name)));
        }
        resolve::file(&*self.0.host, name, base, false).ok_or_else(|| {
            not_found(ctx, &format!("Cannot find module '{name}' imported from {base}"))
        })
    }
}

/// Reads it.
pub(crate) struct Reader(pub(crate) Rc<Shared>, pub(crate) Driver);

impl Loader for Reader {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        if name.starts_with("node:") {
            return exporting(ctx, name, builtin(ctx, &self.1, name)?);
        }
        let source = self
            .0
            .source(name)
            .map_err(|error| not_found(ctx, &format!("Cannot read module '{name}': {error}")))?;
        let is_common = name.ends_with(".json")
            || name.ends_with(".cjs")
            || (!name.ends_with(".mjs") && is_common(ctx, &source, name));
        if is_common {
            let exports = driven(ctx, &self.1, "requireFile")?.call((name,))?;
            return exporting(ctx, name, exports);
        }
        let module = Module::declare(ctx.clone(), name, source)?;
        describe(&module, name)?;
        Ok(module)
    }
}

/// Fills `import.meta`.
pub(crate) fn describe(module: &Module<'_, Declared>, name: &str) -> Result<()> {
    let meta = module.meta()?;
    meta.set("url", format!("file://{name}"))?;
    meta.set("filename", name)?;
    meta.set("dirname", resolve::directory(name))
}

fn builtin<'js>(ctx: &Ctx<'js>, driver: &Driver, name: &str) -> Result<Value<'js>> {
    driven(ctx, driver, "builtin")?.call((name,))
}

/// Tells whether a file can be CommonJS: whoever imports and exports can't.
fn is_common(ctx: &Ctx<'_>, source: &str, name: &str) -> bool {
    let compiled = program::compile(ctx, source, name, false);
    if compiled.is_err() {
        // Whatever is wrong with it, compiling it as a module will say.
        ctx.catch();
    }
    compiled.is_ok()
}

/// Makes a module of a value: it is the default export, and its properties are the others.
fn exporting<'js>(
    ctx: &Ctx<'js>,
    name: &str,
    exports: Value<'js>,
) -> Result<Module<'js, Declared>> {
    let mut source =
        "const exported = import.meta.exported;\nexport default exported;\n".to_owned();
    if let Some(object) = exports.as_object().filter(|object| !object.is_array()) {
        for key in object.keys::<String>().flatten() {
            if is_identifier(&key) {
                source.push_str(&format!(
                    "const _{key} = exported.{key};\nexport {{ _{key} as {key} }};\n"
                ));
            }
        }
    }
    let module = Module::declare(ctx.clone(), name, source)?;
    module.meta()?.set("exported", exports)?;
    Ok(module)
}

fn is_identifier(key: &str) -> bool {
    let mut letters = key.chars();
    let begins = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || letter == '$';
    letters.next().is_some_and(begins)
        && letters.all(|letter| begins(letter) || letter.is_ascii_digit())
        && key != "default"
}

fn not_found(ctx: &Ctx<'_>, message: &str) -> Error {
    match Exception::from_message(ctx.clone(), message) {
        Ok(error) => match error.as_object().set("code", "ERR_MODULE_NOT_FOUND") {
            Ok(()) => error.throw(),
            Err(error) => error,
        },
        Err(error) => error,
    }
}
