// The global `errand`: what a program can ask of the task that it runs in.
const { types, refusal } = require("errors");
const { ChildFailed } = types;

// --- Arguments on their way to the host: checked here, so that a mistake names itself

function typeOf(value) {
    return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}

function text(call, name, value) {
    if (typeof value !== "string") throw new TypeError(`errand.${call}: ${name} must be a string, not ${typeOf(value)}`);
    return value.toWellFormed();
}

function optionalText(call, name, value) {
    return value === undefined || value === null ? null : text(call, name, value);
}

function count(call, name, value) {
    if (typeof value === "bigint") value = Number(value);
    if (typeof value !== "number") throw new TypeError(`errand.${call}: ${name} must be a number, not ${typeOf(value)}`);
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
        throw new RangeError(`errand.${call}: ${name} must be 0 or more and fit into 53 bits: ${value}`);
    }
    return Math.trunc(value);
}

function optionalCount(call, name, value) {
    return value === undefined || value === null ? null : count(call, name, value);
}

function milliseconds(call, name, value) {
    if (typeof value !== "number") throw new TypeError(`errand.${call}: ${name} must be seconds, not ${typeOf(value)}`);
    if (!(value >= 0 && value * 1000 <= Number.MAX_SAFE_INTEGER)) {
        throw new RangeError(`errand.${call}: ${name} must be 0 or more: ${value}`);
    }
    return Math.ceil(value * 1000);
}

function optionalMilliseconds(call, name, value) {
    return value === undefined || value === null ? null : milliseconds(call, name, value);
}

function encode(call, name, value) {
    let encoded;
    try {
        encoded = JSON.stringify(value);
    } catch (error) {
        throw new TypeError(`errand.${call}: ${name} is not a JSON value: ${error.message}`);
    }
    if (encoded === undefined) throw new TypeError(`errand.${call}: ${name} is not a JSON value: ${typeOf(value)}`);
    if (native.hasHalves(encoded)) throw new TypeError(`errand.${call}: ${name} is not a JSON value: half a surrogate pair`);
    return encoded;
}

function names(call, name, value) {
    if (typeof value === "string" || value === null || value === undefined || typeof value[Symbol.iterator] !== "function") {
        throw new TypeError(`errand.${call}: ${name} must be an array of strings, not ${typeOf(value)}`);
    }
    return Array.from(value, (item) => text(call, name, item));
}

function options(call, given, known) {
    if (given === undefined || given === null) return {};
    if (typeof given !== "object") throw new TypeError(`errand.${call}: options must be an object, not ${typeOf(given)}`);
    for (const key of Object.keys(given)) {
        if (!known.includes(key)) throw new TypeError(`errand.${call}: there is no option ${key}; there are ${known.join(", ")}`);
    }
    return given;
}

function bytes(call, name, value) {
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    throw new TypeError(`errand.${call}: ${name} must be bytes (Uint8Array, Buffer, ArrayBuffer), not ${typeOf(value)}`);
}

const parse = (encoded) => (encoded === null || encoded === undefined ? null : JSON.parse(encoded));

// --- What is told to those who watch

const LEVELS = ["debug", "info", "warn", "error"];

function progress(done, total, message) {
    control.call("progress", {
        done: count("progress", "done", done),
        total: optionalCount("progress", "total", total),
        message: optionalText("progress", "message", message),
    });
}

function log(message, level = "info") {
    if (level === "warning") level = "warn";
    if (!LEVELS.includes(level)) throw new RangeError(`errand.log: level must be debug, info, warn or error, not ${String(level)}`);
    control.call("log", { level, message: String(message).toWellFormed() });
}

function emit(kind, data = null) {
    control.call("emit", { kind: text("emit", "kind", kind), data: encode("emit", "data", data) });
}

function publish(path, given) {
    const { mediaType, description } = options("publish", given, ["mediaType", "description"]);
    const absolute = require("path").resolve(text("publish", "path", path));
    if (!absolute.startsWith("/workspace/")) {
        throw new RangeError(`errand.publish: path must be of a file in the workspace: '${path}'`);
    }
    control.call("publish", {
        path: absolute.slice("/workspace/".length),
        media_type: optionalText("publish", "mediaType", mediaType),
        text: optionalText("publish", "description", description),
    });
}

// --- Questions to a person

function approve(title, given) {
    const { detail = "", schema, timeoutS, showDiff = false, attachments = [] } =
        options("approve", given, ["detail", "schema", "timeoutS", "showDiff", "attachments"]);
    const decision = control.call("approve", {
        title: text("approve", "title", title),
        detail: text("approve", "detail", detail),
        schema: schema === undefined || schema === null ? null : encode("approve", "schema", schema),
        timeout_ms: optionalMilliseconds("approve", "timeoutS", timeoutS),
        show_diff: Boolean(showDiff),
        attachments: names("approve", "attachments", attachments),
    });
    return {
        approved: decision.verdict === "approved",
        by: decision.by, comment: decision.comment, values: parse(decision.values), verdict: decision.verdict,
    };
}

// --- Tasks that this task starts

const LIMITS = { fuel: "fuel", memoryBytes: "memory_bytes", timeoutMs: "timeout_ms", workspaceBytes: "workspace_bytes", outputBytes: "output_bytes" };

