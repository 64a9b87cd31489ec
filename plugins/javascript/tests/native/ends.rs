//! How programs end.

use serde_json::json;

use crate::world::World;

#[test]
fn an_exception_is_a_failure_with_its_stack() {
    let world = World::new().file(
        "p.js",
        "function inner() {\n  throw new TypeError('no');\n}\nconsole.log('out');\ninner();\n",
    );
    let failure = world.run(&json!({"file": "p.js"})).expect_err("it throws");
    assert_eq!((failure.code, failure.is_transient), ("exception", false));
    assert_eq!(failure.message, "TypeError: no");
    let detail = failure.detail.expect("it has one");
    assert_eq!((&detail["type"], &detail["exit_code"]), (&json!("TypeError"), &json!(1)));
    assert_eq!(detail["stdout"], "out\n");
    let traceback = detail["traceback"].as_str().expect("it is text");
    let head = "/workspace/p.js:2\n  throw new TypeError('no');\n";
    assert!(traceback.starts_with(head), "{traceback}");
    assert!(traceback.contains("\nTypeError: no\n    at inner (/workspace/p.js:2:"), "{traceback}");
    assert!(traceback.contains("\n    at /workspace/p.js:5:"), "{traceback}");
    assert!(!traceback.contains("errand:") && !traceback.contains("native"), "{traceback}");
    assert_eq!(detail["stderr"], detail["traceback"]);
}

#[test]
fn whatever_nobody_handles_ends_the_program() {
    let world = World::new();
    for (code, message) in [
        ("throw 'text'", "'text'"),
        ("throw null", "null"),
        ("throw {a: 1}", "Object: { a: 1 }"),
        ("Promise.reject(new Error('r'))", "Error: r"),
        ("(async () => { await 1; throw new Error('a') })()", "Error: a"),
        ("setTimeout(() => { throw new RangeError('t') }, 1)", "RangeError: t"),
        ("queueMicrotask(() => { throw new Error('q') })", "Error: q"),
        ("process.nextTick(() => { throw new Error('n') })", "Error: n"),
        ("class Mine extends Error {}; throw new Mine('m')", "Mine: m"),
        ("let x = = 1", "SyntaxError: "),
        ("import 'fs'; let x = = 1", "SyntaxError: "),
        ("import './missing.js'", "Cannot find module './missing.js'"),
        ("require('./missing.js')", "Cannot find module './missing.js'"),
        ("(function f() { f() })()", "RangeError: Maximum call stack size exceeded"),
        ("await import('./missing.mjs')", "Cannot find module './missing.mjs'"),
        ("errand.emit('k', () => 1)", "TypeError: errand.emit: data is not a JSON value: function"),
    ] {
        let failure = world.failure(code);
        assert_eq!(failure.code, "exception", "{code}");
        assert!(failure.message.contains(message), "{code}: {}", failure.message);
    }
}

#[test]
fn what_somebody_handles_does_not() {
    let world = World::new();
    let code = "
const seen = [];
process.on('unhandledRejection', (reason) => seen.push(reason.message));
process.on('uncaughtException', (error) => seen.push(error.message));
Promise.reject(new Error('rejected'));
const late = Promise.reject(new Error('late'));
late.catch(() => seen.push('caught'));
setTimeout(() => { throw new Error('thrown') }, 1);
try { (function f() { f() })() } catch (error) { seen.push(error.name) }
const result = seen;";
    assert_eq!(world.result(code), json!(["RangeError", "caught", "rejected", "thrown"]));
}

#[test]
fn a_retry_is_transient() {
    let failure = World::new().failure("throw new errand.Retry('later')");
    assert_eq!((failure.code, failure.is_transient), ("retry", true));
    assert_eq!(failure.message, "errand.Retry: later");
    let failure =
        World::new().failure("class Mine extends errand.Retry {}; throw new Mine('later')");
    assert!(failure.is_transient, "what is derived from it is one too");
}

#[test]
fn an_exit_ends_the_program_where_it_is() {
    let world = World::new();
    for (code, status) in [
        ("console.log('a'); process.exit(3); console.log('b')", 3),
        (
            "console.log('a'); try { process.exit(4) } catch { console.log('b') } finally { console.log('c') }",
            4,
        ),
        (
            "console.log('a'); (async () => { process.exit(5) })(); console.log('b'); errand.emit('k', 1)",
            5,
        ),
        (
            "console.log('a'); setTimeout(() => process.exit(6), 1); setTimeout(() => console.log('b'), 2)",
            6,
        ),
        ("console.log('a'); process.exitCode = 7", 7),
        ("console.log('a'); process.on('exit', (code) => { process.exitCode = code + 8 })", 8),
        ("import fs from 'fs'; console.log('a'); process.exit(9); console.log('b')", 9),
        ("console.log('a'); await new Promise(() => {})", 13),
    ] {
        let failure = world.failure(code);
        assert_eq!((failure.code, failure.is_transient), ("exit", false), "{code}");
        assert_eq!(failure.message, format!("exit status {status}"), "{code}");
        let detail = failure.detail.expect("it has one");
        assert_eq!(
            (&detail["exit_code"], &detail["stdout"]),
            (&json!(status), &json!("a\n")),
            "{code}"
        );
    }
    assert!(
        world.calls.borrow().iter().all(|(name, _)| name != "emit"),
        "what follows has no effect"
    );
    assert_eq!(world.result("const result = 1; process.exit()"), 1, "0 is no failure");
}

#[test]
fn what_waits_is_done_in_order_before_the_end() {
    let world = World::new();
    let out = world.printed(
        "
setTimeout(() => console.log('30'), 30);
const every = setInterval(() => { console.log('20'); clearInterval(every) }, 20);
setTimeout(async () => { console.log('10'); await null; console.log('after 10') }, 10);
clearTimeout(setTimeout(() => console.log('never'), 1));
setTimeout(() => console.log('nobody waits'), 1e6).unref();
setImmediate(() => console.log('immediate'));
Promise.resolve().then(() => console.log('job'));
await require('timers/promises').setTimeout(40, 'value').then(console.log);
console.log('end');",
    );
    assert_eq!(out, "job\nimmediate\n10\nafter 10\n20\n30\nvalue\nend\n");
}

#[test]
fn a_timer_is_slept_for_by_the_host() {
    let world = World::new();
    assert_eq!(world.result("setTimeout(() => { result = 'after' }, 3_600_000)"), "after");
    let slept = world.call("sleep")["ms"].as_u64().expect("it is a number");
    // Less what the program took so far, which is less than ten minutes.
    assert!((3_000_000..=3_600_000).contains(&slept), "{slept}");
}
