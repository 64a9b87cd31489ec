//! What programs expect of Node.

use serde_json::json;

use crate::world::World;

#[test]
fn values_are_printed_as_node_prints_them() {
    // Each pair was printed by Node.
    for (code, expected) in [
        (
            "console.log('a', 1, -0, 2n, null, undefined, Symbol('s'))",
            "a 1 -0 2n null undefined Symbol(s)",
        ),
        (
            "console.log({a: 1, 'b-c': 'x', d: [1, [2]], e: {f: {g: {}}}})",
            "{ a: 1, 'b-c': 'x', d: [ 1, [ 2 ] ], e: { f: { g: {} } } }",
        ),
        ("console.log({a: {b: {c: {d: 1}}}})", "{ a: { b: { c: [Object] } } }"),
        (
            "console.log([,1], [undefined], 'x', ['x'], \"it's\", [\"it's\"])",
            "[ <1 empty item>, 1 ] [ undefined ] x [ 'x' ] it's [ \"it's\" ]",
        ),
        (
            "console.log(new Map([['k', {v: 1}]]), new Set([1]), [function f() {}, class A {}, () => 1])",
            "Map(1) { 'k' => { v: 1 } } Set(1) { 1 } [ [Function: f], [class A], [Function (anonymous)] ]",
        ),
        (
            "console.log([...'abcdefghij'])",
            "[\n  'a', 'b', 'c', 'd',\n  'e', 'f', 'g', 'h',\n  'i', 'j'\n]",
        ),
        (
            "console.log(Array.from({length: 10}, (_, i) => i * 100))",
            "[\n    0, 100, 200, 300,\n  400, 500, 600, 700,\n  800, 900\n]",
        ),
        ("const o = {n: 1}; o.o = o; console.log(o)", "<ref *1> { n: 1, o: [Circular *1] }"),
        (
            "class P { x = 1; get y() { return 2 } } console.log(new P(), Object.create(null))",
            "P { x: 1 } [Object: null prototype] {}",
        ),
        ("console.log('%s is %d%% of %j', 'x', 5, {a: 1}, 'more')", "x is 5% of {\"a\":1} more"),
        (
            "console.log(new Date(0), /r/g, Buffer.from('hi'), new Uint8Array(2))",
            "1970-01-01T00:00:00.000Z /r/g <Buffer 68 69> Uint8Array(2) [ 0, 0 ]",
        ),
        (
            "console.log(Promise.resolve(1), new Promise(() => {}))",
            "Promise { 1 } Promise { <pending> }",
        ),
        (
            "console.group('g'); console.log('a\\nb'); console.groupEnd(); console.log('c')",
            "g\n  a\n  b\nc",
        ),
        (
            "console.table([{a: 1}, {a: 'x'}])",
            "┌─────────┬─────┐\n│ (index) │ a   │\n├─────────┼─────┤\n│ 0       │ 1   │\n│ 1       │ 'x' │\n└─────────┴─────┘",
        ),
    ] {
        assert_eq!(World::new().printed(code), format!("{expected}\n"), "{code}");
    }
}

#[test]
fn an_error_is_printed_with_its_stack_and_what_it_holds() {
    let out = World::new().printed(
        "const e = Object.assign(new TypeError('t', {cause: new Error('why')}), {code: 'E_X'}); console.log(e); console.log(e.stack)",
    );
    for part in ["TypeError: t\n    at <code>:1:", "code: 'E_X'", "[cause]: Error: why\n"] {
        assert!(out.contains(part), "{part:?} is not in: {out}");
    }
}

#[test]
fn files_are_read_written_and_listed() {
    let world = World::new().file("in.txt", "line 1\nline 2\n");
    let code = "
const fs = require('fs'), path = require('path');
const log = [];
fs.mkdirSync('a/b', {recursive: true});
fs.writeFileSync(path.join('a', 'b', 'f.txt'), 'one');
fs.appendFileSync('a/b/f.txt', Buffer.from(' two'));
log.push(fs.readFileSync('a/b/f.txt', 'utf8'), fs.statSync('a/b/f.txt').size, fs.statSync('a').isDirectory());
log.push(fs.readdirSync('.'), fs.readdirSync('a', {recursive: true}), fs.readdirSync('a', {withFileTypes: true}).map((e) => [e.name, e.isDirectory()]));
fs.renameSync('a/b/f.txt', 'moved'); fs.copyFileSync('moved', 'copy'); fs.unlinkSync('moved');
log.push(fs.existsSync('moved'), fs.existsSync('copy'), await fs.promises.readFile('copy', 'utf8'));
fs.rmSync('a', {recursive: true}); fs.rmSync('nothing', {force: true});
const out = fs.createWriteStream('stream'); out.write('x'); await new Promise((done) => out.end('y', done));
log.push(fs.readFileSync('stream', 'utf8'));
let lines = 0;
for await (const line of require('readline').createInterface({input: fs.createReadStream('in.txt')})) lines += line.length;
log.push(lines);
await new Promise((done) => fs.readFile('in.txt', 'utf8', (error, text) => { log.push(error, text.length); done() }));
const result = log;";
    let expected = json!([
        "one two",
        7,
        true,
        ["a", "in.txt"],
        ["b", "b/f.txt"],
        [["b", true]],
        false,
        true,
        "one two",
        "xy",
        12,
        null,
        14,
    ]);
    assert_eq!(world.result(code), expected);
}