function limitsOf(given) {
    if (given === undefined || given === null) return null;
    if (typeof given !== "object") throw new TypeError(`errand.spawn: limits must be an object, not ${typeOf(given)}`);
    const limits = { fuel_from_parent: false };
    for (const [key, value] of Object.entries(given)) {
        // As they are spelled here, or as they are in a task request.
        const own = LIMITS[key] || (Object.values(LIMITS).includes(key) ? key : undefined);
        if (own !== undefined) limits[own] = optionalCount("spawn", `limits.${key}`, value);
        else if (key === "fuelFromParent" || key === "fuel_from_parent") limits.fuel_from_parent = Boolean(value);
        else throw new TypeError(`errand.spawn: limits has no ${key}`);
    }
    return limits;
}

function spawn(executor, input, given) {
    const { function: name, workspace = "empty", limits, name: label, maxAttempts } =
        options("spawn", given, ["function", "workspace", "limits", "name", "maxAttempts"]);
    if (!["empty", "start", "fork"].includes(workspace)) {
        throw new RangeError(`errand.spawn: workspace must be empty, start or fork, not ${String(workspace)}`);
    }
    return control.call("spawn", {
        executor: text("spawn", "executor", executor),
        function: optionalText("spawn", "function", name),
        input: encode("spawn", "input", input),
        workspace,
        limits: limitsOf(limits),
        name: optionalText("spawn", "name", label),
        max_attempts: optionalCount("spawn", "maxAttempts", maxAttempts),
    });
}

function outputOf({ id, output, failure }) {
    return failure === null ? parse(output) : new ChildFailed(id, failure.code, failure.message, parse(failure.detail));
}

function gather(ids, given) {
    const { onFailure = "raise" } = options("gather", given, ["onFailure"]);
    if (!["raise", "collect", "ignore"].includes(onFailure)) {
        throw new RangeError(`errand.gather: onFailure must be raise, collect or ignore, not ${String(onFailure)}`);
    }
    const outputs = control.call("gather", { ids: names("gather", "ids", ids), on_failure: onFailure }).map(outputOf);
    const failed = onFailure === "raise" ? outputs.find((output) => output instanceof ChildFailed) : undefined;
    if (failed !== undefined) throw failed;
    return outputs;
}

function waitAny(ids) {
    const outcome = control.call("wait_any", { ids: names("waitAny", "ids", ids) });
    const output = outputOf(outcome);
    if (output instanceof ChildFailed) throw output;
    return [outcome.id, output];
}

// --- Durable waits, and state for the task's own next run

function sleep(seconds) {
    native.flush();
    control.call("sleep", { ms: milliseconds("sleep", "seconds", seconds) });
}

function waitSignal(name, given) {
    const { timeoutS } = options("waitSignal", given, ["timeoutS"]);
    return parse(control.call("wait_signal", {
        name: text("waitSignal", "name", name),
        timeout_ms: optionalMilliseconds("waitSignal", "timeoutS", timeoutS),
    }));
}

function checkpoint(data) {
    native.flush();
    throw refusal("checkpoint", JSON.parse(native.save(bytes("checkpoint", "data", data))));
}

function restored() {
    const data = native.restored();
    return data === undefined ? null : Buffer.from(data.buffer);
}

// --- The conversation

const context = {
    get id() { return control.call("this_task", {}).context_id; },
    get() {
        const state = control.call("context_get", {});
        return { value: parse(state.value), version: state.version };
    },
    set(value, version) {
        const state = control.call("context_set", {
            value: encode("context.set", "value", value), version: text("context.set", "version", version),
        });
        return { value: parse(state.value), version: state.version };
    },
};

// --- HTTP, by the host

class Response {
    constructor(status, headers, body) {
        this.status = status;
        this.headers = headers;
        this.body = body;
    }
    get text() { return this.body.toString("utf8"); }
    json() { return JSON.parse(this.text); }
}

function http(method, url, given) {
    const { headers, body, idempotent = false, timeoutS } =
        options("http", given, ["headers", "body", "idempotent", "timeoutS"]);
    const pairs = headers === undefined || headers === null ? []
        : typeof headers[Symbol.iterator] === "function" ? Array.from(headers) : Object.entries(headers);
    const fields = pairs.map(([name, value]) => [text("http", "header name", name).toLowerCase(), text("http", "header value", String(value))]);
    const has = (wanted) => fields.some(([name]) => name === wanted);
    let data;
    if (typeof body === "string") {
        data = Buffer.from(body);
    } else if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) {
        data = bytes("http", "body", body);
    } else if (body !== undefined && body !== null) {
        data = Buffer.from(encode("http", "body", body));
        if (!has("content-type")) fields.push(["content-type", "application/json"]);
    }
    // Empty, it is the host's to fill: the same each time.
    if (idempotent && !has("idempotency-key")) fields.push(["idempotency-key", ""]);
    const request = JSON.stringify({
        method: text("http", "method", method), url: text("http", "url", String(url)), headers: fields,
        timeout_ms: optionalMilliseconds("http", "timeoutS", timeoutS),
    });
    const [head, answer] = data === undefined ? native.http(request) : native.http(request, data);
    const said = JSON.parse(head);
    if (said.refused !== undefined) throw refusal("http", said.refused);
    const joined = {};
    for (const [name, value] of said.headers) joined[name] = name in joined ? `${joined[name]}, ${value}` : value;
    return new Response(said.status, joined, Buffer.from(answer.buffer));
}

let input;
module.exports = {
    get input() { return input === undefined ? (input = JSON.parse(control.input)) : input; },
    set input(value) { input = value; },
    progress, log, emit, publish, approve, spawn, gather, waitAny, sleep, waitSignal, checkpoint, restored, http,
    context,
    ...types,
};
