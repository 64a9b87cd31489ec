//! Tasks of `javascript`: what goes in and comes out, what is on the log, and what a restart must not change.

use serde_json::{Value, json};

use super::{kinds, pointers};
use crate::harness::archive::{file, tar};
use crate::harness::{Client, Server, plugin, shared};

fn run(client: &Client, code: &str) -> Value {
    client.run(shared::javascript(), &json!({ "code": code }))
}

fn of_kind(events: &[Value], kind: &str) -> Vec<Value> {
    let found = events.iter().filter(|event| event["kind"] == kind);
    found.map(|event| event["data"].clone()).collect()
}

fn id(task: &Value) -> &str {
    task["id"].as_str().expect("a task has an id")
}

#[test]
fn the_output_is_the_result_and_both_streams() {
    let client = shared::agent();
    let input = json!({
        "code": "console.log('out', process.argv.slice(2)); console.error('err');
                 const result = {sum: errand.input.numbers.reduce((a, b) => a + b), said: require('fs').readFileSync(0, 'utf8')}",
        "args": ["x"], "stdin": "é", "numbers": [1, 2, 3],
    });
    let task = client.run(shared::javascript(), &input);
    let expected = json!({
        "result": {"sum": 6, "said": "é"}, "stdout": "out [ 'x' ]\n", "stderr": "err\n",
    });
    assert_eq!(task["output"], expected, "{task}");
    let logs = of_kind(&client.events(id(&task)), "log");
    let said: Vec<_> = logs.iter().map(|log| (&log["stream"], &log["text"])).collect();
    let expected = [(json!("stdout"), json!("out [ 'x' ]\n")), (json!("stderr"), json!("err\n"))];
    assert_eq!(said, expected.each_ref().map(|(stream, text)| (stream, text)));
}

#[test]
fn an_uncaught_exception_fails_the_task_for_good_and_a_retry_does_not() {
    let client = shared::agent();
    let task = run(&client, "function f() { throw new RangeError('no') }\nawait null\nf()");
    assert_eq!((&task["status"], &task["attempt"]), (&json!("failed"), &json!(1)), "{task}");
    let error = &task["error"];
    assert_eq!((&error["code"], &error["retryable"]), (&json!("executor_failed"), &json!(false)));
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains("RangeError: no")),
        "{error}"
    );
    let traceback = error["detail"].to_string();
    assert!(traceback.contains("at f (<code>:1:"), "{traceback}");
    let request = json!({
        "executor": shared::javascript(), "input": {"code": "throw new errand.Retry('later')"},
        "retry": {"max_attempts": 2, "backoff_ms": 1},
    });
    let task = client.finish(&client.submit(&request));
    assert_eq!((&task["status"], &task["attempt"]), (&json!("failed"), &json!(2)), "{task}");
}

#[test]
fn an_input_that_is_wrong_is_refused_before_it_is_queued() {
    let client = shared::agent();
    for (input, expected) in [
        (json!({"code": 1}), "/input/code"),
        (json!({"file": ""}), "/input/file"),
        (json!({"code": "", "args": [1]}), "/input/args/0"),
        (json!({"code": "", "stdin": null}), "/input/stdin"),
    ] {
        let request = json!({"executor": shared::javascript(), "input": input});
        let problem = client.post("/v1/tasks", &request).problem(422, "invalid");
        assert!(pointers(&problem).contains(&expected), "{input}: {problem}");
    }
    for input in [json!({}), json!({"code": "", "file": "a.js"})] {
        let request = json!({"executor": shared::javascript(), "input": input});
        client.post("/v1/tasks", &request).problem(422, "invalid");
    }
    let task = client.run(shared::javascript(), &json!({"file": "missing.js"}));
    assert_eq!(task["status"], "failed", "{task}");
    assert!(task["error"].to_string().contains("the workspace doesn't have"), "{task}");
}

