//! One run: from the input's JSON to the output's, or to a failure.
//!
//! The order is Node's: the program, then promises' jobs, then what waits (immediates, timers, input), until
//! nothing is left; then `exit` handlers. An exception that nobody handles ends it.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use rquickjs::promise::PromiseState;
use rquickjs::{Context, Ctx, Function, Object, Persistent, Promise, Runtime, Value};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::builtins;
use crate::failure::Failure;
use crate::host::Host;
use crate::input::Program;
use crate::modules::{Driver, Finder, Reader, driven};
use crate::native::{self, Shared};
use crate::program::{self, Begun};

/// How deep calls may go: about 4,000 of a program's functions. QuickJS counts its stack in linear memory;
/// the host's of compiled code (4 MiB) must not be used up before.
const STACK_BYTES: usize = if cfg!(target_family = "wasm") { 1920 * 1024 } else { 512 * 1024 };
/// Rather seldom at first: most programs end before there is garbage worth a search for cycles.
const GC_THRESHOLD_BYTES: usize = 8 * 1024 * 1024;
/// What Node exits with where the program waits for what nobody will do.
const UNSETTLED: u8 = 13;

type Reading = Rc<RefCell<Option<Persistent<Function<'static>>>>>;

/// Runs one task and returns its output as JSON text.
///
/// # Errors
/// How the task failed.
pub fn run(input: &str, host: Rc<dyn Host>) -> Result<String, Failure> {
    let program = Program::parse(input, &*host)?;
    let main = (program.name.clone(), program.source.clone());
    let shared = Shared::new(host, program.stdin.clone(), main);
    let driver = Driver::default();
    let broken = |error: rquickjs::Error| {
        Failure::new("internal", &format!("the interpreter did not start: {error}"), None)
    };
    // Never taken apart: the instance ends with the run.
    let runtime = ManuallyDrop::new(Runtime::new().map_err(broken)?);
    runtime.set_max_stack_size(STACK_BYTES);
    runtime.set_gc_threshold(GC_THRESHOLD_BYTES);
    runtime
        .set_loader(Finder(shared.clone(), driver.clone()), Reader(shared.clone(), driver.clone()));
    let ends = shared.clone();
    runtime.set_interrupt_handler(Some(Box::new(move || ends.exit.get().is_some())));
    let tracking = driver.clone();
    runtime.set_host_promise_rejection_tracker(Some(Box::new(
        move |ctx, promise, reason, is_handled| {
            let told = driven(&ctx, &tracking, "rejection")
                .and_then(|tell| tell.call::<_, ()>((promise, reason, is_handled)));
            if told.is_err() {
                ctx.catch();
            }
        },
    )));
    let context = ManuallyDrop::new(Context::full(&runtime).map_err(broken)?);
    let played =
        context.with(|ctx| Play { ctx, shared: &shared, driver: &driver }.run(input, &program));
    shared.flush();
    let (stdout, stderr) = (shared.stdout.borrow().text(), shared.stderr.borrow().text());
    match played {
        Ok(result) => {
            let texts = [stdout, stderr].map(|text| Json::String(text).to_string());
            Ok(format!("{{\"result\":{result},\"stdout\":{},\"stderr\":{}}}", texts[0], texts[1]))
        }
        Err(mut failure) => {
            let detail = failure.detail.get_or_insert_default();
            detail.insert("stdout".to_owned(), stdout.into());
            detail.insert("stderr".to_owned(), stderr.into());
            Err(failure)
        }
    }
}

/// A run that goes on.
struct Play<'a, 'js> {
    ctx: Ctx<'js>,
    shared: &'a Rc<Shared>,
    driver: &'a Driver,
}

/// What is said of an exception that nobody handled.
#[derive(Deserialize)]
struct Report {
    r#type: String,
    message: String,
    traceback: String,
    retry: bool,
}

