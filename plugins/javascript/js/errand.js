// The global `errand`: what a program can ask of the task that it runs in.
const { types, refusal } = require("errors");
const {
    text, optionalText, count, optionalCount, milliseconds, optionalMilliseconds, encode, names, options, bytes,
} = require("arguments");
const { ChildFailed, Invalid } = types;

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

function question(call, title, given) {
    const { detail = "", schema, timeoutS, showDiff = false, attachments = [], approvers = [] } =
        options(call, given, ["detail", "schema", "timeoutS", "showDiff", "attachments", "approvers"]);
    return {
        title: text(call, "title", title),
        detail: text(call, "detail", detail),
        schema: schema === undefined || schema === null ? null : encode(call, "schema", schema),
        timeout_ms: optionalMilliseconds(call, "timeoutS", timeoutS),
        show_diff: Boolean(showDiff),
        attachments: names(call, "attachments", attachments),
        approvers: names(call, "approvers", approvers),
    };
}

function decided({ verdict, by, comment, values }) {
    return { approved: verdict === "approved", by, comment, values: parse(values), verdict };
}

function approve(title, given) {
    return decided(control.call("approve", question("approve", title, given)));
}

function requestApproval(title, given) {
    return control.call("request_approval", question("requestApproval", title, given));
}

function decision(id) {
    return decided(control.call("decision", { name: text("decision", "id", id) }));
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
    const failures = outputs.filter((output) => output instanceof ChildFailed);
    // Those that were cancelled for it are not why.
    if (onFailure === "raise" && failures.length > 0) throw failures.find(({ code }) => code !== "cancelled") || failures[0];
    return outputs;
}

function waitAny(ids) {
    const outcome = control.call("wait_any", { ids: names("waitAny", "ids", ids) });
    const output = outputOf(outcome);
    if (output instanceof ChildFailed) throw output;
    return [outcome.id, output];
}

// A child's output, a `ChildFailed` that is not thrown, or null while it is at work.
function outcome(id) {
    const ended = control.call("outcome", { name: text("outcome", "id", id) });
    return ended === null ? null : outputOf(ended);
}

function cancel(id) {
    control.call("cancel", { name: text("cancel", "id", id) });
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

// The payload of a signal that is there already, or what else is given.
function pollSignal(name, otherwise = null) {
    const payload = control.call("poll_signal", { name: text("pollSignal", "name", name) });
    return payload === null ? otherwise : parse(payload);
}

// One wait for several things: which of them are there.
function waitFirst(given) {
    const { children = [], signals = [], approvals = [], timeoutS } =
        options("waitFirst", given, ["children", "signals", "approvals", "timeoutS"]);
    const wanted = {
        children: names("waitFirst", "children", children),
        signals: names("waitFirst", "signals", signals),
        approvals: names("waitFirst", "approvals", approvals),
    };
    const items = Object.entries(wanted).flatMap(([kind, values]) => values.map((name) => ({ kind, name })));
    if (timeoutS !== undefined && timeoutS !== null) {
        items.push({ kind: "timer", ms: milliseconds("waitFirst", "timeoutS", timeoutS) });
    }
    const ready = { children: [], signals: [], approvals: [], timedOut: false };
    for (const index of control.call("wait_first", { items })) {
        const { kind, name } = items[index];
        if (kind === "timer") ready.timedOut = true;
        else ready[kind].push(name);
    }
    return ready;
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
    get taskId() { return control.call("this_task", {}).task_id; },
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
    // Replaces the state by what `change` makes of it, again and again until nobody writes in between.
    update(change) {
        for (;;) {
            const { value, version } = this.get();
            const changed = change(value);
            try {
                return this.set(changed, version);
            } catch (error) {
                // It may be refused for another reason than somebody else's write.
                if (!(error instanceof Invalid) || this.get().version === version) throw error;
            }
        }
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
    progress, log, emit, publish, approve, requestApproval, decision, spawn, gather, waitAny, outcome, cancel,
    sleep, waitSignal, pollSignal, waitFirst, checkpoint, restored, http, context,
    ...types,
};
