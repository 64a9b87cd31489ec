//! The functions that JavaScript's own part calls: what only Rust can do.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rquickjs::function::Opt;
use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Exception, Function, IntoJs, Object, Promise, Result, TypedArray, Value};
use serde_json::json;

use crate::builtins;
use crate::files::{self, Given, Wish};
use crate::host::{Host, HttpRequest, Refusal, Stream};
use crate::program;
use crate::resolve;
use crate::streams::Tee;
use crate::urls;

/// What a run's parts share.
pub(crate) struct Shared {
    pub(crate) host: Rc<dyn Host>,
    pub(crate) stdout: RefCell<Tee>,
    pub(crate) stderr: RefCell<Tee>,
    /// The exit status, once the program has asked for its end: nothing that it does counts any more.
    pub(crate) exit: Cell<Option<u8>>,
    /// What is left of the standard input that came with the task.
    pub(crate) stdin: RefCell<Option<Vec<u8>>>,
    /// The program's name and source.
    pub(crate) main: (String, String),
    random: RefCell<Vec<u8>>,
}

/// How many random numbers are asked for at once.
const RANDOM_BYTES: usize = 8 * 64;

impl Shared {
    pub(crate) fn new(
        host: Rc<dyn Host>,
        stdin: Option<String>,
        main: (String, String),
    ) -> Rc<Self> {
        Rc::new(Self {
            host,
            stdout: RefCell::new(Tee::new(Stream::Stdout)),
            stderr: RefCell::new(Tee::new(Stream::Stderr)),
            exit: Cell::new(None),
            stdin: RefCell::new(stdin.map(String::into_bytes)),
            main,
            random: RefCell::default(),
        })
    }

    pub(crate) fn flush(&self) {
        self.stdout.borrow_mut().flush(&*self.host);
        self.stderr.borrow_mut().flush(&*self.host);
    }

    pub(crate) fn write(&self, descriptor: u8, bytes: &[u8]) {
        let tee = if descriptor == 2 { &self.stderr } else { &self.stdout };
        if self.exit.get().is_none() {
            tee.borrow_mut().write(bytes, &*self.host);
        }
    }

    fn read(&self, max_bytes: usize) -> Vec<u8> {
        if let Some(rest) = self.stdin.borrow_mut().as_mut() {
            return rest.drain(..max_bytes.min(rest.len())).collect();
        }
        // Whoever answers a question must have seen it.
        self.flush();
        self.host.read_stdin(max_bytes)
    }

    /// Returns the source of a file, or of the program.
    pub(crate) fn source(&self, name: &str) -> std::io::Result<String> {
        let (main, source) = &self.main;
        if name == main {
            return Ok(source.clone());
        }
        let bytes = std::fs::read(self.host.path(name))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
    }