#[test]
fn what_a_program_tells_is_on_the_log() {
    let client = shared::agent();
    let code = "
errand.progress(1, 2, 'half');
errand.log('careful', 'warn');
errand.emit('my.kind', {a: [1]});
require('fs').mkdirSync('out');
require('fs').writeFileSync('out/report.md', '# R');
errand.publish('out/report.md', {description: 'what it found'});";
    let task = run(&client, code);
    assert_eq!(task["status"], "completed", "{task}");
    let progress = &task["progress"];
    assert_eq!((&progress["done"], &progress["total"]), (&json!(1), &json!(2)));
    assert_eq!(progress["message"], "half");
    let events = client.events(id(&task));
    let log = &of_kind(&events, "log")[0];
    assert_eq!((&log["stream"], &log["level"]), (&json!("log"), &json!("warn")));
    assert!(log["text"].as_str().is_some_and(|text| text.contains("careful")), "{log}");
    let emitted = &of_kind(&events, "emitted")[0];
    assert_eq!((&emitted["kind"], &emitted["data"]), (&json!("my.kind"), &json!({"a": [1]})));
    let published = &of_kind(&events, "artifact_published")[0];
    assert_eq!(published["path"], "out/report.md");
    let bytes = client.get(&format!("/v1/tasks/{}/artifacts/out/report.md", id(&task))).bytes;
    assert_eq!(bytes, b"# R");
}

#[test]
fn a_program_of_the_workspace_imports_its_neighbours() {
    let client = shared::agent();
    let files = [
        file(
            "src/program.js",
            "import { twice } from './lib/twice.js';\nexport const result = twice(21);\n",
        ),
        file("src/lib/twice.js", "export const twice = (n) => 2 * n;\n"),
    ];
    let blob = client.upload_blob(&tar(&files));
    let request = json!({
        "executor": shared::javascript(), "input": {"file": "src/program.js"},
        "workspace": {"from": "tar", "blob": blob},
    });
    let task = client.finish(&client.submit(&request));
    assert_eq!(task["output"]["result"], 42, "{task}");
}

#[test]
fn a_task_that_sleeps_is_repeated_with_the_same_chance_and_time() {
    // Nothing stays warm: what sleeps leaves memory, and its program begins again.
    let server = Server::start_with(&["--warm", "0"]);
    server.operator().upload("javascript", &plugin("javascript")).expect(201);
    let client = server.agent();
    let code = "
const before = [Math.random(), crypto.randomUUID(), Date.now(), performance.now(), new Date().toISOString()];
errand.emit('before', before);
await new Promise((done) => setTimeout(done, 400));
errand.sleep(0.4);
const result = [before, Date.now() - before[2]];";
    let task = client.run("javascript", &json!({ "code": code }));
    assert_eq!(task["status"], "completed", "{task}");
    let events = client.events(id(&task));
    let waits = kinds(&events).iter().filter(|kind| **kind == "waiting").count();
    assert_eq!(waits, 2, "each sleep let go of its slot: {:?}", kinds(&events));
    let emitted = of_kind(&events, "emitted");
    assert_eq!(emitted.len(), 1, "it was said once");
    let result = &task["output"]["result"];
    assert_eq!(emitted[0]["data"], result[0], "the last run saw what the first saw");
    assert!(result[1].as_f64() >= Some(800.0), "{result}");
}

#[test]
fn a_sleep_goes_on_after_the_server_was_killed() {
    let server = Server::start_with(&["--warm", "0"]);
    server.operator().upload("javascript", &plugin("javascript")).expect(201);
    let code = "const n = Math.random(); errand.emit('n', n); errand.sleep(3); const result = n";
    let request = json!({"executor": "javascript", "input": {"code": code}});
    let client = server.agent();
    let task = client.submit(&request);
    client.follow(&task, &[]).until_event("waiting");
    let server = Server::start_on(server.kill(), &[]);
    let client = server.agent();
    let ended = client.finish(&task);
    let emitted = of_kind(&client.events(&task), "emitted");
    assert_eq!(emitted.len(), 1, "{ended}");
    assert_eq!(ended["output"]["result"], emitted[0]["data"], "{ended}");
}

