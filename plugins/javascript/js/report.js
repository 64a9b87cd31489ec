// What is said of a program's end: the exception that nobody handled, and its `result`.
const { inspect } = require("inspect");

const MAX_CHARACTERS = 64 * 1024;

// The line where it happened, as Node shows it above the stack.
function excerpt(stack) {
    const found = /^ {4}at (?:.*\()?(\/.*|<code>):(\d+):(\d+)\)?$/m.exec(stack);
    if (found === null) return "";
    const [, file, line, column] = found;
    let text;
    try {
        text = native.source(file).split("\n")[line - 1];
    } catch {
        return "";
    }
    if (text === undefined || text.length > 400) return `${file}:${line}\n\n`;
    // Where QuickJS knows the line alone, it says 1.
    if (column === "1") return `${file}:${line}\n${text}\n\n`;
    const before = text.slice(0, column - 1).replace(/[^\t]/g, " ");
    return `${file}:${line}\n${text}\n${before}^\n\n`;
}

function typeOf(error) {
    if (error === null) return "null";
    if (typeof error !== "object" && typeof error !== "function") return typeof error;
    if (typeof error.name === "string" && error.name !== "" && error instanceof Error) {
        const own = error.constructor && error.constructor.name;
        return error.name === "Error" && own ? own : error.name;
    }
    return (error.constructor && error.constructor.name) || "Object";
}

function report(error) {
    const isError = error instanceof Error;
    let shown;
    try {
        shown = isError ? inspect(error) : `Uncaught ${inspect(error)}`;
    } catch {
        shown = "Uncaught exception that can't be shown";
    }
    const stack = isError && typeof error.stack === "string" ? error.stack : "";
    let traceback = `${excerpt(stack)}${shown}\n`;
    if (traceback.length > MAX_CHARACTERS) {
        const half = MAX_CHARACTERS / 2;
        traceback = `${traceback.slice(0, half)}\n[${traceback.length - 2 * half} characters left out]\n${traceback.slice(-half)}`;
    }
    let message = "";
    try {
        message = isError ? String(error.message) : inspect(error, { depth: 1 });
    } catch {}
    const type = typeOf(error);
    const { Retry } = require("errors").types;
    return JSON.stringify({
        type, message: message === "" ? type : `${type}: ${message}`, traceback, retry: error instanceof Retry,
    }).toWellFormed().replace(/\\ud[89a-f][0-9a-f]{2}/gi, "\ufffd");
}

function encode(value) {
    if (value === undefined || value === null) return ["null", "null", ""];
    const type = typeof value === "object" ? (value.constructor && value.constructor.name) || "Object" : typeof value;
    try {
        const json = JSON.stringify(value);
        if (json !== undefined) return [json, type, ""];
        return [null, type, `${type} is no JSON`];
    } catch (error) {
        return [null, type, String(error && error.message)];
    }
}

module.exports = { report, encode };
