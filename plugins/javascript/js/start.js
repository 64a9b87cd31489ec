// What every program finds, and how its run is driven. `run.rs` calls this with what only the host can do
// (`native`), and drives what it returns. Everything that a program may not need is loaded when it is used.
(function (native) {
"use strict";

const OURS = "errand:";
const loaded = new Map();

// Loads one of the files beside this one.
function load(name) {
    let module = loaded.get(name);
    if (module === undefined) {
        module = { exports: {} };
        loaded.set(name, module);
        native.builtin(name)(module, load, native, control);
    }
    return module.exports;
}

// Values of `import` and `require` by name, without `node:`.
const PUBLIC = new Map(Object.entries({
    "assert": "assert", "assert/strict": "assert", "buffer": "buffer", "console": "console",
    "crypto": "crypto", "errand": "errand", "events": "events", "fs": "fs", "os": "os", "path": "path",
    "path/posix": "path", "process": "process", "readline": "readline", "timers": "timers",
    "url": "url", "util": "util",
}));

function builtin(name) {
    const bare = name.startsWith("node:") ? name.slice(5) : name;
    if (bare === "fs/promises") return load("fs").promises;
    if (bare === "timers/promises") return load("timers").promises;
    if (bare === "readline/promises") return load("readline").promises;
    const file = PUBLIC.get(bare);
    return file === undefined ? undefined : load(file);
}

// --- Stack traces, in the shape that V8 gives them

const main = { filename: "", columns: 0 };

function place(site) {
    const file = site.getFileName();
    if (!file) return "native";
    const line = site.getLineNumber();
    let column = site.getColumnNumber();
    if (line === 1 && file === main.filename) column -= main.columns;
    return `${file.startsWith(OURS) ? "" : file}:${line}:${Math.max(1, column)}`;
}

function heading(error) {
    try {
        const name = error.name === undefined ? "Error" : String(error.name);
        const message = error.message === undefined ? "" : String(error.message);
        return name === "" ? message : message === "" ? name : `${name}: ${message}`;
    } catch {
        return "Error";
    }
}

Error.stackTraceLimit = 10 + 8;
const isOurs = (site) => {
    const file = site.getFileName();
    return typeof file === "string" && file.startsWith(OURS);
};
Error.prepareStackTrace = function prepareStackTrace(error, sites) {
    let text = heading(error);
    // What lies below the program is ours alone, and so is what a call into our parts is made of.
    let end = sites.length;
    while (end > 0 && (isOurs(sites[end - 1]) || sites[end - 1].isNative())) end--;
    let begin = 0;
    while (begin < end && isOurs(sites[begin])) begin++;
    for (let index = begin; index < end; index++) {
        const site = sites[index];
        if (isOurs(site)) continue;
        const name = site.getFunctionName();
        text += name && name[0] !== "<" ? `\n    at ${name} (${place(site)})` : `\n    at ${place(site)}`;
    }
    return text;
};

// --- The event loop: promises' jobs are run by the host, everything else waits here

const timers = new Map();
// By time, the next one first; what is no longer in `timers`, or has another time, is passed over.
const heap = [];
let keeping = 0;
let lastTimer = 0;
let lastEntry = 0;

function schedule(timer) {
    const entry = { timer, due: timer.due, order: ++lastEntry };
    let at = heap.length;
    for (let above; at > 0 && isBefore(entry, heap[(above = (at - 1) >> 1)]); at = above) heap[at] = heap[above];
    heap[at] = entry;
}

function isBefore(a, b) {
    return a.due < b.due || (a.due === b.due && a.order < b.order);
}

function takeFirst() {
    const last = heap.pop();
    if (heap.length === 0) return;
    let at = 0;
    for (let below; (below = 2 * at + 1) < heap.length; at = below) {
        if (below + 1 < heap.length && isBefore(heap[below + 1], heap[below])) below++;
        if (!isBefore(heap[below], last)) break;
        heap[at] = heap[below];
    }
    heap[at] = last;
}

// Returns the timer that is due next.
function firstTimer() {
    while (heap.length > 0) {
        const { timer, due } = heap[0];
        if (timers.get(timer.id) === timer && timer.due === due) return timer;
        takeFirst();
    }
    return null;
}

function removeTimer(id) {
    const timer = timers.get(id);
    if (timer === undefined) return;
    timers.delete(id);
    if (timer.keeps) keeping--;
}

const ready = [];
const sources = [];
const rejected = new Map();

class Timeout {
    constructor(id) { this._id = id; }
    ref() { return this; }
    unref() {
        const timer = timers.get(this._id);
        if (timer && timer.keeps) {
            timer.keeps = false;
            keeping--;
        }
        return this;
    }
    hasRef() { const timer = timers.get(this._id); return timer !== undefined && timer.keeps; }
    refresh() {
        const timer = timers.get(this._id);
        if (timer) {
            timer.due = now() + timer.delay;
            schedule(timer);
        }
        return this;
    }
    close() { removeTimer(this._id); return this; }
    [Symbol.toPrimitive]() { return this._id; }
}

// Milliseconds of the clock, which sleeping moves on.
let slept = 0;
function now() {
    return Math.max(performance.now(), slept);
}

function addTimer(callback, delay, args, repeats) {
    if (typeof callback !== "function") {
        throw new TypeError(`The "callback" argument must be of type function. Received ${callback === null ? "null" : typeof callback}`);
    }
    delay = Number(delay);
    if (!(delay >= 1 && delay <= 2147483647)) delay = 1;
    delay = Math.trunc(delay);
    const timer = { id: ++lastTimer, callback, args, delay, due: now() + delay, repeats, keeps: true };
    timers.set(timer.id, timer);
    keeping++;
    schedule(timer);
    return new Timeout(timer.id);
}

function clearTimer(timer) {
    if (timer instanceof Timeout) removeTimer(timer._id);
    else if (typeof timer === "number" || typeof timer === "string") removeTimer(Number(timer));
    else if (timer && timer.isImmediate) timer.callback = null;
}

function addImmediate(callback, ...args) {
    if (typeof callback !== "function") {
        throw new TypeError('The "callback" argument must be of type function.');
    }
    const immediate = { isImmediate: true, callback, args };
    ready.push(immediate);
    return immediate;
}

const uncaught = [];

const loop = {
    now, addImmediate, clearTimer,
    addTimeout: (callback, delay, ...args) => addTimer(callback, delay, args, false),
    addInterval: (callback, delay, ...args) => addTimer(callback, delay, args, true),
    // A source is a function that waits for something, tells about it, and returns whether more may come.
    addSource(source) { sources.push(source); },
    queue(callback) {
        if (typeof callback !== "function") {
            throw new TypeError('The "callback" argument must be of type function.');
        }
        Promise.resolve().then(() => {
            try {
                callback();
            } catch (error) {
                uncaught.push(error);
            }
        });
    },
};

// Does one thing that waits, and returns whether there was one.
function turn() {
    if (ready.length > 0) {
        const { callback, args } = ready.shift();
        if (callback !== null) callback(...args);
        return true;
    }
    if (keeping === 0 && sources.length === 0) return false;
    const next = firstTimer();
    // Reading may wait for ever, so what is due goes first.
    if (sources.length > 0 && (next === null || next.due > now())) {
        const source = sources.shift();
        if (source()) sources.push(source);
        return true;
    }
    const left = Math.ceil(next.due - now());
    if (left > 0) {
        native.flush();
        control.call("sleep", { ms: left });
        slept = next.due;
    }
    takeFirst();
    if (next.repeats) {
        next.due = now() + next.delay;
        schedule(next);
    } else {
        removeTimer(next.id);
    }
    next.callback(...next.args);
    return true;
}

// --- What our parts share

const control = {
    loop, builtin, load, main,
    // Calls the host; what it refuses becomes an exception of `errand`.
    call(name, args) {
        const answer = JSON.parse(native.call(name, JSON.stringify(args)));
        if (answer.refused === undefined) return answer.ok;
        throw load("errors").refusal(name, answer.refused);
    },
    args: [], input: "{}", exitCode: undefined,
};

// --- CommonJS

const required = new Map();

function makeRequire(from) {
    const require = function require(name) {
        if (typeof name !== "string") throw new TypeError('The "id" argument must be of type string.');
        const own = builtin(name);
        if (own !== undefined) return own;
        return requireFile(resolve(name, from));
    };
    require.resolve = (name) => (builtin(name) !== undefined ? name : resolve(name, from));
    require.cache = {};
    return require;
}

function resolve(name, from) {
    const path = native.resolve(name.toWellFormed(), from, true);
    if (path !== undefined) return path;
    const error = new Error(`Cannot find module '${name}'\nRequire stack:\n- ${from}`);
    error.code = "MODULE_NOT_FOUND";
    throw error;
}

function requireFile(path) {
    let module = required.get(path);
    if (module !== undefined) return module.exports;
    module = { id: path, filename: path, path: path.slice(0, path.lastIndexOf("/")), exports: {}, loaded: false, children: [] };
    required.set(path, module);
    try {
        const source = native.source(path);
        if (path.endsWith(".json")) {
            module.exports = JSON.parse(source);
        } else {
            if (path.endsWith(".mjs")) throw notCommon(path);
            let body;
            try {
                body = native.compile(source, path, false);
            } catch (error) {
                throw /^\s*(import|export)\b/m.test(source) ? notCommon(path) : error;
            }
            const require = makeRequire(path);
            module.require = require;
            body.call(module.exports, module.exports, require, module, path, module.path);
        }
    } catch (error) {
        required.delete(path);
        throw error;
    }
    module.loaded = true;
    return module.exports;
}

function notCommon(path) {
    const error = new Error(`require() of ES Module ${path} is not supported: use import`);
    error.code = "ERR_REQUIRE_ESM";
    return error;
}

// --- Globals

function define(name, value) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

function defineLazily(name, make) {
    Object.defineProperty(globalThis, name, {
        configurable: true,
        enumerable: false,
        get() { const value = make(); define(name, value); return value; },
        set(value) { define(name, value); },
    });
}

define("global", globalThis);
define("setTimeout", function setTimeout(callback, delay, ...args) { return addTimer(callback, delay, args, false); });
define("setInterval", function setInterval(callback, delay, ...args) { return addTimer(callback, delay, args, true); });
define("setImmediate", function setImmediate(callback, ...args) { return addImmediate(callback, ...args); });
define("clearTimeout", function clearTimeout(timer) { clearTimer(timer); });
define("clearInterval", function clearInterval(timer) { clearTimer(timer); });
define("clearImmediate", function clearImmediate(timer) { clearTimer(timer); });
define("queueMicrotask", function queueMicrotask(callback) { loop.queue(callback); });
for (const [name, file] of [
    ["console", "console"], ["errand", "errand"], ["process", "process"], ["Buffer", "buffer"], ["crypto", "crypto"],
]) {
    defineLazily(name, () => (name === "Buffer" ? load(file).Buffer : load(file)));
}
for (const name of ["TextEncoder", "TextDecoder", "structuredClone", "AbortController", "AbortSignal", "Event", "EventTarget"]) {
    defineLazily(name, () => load("web")[name]);
}
for (const name of ["URL", "URLSearchParams"]) defineLazily(name, () => load("url")[name]);
for (const name of ["fetch", "Headers", "Request", "Response"]) defineLazily(name, () => load("fetch")[name]);
Object.defineProperty(Math, "random", {
    value: function random() { return native.random(); }, writable: true, configurable: true, enumerable: false,
});

// --- What the host drives

return {
    // Says what the program is.
    scene(filename, columns, args, input) {
        main.filename = filename;
        main.columns = columns;
        control.args = args;
        control.input = input;
    },
    builtin,
    requireFile,
    // Returns what a program in CommonJS is called with; `reader` is told how to read its `result`.
    surroundings(path, reader) {
        const directory = path.startsWith("/") ? path.slice(0, path.lastIndexOf("/")) : "/workspace";
        const module = { id: ".", filename: path, path: directory, exports: {}, loaded: false, children: [] };
        const require = makeRequire(path.startsWith("/") ? path : "/workspace/<code>");
        require.main = module;
        module.require = require;
        return [module.exports, require, module, path, directory, reader];
    },
    turn,
    // Takes what nobody handled: an array with it, or nothing.
    takeUncaught() {
        if (uncaught.length > 0) return handled("uncaughtException", uncaught.shift());
        for (const [promise, reason] of rejected) {
            rejected.delete(promise);
            return handled("unhandledRejection", reason, promise);
        }
        return undefined;
    },
    // Says that something thrown reached the loop.
    thrown(error) { uncaught.push(error); },
    rejection(promise, reason, isHandled) {
        if (isHandled) rejected.delete(promise);
        else rejected.set(promise, reason);
    },
    // Tells those who wait for the end, and returns the exit code that they set.
    ending(code) {
        const process = loaded.get("process");
        if (process === undefined) return code;
        return process.exports._ending(code);
    },
    report(error) { return load("report").report(error); },
    // Returns the JSON of a result, or a reason why it has none.
    encode(value) { return load("report").encode(value); },
};

function handled(event, error, promise) {
    const process = loaded.get("process");
    if (process !== undefined && process.exports.listenerCount(event) > 0) {
        process.exports.emit(event, error, promise === undefined ? event : promise);
        return [false];
    }
    return [true, error];
}
})