#[test]
fn what_files_refuse_has_nodes_codes() {
    let world = World::new().file("d/f", "");
    let code = "
const fs = require('fs');
const codes = {};
for (const [name, work] of Object.entries({
    missing: () => fs.readFileSync('no'), exists: () => fs.mkdirSync('d'), full: () => fs.rmdirSync('d'),
    directory: () => fs.rmSync('d'), under: () => fs.readFileSync('d/f/g'), exclusive: () => fs.writeFileSync('d/f', '', {flag: 'wx'}),
    outside: () => fs.readFileSync('/etc/passwd'), type: () => fs.readFileSync(undefined), data: () => fs.writeFileSync('x', 1),
})) {
    try { work(); codes[name] = 'done' } catch (error) { codes[name] = error.code }
}
try { fs.readFileSync('no') } catch (error) { codes.text = error.message }
const result = codes;";
    let expected = json!({
        "missing": "ENOENT", "exists": "EEXIST", "full": "ENOTEMPTY", "directory": "EISDIR",
        "under": "ENOTDIR", "exclusive": "EEXIST", "outside": "ENOENT",
        "type": "ERR_INVALID_ARG_TYPE", "data": "ERR_INVALID_ARG_TYPE",
        "text": "ENOENT: no such file or directory, open 'no'",
    });
    assert_eq!(world.result(code), expected);
}

#[test]
fn standard_input_is_read_in_every_usual_way() {
    let input = |code: &str| json!({"code": code, "stdin": "a\nb\nc"});
    for code in [
        "result = require('fs').readFileSync(0, 'utf8').split('\\n')",
        "result = require('fs').readFileSync('/dev/stdin').toString().split('\\n')",
        "result = []; for await (const line of require('readline').createInterface({input: process.stdin})) result.push(line)",
        "let text = ''; process.stdin.setEncoding('utf8'); process.stdin.on('data', (piece) => text += piece); process.stdin.on('end', () => { result = text.split('\\n') })",
        "let text = ''; for await (const piece of process.stdin) text += piece; result = text.split('\\n')",
        "result = []; require('readline').createInterface({input: process.stdin}).on('line', (line) => result.push(line))",
        "const lines = require('readline/promises').createInterface({input: process.stdin}); result = [await lines.question(''), await lines.question(''), await lines.question('')]",
    ] {
        let output =
            World::new().run(&input(code)).unwrap_or_else(|failure| panic!("{code}: {failure:?}"));
        assert_eq!(output["result"], json!(["a", "b", "c"]), "{code}");
    }
    let world = World::new();
    world.stdin.borrow_mut().extend(b"inherited");
    assert_eq!(world.result("result = require('fs').readFileSync(0, 'utf8')"), "inherited");
}

#[test]
fn text_and_bytes_are_turned_into_each_other() {
    let code = r#"
const b = Buffer.from('héllo');
const u = new URL('https://u:p@ex.com:8080/a/b?x=1#h');
u.searchParams.append('q', 'a b&c'); u.pathname = '/z';
const result = [
    b.toString('hex'), b.toString('base64'), Buffer.from('aGk', 'base64').toString(), Buffer.concat([b, Buffer.from([33])]).length,
    new TextDecoder().decode(new TextEncoder().encode('é🦀')), btoa('x'), atob('eA=='), u.href, u.port,
    structuredClone({d: new Date(0), m: new Map([[1, {x: 1}]])}).m.get(1).x,
    require('util').format('%s', 'f'), require('path').resolve('a', '..', 'b'), process.env.GRANTED, '\ud800'.toWellFormed(),
];"#;
    let expected = json!([
        "68c3a96c6c6f",
        "aMOpbGxv",
        "hi",
        7,
        "é🦀",
        "eA==",
        "x",
        "https://u:p@ex.com:8080/z?x=1&q=a+b%26c#h",
        "8080",
        1,
        "f",
        "/workspace/b",
        "yes",
        "\u{fffd}",
    ]);
    assert_eq!(World::new().result(code), expected);
}

#[test]
fn assertions_throw() {
    let code = "
const assert = require('assert');
assert(true); assert.deepStrictEqual({a: [1, new Map([[1, 2]])]}, {a: [1, new Map([[1, 2]])]}); assert.throws(() => { throw new TypeError('x') }, TypeError);
const names = [];
for (const work of [() => assert(0), () => assert.strictEqual(1, 2), () => assert.deepEqual({a: 1}, {a: 2}), () => assert.throws(() => {})]) {
    try { work() } catch (error) { names.push(error.code) }
}
const result = names;";
    assert_eq!(World::new().result(code), json!(vec!["ERR_ASSERTION"; 4]));
}