impl<'js> Play<'_, 'js> {
    /// Runs the program to its end; returns the JSON of its `result`.
    fn run(&self, input: &str, program: &Program) -> Result<String, Failure> {
        let reading = Reading::default();
        let result = self.prepare(input, program, &reading).map_err(|error| {
            let message = format!("the interpreter did not start: {}", self.words(error));
            Failure::new("internal", &message, None)
        })?;
        let begun = match program::begin(&self.ctx, program, self.driver, result) {
            Ok(begun) => Some(begun),
            Err(_) if self.shared.exit.get().is_some() => None,
            Err(_) => return Err(self.uncaught(self.ctx.catch())),
        };
        self.turn().map_err(|error| self.uncaught(error))?;
        let mut code = self.shared.exit.take();
        let waits =
            begun.as_ref().is_some_and(|begun| begun.promise.state() == PromiseState::Pending);
        if code.is_none() && waits {
            self.shared
                .write(2, b"Warning: the program ended while its top level was still waiting\n");
            code = Some(UNSETTLED);
        }
        match self.ending(code.unwrap_or(0)) {
            0 => self.result(begun.as_ref(), &reading),
            code => {
                let detail = Map::from_iter([("exit_code".to_owned(), json!(code))]);
                Err(Failure::new("exit", &format!("exit status {code}"), Some(detail)))
            }
        }
    }

    /// Puts everything in place; returns what takes the function that reads the `result`.
    fn prepare(
        &self,
        input: &str,
        program: &Program,
        reading: &Reading,
    ) -> rquickjs::Result<Function<'js>> {
        let ctx = &self.ctx;
        let native = native::object(ctx, self.shared)?;
        let driver: Object<'js> = builtins::start(ctx)?.call((native,))?;
        let scene: Function<'js> = driver.get("scene")?;
        *self.driver.borrow_mut() = Some(Persistent::save(ctx, driver));
        let columns = program::columns(&program.source);
        scene.call::<_, ()>((program.name.as_str(), columns, program.args.clone(), input))?;
        let reading = reading.clone();
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, reader: Function<'js>| {
            *reading.borrow_mut() = Some(Persistent::save(&ctx, reader));
        })
    }

    /// Does all that is left to do, until the program has ended or an exception is nobody's.
    fn turn(&self) -> Result<(), Value<'js>> {
        let has_ended = || self.shared.exit.get().is_some();
        loop {
            while !has_ended() && self.ctx.execute_pending_job() {}
            if has_ended() {
                return Ok(());
            }
            let uncaught: Option<(bool, Value<'js>)> = self
                .driven("takeUncaught")
                .and_then(|take| take.call::<_, Option<Vec<Value<'js>>>>(()))
                .map(|taken| taken.map(first_two))
                .map_err(|_| self.ctx.catch())?;
            match uncaught {
                Some((true, error)) => return Err(error),
                // Somebody was told.
                Some((false, _)) => continue,
                None => {}
            }
            match self.driven("turn").and_then(|turn| turn.call::<_, bool>(())) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(_) if has_ended() => return Ok(()),
                Err(_) => {
                    let thrown = self.ctx.catch();
                    let told = self.driven("thrown").and_then(|tell| tell.call::<_, ()>((thrown,)));
                    told.map_err(|_| self.ctx.catch())?;
                }
            }
        }
    }

    /// Makes the failure of an exception, and prints it.
    fn uncaught(&self, error: Value<'js>) -> Failure {
        let report = self
            .driven("report")
            .and_then(|report| report.call::<_, String>((error.clone(),)))
            .ok()
            .and_then(|report| serde_json::from_str::<Report>(&report).ok());
        let report = report.unwrap_or_else(|| {
            let thrown = self.ctx.catch();
            let text = [error, thrown]
                .iter()
                .find_map(|value| value.as_exception()?.message())
                .unwrap_or_else(|| "an exception that can't be shown".to_owned());
            Report {
                r#type: "Error".to_owned(),
                traceback: text.clone(),
                message: text,
                retry: false,
            }
        });
        self.shared.write(2, report.traceback.as_bytes());
        if !report.traceback.ends_with('\n') {
            self.shared.write(2, b"\n");
        }
        self.ending(1);
        let detail =
            json!({ "type": report.r#type, "traceback": report.traceback, "exit_code": 1 });
        let detail = detail.as_object().cloned();
        let code = if report.retry { "retry" } else { "exception" };
        let mut failure = Failure::new(code, &report.message, detail);
        failure.is_transient = report.retry;
        failure
    }

    /// Runs `exit` handlers, and returns the exit status that they leave.
    fn ending(&self, code: u8) -> u8 {
        let ended = self.driven("ending").and_then(|ending| ending.call::<_, u8>((code,)));
        match (self.shared.exit.get(), ended) {
            (Some(code), _) | (None, Ok(code)) => code,
            (None, Err(_)) => {
                let text = self.words(rquickjs::Error::Exception);
                self.shared.write(2, format!("Error in an exit handler: {text}\n").as_bytes());
                code.max(1)
            }
        }
    }

    fn result(&self, begun: Option<&Begun<'js>>, reading: &Reading) -> Result<String, Failure> {
        let encoded = self
            .read(begun, reading)
            .and_then(|value| self.driven("encode")?.call::<_, Vec<Option<String>>>((value,)));
        let (json, kind, why) = match encoded {
            Ok(encoded) => {
                let mut parts = encoded.into_iter();
                let mut next = || parts.next().flatten();
                (next(), next().unwrap_or_default(), next().unwrap_or_default())
            }
            Err(error) => (None, "object".to_owned(), self.words(error)),
        };
        json.filter(|json| !native::has_halves(json)).ok_or_else(|| {
            let why =
                if why.is_empty() { "it has a text with half a surrogate pair" } else { &why };
            let detail = Map::from_iter([("type".to_owned(), json!(kind))]);
            let message = format!("the variable `result` ({kind}) is not a JSON value: {why}");
            Failure::new("result_not_json", &message, Some(detail))
        })
    }

    /// Reads the program's `result`; of a promise, what it came to.
    fn read(&self, begun: Option<&Begun<'js>>, reading: &Reading) -> rquickjs::Result<Value<'js>> {
        let mut value = begun.and_then(Begun::exported);
        if value.is_none()
            && let Some(reader) = reading.borrow().clone()
        {
            value = match reader.restore(&self.ctx)?.call(()) {
                Ok(value) => Some(value),
                // The program ended before the line that makes it.
                Err(_) => {
                    self.ctx.catch();
                    None
                }
            };
        }
        let value = match value.filter(|value: &Value<'js>| !value.is_undefined()) {
            Some(value) => value,
            None => self.ctx.globals().get("result")?,
        };
        match Promise::from_value(value.clone()).ok() {
            Some(promise) => {
                promise.result().unwrap_or_else(|| Ok(Value::new_null(self.ctx.clone())))
            }
            None => Ok(value),
        }
    }

    fn driven(&self, name: &str) -> rquickjs::Result<Function<'js>> {
        driven(&self.ctx, self.driver, name)
    }

    fn words(&self, error: rquickjs::Error) -> String {
        let thrown = self.ctx.catch();
        match thrown.as_exception().and_then(rquickjs::Exception::message) {
            Some(message) => message,
            None => error.to_string(),
        }
    }
}

fn first_two(values: Vec<Value<'_>>) -> (bool, Value<'_>) {
    let is_uncaught = values.first().and_then(Value::as_bool).unwrap_or(false);
    let error =
        values.last().cloned().expect("`takeUncaught` returns nothing, or one or two values");
    (is_uncaught, error)
}