#[test]
fn a_checkpoint_goes_on_in_a_fresh_run() {
    let client = shared::agent();
    let code = "
const saved = errand.restored();
const page = saved === null ? 0 : Number(saved.toString());
console.log('page', page);
require('fs').appendFileSync('pages', `${page};`);
if (page < 2) errand.checkpoint(Buffer.from(String(page + 1)));
const result = require('fs').readFileSync('pages', 'utf8');";
    let task = run(&client, code);
    assert_eq!(task["output"]["result"], "0;1;2;", "{task}");
    let events = client.events(id(&task));
    assert_eq!(of_kind(&events, "checkpoint_saved").len(), 2);
    let said: String = of_kind(&events, "log")
        .iter()
        .filter_map(|log| log["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(said, "page 0\npage 1\npage 2\n");
}

#[test]
fn it_starts_tasks_asks_people_and_takes_signals() {
    let client = shared::agent();
    let code = "
const child = {code: `require('fs').writeFileSync('made.txt', errand.input.word.toUpperCase());
                      errand.publish('made.txt'); const result = errand.input.word.length`};
const ids = ['ab', 'cde'].map((word) => errand.spawn('javascript', {...child, word}, {name: word}));
const lengths = errand.gather(ids).map((output) => output.result);
const made = require('fs').readFileSync('/children/cde/artifacts/made.txt', 'utf8');
const failed = errand.spawn('javascript', {code: 'throw new Error(\"no\")'}, {maxAttempts: 1});
let caught;
try { errand.gather([failed]) } catch (error) { caught = [error.name, error.code, error.id === failed] }
const slow = errand.spawn('javascript', {code: 'errand.waitSignal(\"never\")'});
errand.cancel(slow);
const [cancelled] = errand.gather([slow], {onFailure: 'collect'});

require('fs').writeFileSync('plan.txt', 'one\\n');
const id = errand.requestApproval('Go?', {schema: {type: 'object', required: ['n']}, showDiff: true});
const seen = [];
while (seen.length < 2) {
    const left = {signals: ['word'].filter((name) => !seen.includes(name)), approvals: [id].filter((id) => !seen.includes(id))};
    const ready = errand.waitFirst({...left, timeoutS: 600});
    seen.push(...ready.signals, ...ready.approvals);
}
const {approved, values, comment} = errand.decision(id);
const word = errand.pollSignal('word');
const none = errand.pollSignal('word', 'none');
errand.context.update((state) => ({n: (state === null ? 0 : state.n) + values.n}));
const state = errand.context.update((state) => ({n: state.n + 1})).value;
const result = {lengths, made, caught, cancelled: cancelled.code, approved, comment, word, none, state};";
    let request = json!({
        "executor": shared::javascript(), "input": {"code": code},
        "context_id": format!("js-{}", std::process::id()),
    });
    let task = client.submit(&request);
    client.follow(&task, &[]).until_event("approval_requested");
    let approval = format!("/v1/approvals/{task}.1");
    let decide = |body: Value| shared::operator().post(&approval, &body);
    decide(json!({"decision": "approve", "values": {}})).problem(422, "invalid");
    client
        .post(&format!("/v1/tasks/{task}/signals"), &json!({"name": "word", "payload": "w"}))
        .expect(202);
    decide(json!({"decision": "approve", "values": {"n": 4}, "comment": "go"})).expect(200);
    let ended = client.finish(&task);
    let expected = json!({
        "lengths": [2, 3], "made": "CDE", "caught": ["errand.ChildFailed", "executor_failed", true],
        "cancelled": "cancelled", "approved": true, "comment": "go", "word": "w", "none": "none",
        "state": {"n": 5},
    });
    assert_eq!(ended["output"]["result"], expected, "{ended}");
}