    /// A number from 0 up to 1, of 53 bits.
    fn random(&self) -> f64 {
        let mut left = self.random.borrow_mut();
        if left.len() < 8 {
            *left = self.host.random(RANDOM_BYTES);
        }
        let at = left.len().saturating_sub(8);
        let bytes = left.split_off(at).try_into().unwrap_or_default();
        (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Makes the object that has them all.
pub(crate) fn object<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    macro_rules! offer {
        ($name:literal, |$own:ident, $ctx:ident $(, $argument:ident: $kind:ty)*| $body:expr) => {{
            let $own = shared.clone();
            let function = move |$ctx: Ctx<'js> $(, $argument: $kind)*| $body;
            object.set($name, Function::new(ctx.clone(), function)?)?;
        }};
    }
    offer!("builtin", |_own, ctx, name: String| builtins::builtin(&ctx, &name));
    offer!("compile", |_own, ctx, source: String, name: String, is_main: bool| {
        program::compile(&ctx, &source, &name, is_main)
    });
    offer!("source", |own, ctx, name: String| own
        .source(&name)
        .map_err(|error| fault(&ctx, &error)));
    offer!("resolve", |own, _ctx, name: String, from: String, requires: bool| {
        resolve::file(&*own.host, &name, &from, requires)
    });
    offer!("write", |own, _ctx, descriptor: u8, text: String| own
        .write(descriptor, text.as_bytes()));
    offer!("writeBytes", |own, _ctx, descriptor: u8, data: TypedArray<'js, u8>| {
        own.write(descriptor, data.as_bytes().unwrap_or_default());
    });
    offer!("flush", |own, _ctx| own.flush());
    offer!("read", |own, ctx, max_bytes: usize| TypedArray::new(ctx, own.read(max_bytes)));
    offer!("random", |own, _ctx| own.random());
    offer!("randomBytes", |own, ctx, length: usize| TypedArray::new(ctx, own.host.random(length)));
    offer!("environment", |own, _ctx| json!(own.host.environment()).to_string());
    offer!("promise", |_own, ctx, promise: Promise<'js>| settled(&ctx, &promise));
    offer!("exit", |own, ctx, code: u8| exit(&ctx, &own, code));
    offer!("hasHalves", |_own, _ctx, text: String| has_halves(&text));
    offer!("encode", |_own, ctx, text: String| TypedArray::new(ctx, text.into_bytes()));
    offer!("decode", |_own, ctx, data: TypedArray<'js, u8>, is_fatal: bool| {
        decode(&ctx, data.as_bytes().unwrap_or_default(), is_fatal)
    });
    offer!("url", |_own, _ctx, text: String, base: Option<String>, part: String, value: String| {
        urls::parse(&text, base.as_deref(), &part, &value).map(|url| url.to_string())
    });
    offer!("call", |own, ctx, name: String, arguments: String| call(&ctx, &own, &name, &arguments));
    offer!("save", |own, _ctx, state: TypedArray<'js, u8>| {
        json!(own.host.save(state.as_bytes().unwrap_or_default())).to_string()
    });
    offer!("restored", |own, ctx| {
        own.host.restored().map(|state| TypedArray::new(ctx, state)).transpose()
    });
    offer!("http", |own, ctx, request: String, body: Opt<TypedArray<'js, u8>>| {
        let body = body.0.as_ref().and_then(|body| body.as_bytes()).unwrap_or_default();
        http(&ctx, &own, &request, body.to_vec())
    });
    offer!("file", |own,
                    ctx,
                    operation: String,
                    path: String,
                    wish: String,
                    data: Opt<TypedArray<'js, u8>>| {
        let data = data.0.as_ref().and_then(|data| data.as_bytes()).unwrap_or_default();
        file(&ctx, &own, &operation, &path, &wish, data)
    });
    Ok(object)
}

/// Returns whether a promise was fulfilled, and with what; nothing but a null while it is pending.
fn settled<'js>(ctx: &Ctx<'js>, promise: &Promise<'js>) -> Result<Vec<Value<'js>>> {
    let is_fulfilled = match promise.state() {
        PromiseState::Pending => return Ok(vec![Value::new_null(ctx.clone())]),
        PromiseState::Resolved => true,
        PromiseState::Rejected => false,
    };
    let value = promise.result().unwrap_or_else(|| Ok(Value::new_undefined(ctx.clone())));
    let value = value.unwrap_or_else(|_| ctx.catch());
    Ok(vec![Value::new_bool(ctx.clone(), is_fulfilled), value])
}

/// Ends the program: what it throws can't be caught, and what runs all the same has no effect.
fn exit<'js>(ctx: &Ctx<'js>, shared: &Shared, code: u8) -> Result<()> {
    if shared.exit.get().is_none() {
        shared.exit.set(Some(code));
    }
    let end = Exception::from_message(ctx.clone(), "the program has ended")?;
    #[expect(unsafe_code, reason = "rquickjs has no safe name for it")]
    // SAFETY: both are alive, and of the same runtime; the function only marks the error.
    unsafe {
        rquickjs::qjs::JS_SetUncatchableError(ctx.as_raw().as_ptr(), end.as_object().as_raw());
    }
    Err(end.throw())
}

