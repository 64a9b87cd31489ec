//! `errand`: what a program asks of its task.

use javascript::Refusal;
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn what_is_told_reaches_the_host() {
    let world = World::new();
    world.result(
        "errand.progress(1.9, 4, 'half'); errand.log('careful', 'warn');
         errand.emit('my.kind', {a: [1]}); errand.publish('d/../out.txt', {mediaType: 'text/plain'})",
    );
    assert_eq!(world.call("progress"), json!({"done": 1, "total": 4, "message": "half"}));
    assert_eq!(world.call("log"), json!({"level": "warn", "message": "careful"}));
    assert_eq!(world.call("emit"), json!({"kind": "my.kind", "data": "{\"a\":[1]}"}));
    let published = json!({"path": "out.txt", "media_type": "text/plain", "text": null});
    assert_eq!(world.call("publish"), published);
}

#[test]
fn a_question_is_answered_in_the_programs_spelling() {
    let decision =
        json!({"verdict": "approved", "by": "ada", "comment": null, "values": "{\"n\":1}"});
    let world = World::new().answer("approve", Ok(decision));
    let result = world.result(
        "result = errand.approve('Go?', {detail: '*d*', schema: {type: 'object'}, timeoutS: 1.5,
                                         showDiff: true, attachments: ['a']})",
    );
    let expected = json!({
        "approved": true, "by": "ada", "comment": null, "values": {"n": 1}, "verdict": "approved",
    });
    assert_eq!(result, expected);
    let asked = json!({
        "title": "Go?", "detail": "*d*", "schema": "{\"type\":\"object\"}", "timeout_ms": 1500,
        "show_diff": true, "attachments": ["a"], "approvers": [],
    });
    assert_eq!(world.call("approve"), asked);
}

#[test]
fn a_question_can_wait_beside_other_things() {
    let no = json!({"verdict": "denied", "by": "ada", "comment": "no", "values": null});
    let world = World::new()
        .answer("request_approval", Ok(json!("t.1")))
        .answer("wait_first", Ok(json!([0, 2, 3])))
        .answer("poll_signal", Ok(Value::Null))
        .answer("decision", Ok(no));
    let code = "
const id = errand.requestApproval('Go?', {approvers: ['ada']});
const ready = errand.waitFirst({children: ['c'], signals: new Set(['s']), approvals: [id], timeoutS: 1});
const result = [ready, errand.pollSignal('s', 'none'), errand.decision(id).approved];";
    let ready = json!({"children": ["c"], "signals": [], "approvals": ["t.1"], "timedOut": true});
    assert_eq!(world.result(code), json!([ready, "none", false]));
    assert_eq!(world.call("request_approval")["approvers"], json!(["ada"]));
    let items = json!([
        {"kind": "children", "name": "c"}, {"kind": "signals", "name": "s"},
        {"kind": "approvals", "name": "t.1"}, {"kind": "timer", "ms": 1000},
    ]);
    assert_eq!(world.call("wait_first"), json!({"items": items}));
}

#[test]
fn a_failure_outweighs_what_was_cancelled_for_it() {
    let failed = |id: &str, code: &str| json!({"id": id, "output": null, "failure": {"code": code, "message": "m", "detail": null}});
    let ended = json!([failed("a", "cancelled"), failed("b", "trap")]);
    let world = World::new()
        .answer("gather", Ok(ended))
        .answer("outcome", Ok(failed("a", "cancelled")))
        .answer("cancel", Ok(Value::Null));
    let code = "
errand.cancel('a');
let result;
try { errand.gather(['a', 'b']) } catch (error) { result = [error.id, errand.outcome('a').code] }";
    assert_eq!(world.result(code), json!(["b", "cancelled"]));
    assert_eq!(world.call("cancel"), json!({"name": "a"}));
}

#[test]
fn children_are_started_and_gathered() {
    let failed = json!({"id": "b", "output": null,
                        "failure": {"code": "timeout", "message": "too long", "detail": "{\"x\":1}"}});
    let done = json!({"id": "a", "output": "[1]", "failure": null});
    let world = World::new()
        .answer("spawn", Ok(json!("a")))
        .answer("gather", Ok(json!([done, failed])))
        .answer("wait_any", Ok(done.clone()));
    let code = "
const id = errand.spawn('python', {code: ''}, {workspace: 'fork', name: 'n', maxAttempts: 2,
                                                limits: {fuel: 5, fuelFromParent: true}});
const both = errand.gather(['a', 'b'], {onFailure: 'collect'});
let caught;
try { errand.gather(['a', 'b']) } catch (error) { caught = error }
const result = [id, both[0], both[1] instanceof errand.ChildFailed, errand.waitAny(['a']),
                [caught.name, caught.message, caught.id, caught.code, caught.detail.x]];";
    let expected = json!([
        "a",
        [1],
        true,
        ["a", [1]],
        ["errand.ChildFailed", "child b: timeout: too long", "b", "timeout", 1],
    ]);
    assert_eq!(world.result(code), expected);
    let spawned = json!({
        "executor": "python", "function": null, "input": "{\"code\":\"\"}", "workspace": "fork",
        "limits": {"fuel_from_parent": true, "fuel": 5}, "name": "n", "max_attempts": 2,
    });
    assert_eq!(world.call("spawn"), spawned);
}

