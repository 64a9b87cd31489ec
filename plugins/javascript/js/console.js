// The global `console`: what it writes goes to the standard streams at once, by lines.
const { format, inspect, formatWith } = require("inspect");

let indentation = "";
const counts = new Map();
const times = new Map();

function write(descriptor, text) {
    if (indentation !== "") text = indentation + text.replaceAll("\n", `\n${indentation}`);
    native.write(descriptor, `${text}\n`.toWellFormed());
}

const out = (...args) => write(1, args.length === 0 ? "" : formatWith({}, ...args));
const err = (...args) => write(2, args.length === 0 ? "" : formatWith({}, ...args));

function elapsed(label) {
    const began = times.get(String(label));
    if (began === undefined) return undefined;
    const ms = performance.now() - began;
    return `${label}: ${ms >= 1000 ? `${(ms / 1000).toFixed(3)}s` : `${Number(ms.toFixed(3))}ms`}`;
}

function width(text) {
    return [...text].length;
}

function table(data, columns) {
    if (data === null || typeof data !== "object") return out(data);
    const entries = data instanceof Map ? [...data] : data instanceof Set ? [...data].map((item, index) => [index, item]) : Object.entries(data);
    const heads = [];
    let hasPlain = false;
    for (const [, row] of entries) {
        if (row !== null && typeof row === "object") {
            for (const key of Object.keys(row)) if (!heads.includes(key)) heads.push(key);
        } else {
            hasPlain = true;
        }
    }
    const shown = columns === undefined ? heads : columns.map(String);
    const titles = ["(index)", ...shown, ...(hasPlain ? ["Values"] : [])];
    const short = (value) => inspect(value, { depth: 0, compact: 3, breakLength: Infinity });
    const rows = entries.map(([index, row]) => {
        const isObject = row !== null && typeof row === "object";
        const cells = shown.map((key) => (isObject && Object.hasOwn(row, key) ? short(row[key]) : ""));
        return [String(index), ...cells, ...(hasPlain ? [isObject ? "" : short(row)] : [])];
    });
    const widths = titles.map((title, column) => Math.max(width(title), ...rows.map((row) => width(row[column]))) + 2);
    const line = (cells) => `│${cells.map((cell, column) => ` ${cell}${" ".repeat(widths[column] - width(cell) - 1)}`).join("│")}│`;
    const rule = (left, middle, right) => left + widths.map((each) => "─".repeat(each)).join(middle) + right;
    write(1, [rule("┌", "┬", "┐"), line(titles), rule("├", "┼", "┤"), ...rows.map(line), rule("└", "┴", "┘")].join("\n"));
}

const console = {
    log: out, info: out, debug: out, warn: err, error: err,
    trace(...args) {
        const at = { name: "Trace", message: format(...args) };
        Error.captureStackTrace(at);
        const frames = typeof at.stack === "string" ? at.stack.split("\n").filter((line) => line.startsWith("    at")) : [];
        err([`Trace${at.message === "" ? "" : `: ${at.message}`}`, ...frames].join("\n"));
    },
    dir(value, options) { write(1, inspect(value, options)); },
    dirxml: out,
    assert(condition, ...args) {
        if (condition) return;
        if (typeof args[0] === "string") args[0] = `Assertion failed: ${args[0]}`;
        else args.unshift("Assertion failed");
        err(...args);
    },
    group(...args) { if (args.length > 0) out(...args); indentation += "  "; },
    groupCollapsed(...args) { console.group(...args); },
    groupEnd() { indentation = indentation.slice(2); },
    count(label = "default") {
        const count = (counts.get(String(label)) || 0) + 1;
        counts.set(String(label), count);
        out(`${label}: ${count}`);
    },
    countReset(label = "default") { counts.delete(String(label)); },
    time(label = "default") { times.set(String(label), performance.now()); },
    timeLog(label = "default", ...args) { const text = elapsed(label); if (text !== undefined) out(text, ...args); },
    timeEnd(label = "default") { const text = elapsed(label); if (text !== undefined) out(text); times.delete(String(label)); },
    table, clear() {},
};
for (const [name, method] of Object.entries(console)) {
    if (method.name !== name) Object.defineProperty(method, "name", { value: name, configurable: true });
}
module.exports = console;