fn call(ctx: &Ctx<'_>, shared: &Shared, name: &str, arguments: &str) -> Result<String> {
    ended(ctx, shared)?;
    let answer = serde_json::from_str(arguments)
        .map_err(|error| Refusal::Invalid { text: error.to_string() })
        .and_then(|arguments| shared.host.call(name, arguments));
    Ok(match answer {
        Ok(value) => json!({ "ok": value }),
        Err(refusal) => json!({ "refused": refusal }),
    }
    .to_string())
}

/// Refuses what would have an effect after the end.
fn ended(ctx: &Ctx<'_>, shared: &Shared) -> Result<()> {
    match shared.exit.get() {
        Some(code) => exit(ctx, shared, code),
        None => Ok(()),
    }
}

fn http<'js>(
    ctx: &Ctx<'js>,
    shared: &Shared,
    request: &str,
    body: Vec<u8>,
) -> Result<Vec<Value<'js>>> {
    ended(ctx, shared)?;
    let answer = serde_json::from_str::<HttpRequest>(request)
        .map_err(|error| Refusal::Invalid { text: error.to_string() })
        .and_then(|request| shared.host.http(request, body));
    let (head, body) = match answer {
        Ok(answer) => (json!({ "status": answer.status, "headers": answer.headers }), answer.body),
        Err(refusal) => (json!({ "refused": refusal }), Vec::new()),
    };
    let body = TypedArray::<u8>::new(ctx.clone(), body)?;
    Ok(vec![head.to_string().into_js(ctx)?, body.into_value()])
}

fn file<'js>(
    ctx: &Ctx<'js>,
    shared: &Shared,
    operation: &str,
    path: &str,
    wish: &str,
    data: &[u8],
) -> Result<Value<'js>> {
    ended(ctx, shared)?;
    let wish: Wish = serde_json::from_str(wish)
        .map_err(|error| Exception::throw_type(ctx, &error.to_string()))?;
    match files::perform(&*shared.host, operation, path, &wish, data) {
        Ok(Given::Bytes(bytes)) => TypedArray::<u8>::new(ctx.clone(), bytes)?.into_js(ctx),
        Ok(Given::Json(value)) => value.to_string().into_js(ctx),
        Err(error) => Err(fault(ctx, &error)),
    }
}

/// Throws a file's error as a plain object, of which `fs.js` makes an exception.
fn fault(ctx: &Ctx<'_>, error: &std::io::Error) -> rquickjs::Error {
    let (code, text) = files::words(error);
    let thrown = || -> Result<Value<'_>> {
        let object = Object::new(ctx.clone())?;
        object.set("code", code)?;
        object.set("text", text)?;
        Ok(object.into_value())
    };
    match thrown() {
        Ok(object) => ctx.throw(object),
        Err(error) => error,
    }
}

fn decode(ctx: &Ctx<'_>, bytes: &[u8], is_fatal: bool) -> Result<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) if is_fatal => {
            Err(Exception::throw_type(ctx, "The encoded data was not valid for encoding utf-8"))
        }
        Err(_) => Ok(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// Tells whether JSON that `JSON.stringify` wrote has half a surrogate pair, which is no text elsewhere.
pub(crate) fn has_halves(json: &str) -> bool {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|&byte| byte == b'\\') {
        at += found;
        // It writes a whole pair as it is, and other characters never with these digits.
        if bytes[at..].starts_with(b"\\ud") && bytes.get(at + 3).is_some_and(|digit| *digit >= b'8')
        {
            return true;
        }
        at += 2;
        if at > bytes.len() {
            break;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_is_told_from_what_looks_like_it() {
        assert!(has_halves(r#""\ud83d""#));
        assert!(has_halves(r#"["a","\\\udc00"]"#));
        assert!(!has_halves(r#""\\ud83d""#), "a backslash, then letters");
        assert!(!has_halves("\"🦀 \\u0001 \\n\""));
        assert!(!has_halves("\\"));
    }
}