#[test]
fn waits_and_the_conversation_go_through_the_host() {
    let world = World::new()
        .answer("wait_signal", Ok(json!("{\"p\":1}")))
        .answer("this_task", Ok(json!({"context_id": "c"})))
        .answer("context_get", Ok(json!({"value": "null", "version": "1"})))
        .answer("context_set", Ok(json!({"value": "[1]", "version": "2"})));
    let code = "
errand.sleep(0.0011);
const payload = errand.waitSignal('go', {timeoutS: 2});
const {version} = errand.context.get();
const result = [payload, errand.context.id, errand.context.set([1], version)];";
    assert_eq!(world.result(code), json!([{"p": 1}, "c", {"value": [1], "version": "2"}]));
    assert_eq!(world.call("sleep"), json!({"ms": 2}));
    assert_eq!(world.call("wait_signal"), json!({"name": "go", "timeout_ms": 2000}));
    assert_eq!(world.call("context_set"), json!({"value": "[1]", "version": "1"}));
}

#[test]
fn a_checkpoint_is_bytes_and_comes_back() {
    let world = World::new();
    let code = "
const before = errand.restored();
try { errand.checkpoint(new Uint8Array([0, 255])) } catch (error) { errand.log(error) }
const result = [before, errand.restored().toJSON().data]";
    assert_eq!(world.result(code), json!([null, [0, 255]]));
    let logged = world.call("log");
    assert_eq!(logged["message"], "errand.Unsupported: errand.checkpoint: tests can't end here");
}

#[test]
fn what_the_host_refuses_is_an_exception_of_its_kind() {
    let text = |text: &str| text.to_owned();
    for (refusal, class, message) in [
        (Refusal::Unsupported { text: text("u") }, "Unsupported", "errand.emit: u"),
        (Refusal::Denied { text: text("d") }, "Denied", "errand.emit: d"),
        (Refusal::Invalid { text: text("i") }, "Invalid", "errand.emit: i"),
        (Refusal::NotFound { text: text("n") }, "NotFound", "errand.emit: n"),
        (
            Refusal::Limit { name: text("x_bytes"), value: 5 },
            "Limit",
            "the limit x_bytes of 5 would be exceeded",
        ),
    ] {
        let world = World::new().answer("emit", Err(refusal));
        let code = "
try { errand.emit('k', 1) } catch (error) {
    result = [error.name, error.message, error instanceof errand.Error, error instanceof Error]
}";
        assert_eq!(world.result(code), json!([format!("errand.{class}"), message, true, true]));
    }
}

#[test]
fn arguments_that_are_wrong_name_themselves() {
    let world = World::new();
    for (code, message) in [
        ("errand.progress('1')", "errand.progress: done must be a number, not string"),
        ("errand.progress(-1)", "errand.progress: done must be 0 or more and fit into 53 bits: -1"),
        (
            "errand.log('x', 'loud')",
            "errand.log: level must be debug, info, warn or error, not loud",
        ),
        ("errand.emit(1, 1)", "errand.emit: kind must be a string, not number"),
        (
            "errand.emit('k', '\\ud800')",
            "errand.emit: data is not a JSON value: half a surrogate pair",
        ),
        ("errand.sleep(-1)", "errand.sleep: seconds must be 0 or more: -1"),
        ("errand.approve('t', {timeout: 1})", "errand.approve: there is no option timeout"),
        ("errand.gather('abc')", "errand.gather: ids must be an array of strings, not string"),
        (
            "errand.spawn('x', 1, {workspace: 'mine'})",
            "workspace must be empty, start or fork, not mine",
        ),
        ("errand.checkpoint('text')", "errand.checkpoint: data must be bytes"),
        (
            "errand.publish('../x')",
            "errand.publish: path must be of a file in the workspace: '../x'",
        ),
    ] {
        let failure = world.failure(code);
        assert!(failure.message.contains(message), "{code}: {}", failure.message);
    }
    assert!(world.calls.borrow().is_empty(), "nothing of it reached the host");
}

#[test]
fn requests_have_bodies_and_headers_of_many_kinds() {
    let world = World::new();
    let code = "
const answer = errand.http('post', 'https://x.example/a', {headers: {'X-Mine': 'h'}, body: {k: 1}, timeoutS: 2});
const result = [answer.status, answer.headers['x-twice'], answer.json().said, Buffer.isBuffer(answer.body)];";
    assert_eq!(world.result(code), json!([200, "a, b", "é", true]));
    let asked = world.asked.borrow();
    let (request, body) = &asked[0];
    assert_eq!((request.method.as_str(), request.timeout_ms), ("post", Some(2000)));
    let headers = [("x-mine", "h"), ("content-type", "application/json")];
    assert_eq!(request.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(body, b"{\"k\":1}");
}

#[test]
fn fetch_follows_redirects_and_rejects_what_the_host_refuses() {
    let world = World::new();
    let code = "
const answer = await fetch(new URL('https://x.example/moved'), {method: 'POST', body: new URLSearchParams({a: 'b c'})});
const {said} = await answer.json();
let caught;
try { await fetch('https://x.example/denied') } catch (error) { caught = [error.name, error.cause.name] }
const result = [answer.ok, answer.status, answer.url, answer.redirected, said, caught];";
    let expected =
        json!([true, 200, "https://x.example/there", true, "é", ["TypeError", "errand.Denied"],]);
    assert_eq!(world.result(code), expected);
    let asked = world.asked.borrow();
    let sent: Vec<(&str, &[u8])> =
        asked.iter().map(|(request, body)| (request.method.as_str(), body.as_slice())).collect();
    assert_eq!(sent, [("POST", &b"a=b+c"[..]), ("GET", b""), ("GET", b"")]);
}

#[test]
fn chance_is_the_hosts() {
    let code = "
const uuid = crypto.randomUUID();
const many = Array.from({length: 1000}, Math.random);
const result = [many.every((n) => n >= 0 && n < 1), new Set(many).size > 8, uuid]";
    let first = World::new().result(code);
    assert_eq!(first, World::new().result(code), "the same bytes make the same numbers");
    assert_eq!((&first[0], &first[1]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(first[2].as_str().map(str::len), Some(36));
}
