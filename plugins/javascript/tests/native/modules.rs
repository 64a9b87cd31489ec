//! `import` and `require`.

use serde_json::json;

use crate::world::World;

#[test]
fn files_of_the_workspace_are_imported_and_required() {
    let world = World::new()
        .file("lib/a.mjs", "import { b } from './b.js'; export const a = b + 1; export default import.meta.filename;")
        .file("lib/b.js", "export const b = 1;")
        .file("lib/c.js", "const d = require('./d'); exports.c = d.d * 2; exports.here = __dirname;")
        .file("lib/d.cjs", "module.exports = { d: 21 };")
        .file("data.json", "{\"j\": [1]}")
        .file("program.js", "
import where, { a } from './lib/a.mjs';
import common, { c } from './lib/c.js';
import data from './data.json' with { type: 'json' };
import fs, { existsSync } from 'node:fs';
import * as path from 'path';
import errand, { Denied } from 'errand';
const late = await import('./lib/b.js');
const result = [where, a, c, common.here, data.j, existsSync === fs.existsSync, path.sep, errand.Denied === Denied, late.b];");
    let output = world.run(&json!({"file": "program.js"})).expect("it runs");
    let expected =
        json!(["/workspace/lib/a.mjs", 2, 42, "/workspace/lib", [1], true, "/", true, 1]);
    assert_eq!(output["result"], expected);
    let code = "const result = [require('./lib/c').c, require('./data').j, require('fs') === require('node:fs'), (await import('./lib/a.mjs')).a]";
    assert_eq!(world.result(code), json!([42, [1], true, 2]));
}

#[test]
fn packages_in_the_workspace_are_found() {
    let world = World::new()
        .file("node_modules/plain/index.js", "module.exports = 'plain'")
        .file("node_modules/main/package.json", "{\"main\": \"lib/x\"}")
        .file("node_modules/main/lib/x.js", "module.exports = require('plain') + ' main'")
        .file("node_modules/@s/both/package.json", "{\"exports\": {\".\": {\"import\": \"./m.mjs\", \"require\": \"./c.cjs\"}, \"./sub\": \"./deep/s.js\"}}")
        .file("node_modules/@s/both/m.mjs", "export default 'module'")
        .file("node_modules/@s/both/c.cjs", "module.exports = 'common'")
        .file("node_modules/@s/both/deep/s.js", "module.exports = 'sub'")
        .file("src/p.js", "const result = [require('main'), require('@s/both'), (await import('@s/both')).default, require('@s/both/sub')]");
    let output = world.run(&json!({"file": "src/p.js"})).expect("it runs");
    assert_eq!(output["result"], json!(["plain main", "common", "module", "sub"]));
}

#[test]
fn modules_that_need_each_other_end() {
    let world = World::new()
        .file("a.js", "exports.early = 1; const b = require('./b'); exports.b = b.seen;")
        .file("b.js", "exports.seen = Object.keys(require('./a'));")
        .file(
            "x.mjs",
            "import { y } from './y.mjs'; export const x = 1; export const z = () => y();",
        )
        .file("y.mjs", "import { x } from './x.mjs'; export const y = () => x + 1;");
    let code =
        "import { z } from './x.mjs'; import { createRequire } from 'fs'; const result = z()";
    let failure = world.failure(code);
    assert!(failure.message.contains("createRequire"), "{}", failure.message);
    assert_eq!(world.result("import { z } from './x.mjs'; const result = z()"), 2);
    assert_eq!(world.result("const result = require('./a').b"), json!(["early"]));
}

#[test]
fn a_mistake_in_a_module_names_its_file() {
    let world = World::new()
        .file("bad.js", "let x = = 1")
        .file("throws.js", "\n\nmodule.exports = undefined.x");
    for (code, part) in [
        ("require('./bad')", "/workspace/bad.js:1"),
        ("import './bad.js'", "/workspace/bad.js:1"),
        ("require('./throws')", "/workspace/throws.js:3"),
        ("import './throws.js'", "/workspace/throws.js:3"),
    ] {
        let detail = world.failure(code).detail.expect("it has one");
        let traceback = detail["traceback"].as_str().expect("it is text");
        assert!(traceback.contains(part), "{code}: {traceback}");
    }
}
