// Values as text for people, in Node's shape: `inspect` and `format`.
const LINE = 80;
const MAX_ITEMS = 100;
const MAX_TEXT = 10000;

const own = Object.prototype.hasOwnProperty;
const custom = Symbol.for("nodejs.util.inspect.custom");
const tagOf = (value) => Object.prototype.toString.call(value).slice(8, -1);

function inspect(value, options) {
    const given = typeof options === "object" && options !== null ? options : {};
    const state = {
        depth: given.depth === undefined ? 2 : given.depth === null ? Infinity : given.depth,
        compact: given.compact === undefined ? 3 : given.compact,
        breakLength: given.breakLength === undefined ? LINE : given.breakLength,
        showHidden: Boolean(given.showHidden),
        sorted: Boolean(given.sorted),
        maxArrayLength: given.maxArrayLength === undefined ? MAX_ITEMS : given.maxArrayLength === null ? Infinity : given.maxArrayLength,
        maxStringLength: given.maxStringLength === undefined ? MAX_TEXT : given.maxStringLength === null ? Infinity : given.maxStringLength,
        seen: [], circular: new Map(), level: 0, deepest: 0, indentation: 0, given,
    };
    return show(state, value, false);
}

function quote(text) {
    const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes("`") && !text.includes("${") ? "`" : "'";
    let quoted = mark;
    for (const letter of text) {
        const code = letter.codePointAt(0);
        if (letter === mark || letter === "\\") quoted += "\\" + letter;
        else if (letter === "\n") quoted += "\\n";
        else if (letter === "\r") quoted += "\\r";
        else if (letter === "\t") quoted += "\\t";
        else if (letter === "\b") quoted += "\\b";
        else if (letter === "\f") quoted += "\\f";
        else if (letter === "\v") quoted += "\\v";
        else if (code < 32 || (code >= 127 && code < 160)) quoted += "\\x" + code.toString(16).toUpperCase().padStart(2, "0");
        else if (code >= 0xd800 && code < 0xe000) quoted += "\\u" + code.toString(16).toUpperCase();
        else quoted += letter;
    }
    return quoted + mark;
}

function showText(state, text) {
    let more = "";
    if (text.length > state.maxStringLength) {
        const left = text.length - state.maxStringLength;
        text = text.slice(0, state.maxStringLength);
        more = `... ${left} more character${left > 1 ? "s" : ""}`;
    }
    if (state.level > 0 && text.length > 16 && text.length > state.breakLength - state.indentation - 4 && text.includes("\n")) {
        return text.split(/(?<=\n)/).map(quote).join(` +\n${" ".repeat(state.indentation + 2)}`) + more;
    }
    return quote(text) + more;
}

function showNumber(value) {
    return Object.is(value, -0) ? "-0" : String(value);
}

function show(state, value, isTyped) {
    switch (typeof value) {
        case "string": return showText(state, value);
        case "number": return showNumber(value);
        case "bigint": return `${value}n`;
        case "undefined": return "undefined";
        case "boolean": return String(value);
        case "symbol": return value.toString();
    }
    if (value === null) return "null";
    const custom_ = value[custom];
    if (typeof custom_ === "function" && custom_ !== inspect) {
        const depth = state.depth === Infinity ? null : state.depth - state.level;
        const shown = custom_.call(value, depth, { ...state.given, stylize: (text) => String(text) }, inspect);
        if (shown !== value) return typeof shown === "string" ? shown.replaceAll("\n", `\n${" ".repeat(state.indentation)}`) : show(state, shown, isTyped);
    }
    if (state.seen.includes(value)) {
        if (!state.circular.has(value)) state.circular.set(value, state.circular.size + 1);
        return `[Circular *${state.circular.get(value)}]`;
    }
    return showObject(state, value);
}

function constructorName(value) {
    for (let object = value; object !== null; object = Object.getPrototypeOf(object)) {
        const descriptor = Object.getOwnPropertyDescriptor(object, "constructor");
        if (descriptor !== undefined && typeof descriptor.value === "function" && descriptor.value.name !== "") return descriptor.value.name;
    }
    return null;
}

function prefix(name, tag, fallback, size = "") {
    let text = name === null ? `[${fallback}${size}: null prototype] ` : `${name}${size} `;
    if (tag !== "" && tag !== name) text += `[${tag}] `;
    return text;
}

function keysOf(state, value, isIndexed) {
    let keys = state.showHidden ? Object.getOwnPropertyNames(value) : Object.keys(value);
    if (isIndexed) keys = keys.filter((key) => !/^(0|[1-9][0-9]*)$/.test(key) && !(key === "length"));
    const symbols = Object.getOwnPropertySymbols(value);
    for (const symbol of symbols) {
        if (state.showHidden || Object.prototype.propertyIsEnumerable.call(value, symbol)) keys.push(symbol);
    }
    if (state.sorted) keys.sort((a, b) => (String(a) < String(b) ? -1 : 1));
    return keys;
}

function showObject(state, value) {
    const name = constructorName(value);
    let tag = value[Symbol.toStringTag];
    if (typeof tag !== "string" || (tag !== "" && own.call(value, Symbol.toStringTag) === false && tag === name)) tag = typeof tag === "string" && tag !== name ? tag : "";
    const kind = tagOf(value);
    let base = "";
    let braces = ["{", "}"];
    let entries = null;
    let keys;
    let isList = false;

    if (Array.isArray(value)) {
        keys = keysOf(state, value, true);
        const head = name === "Array" && tag === "" ? "" : prefix(name, tag, "Array", `(${value.length})`);
        braces = [`${head}[`, "]"];
        if (value.length === 0 && keys.length === 0) return `${braces[0]}]`;
        isList = true;
        entries = () => showItems(state, value);
    } else if (value instanceof Set && kind === "Set") {
        keys = keysOf(state, value, false);
        braces[0] = `${prefix(name, tag, "Set", `(${value.size})`)}{`;
        if (value.size === 0 && keys.length === 0) return `${braces[0]}}`;
        entries = () => nested(state, () => limited(state, [...value].map((item) => () => show(state, item, false))));
    } else if (value instanceof Map && kind === "Map") {
        keys = keysOf(state, value, false);
        braces[0] = `${prefix(name, tag, "Map", `(${value.size})`)}{`;
        if (value.size === 0 && keys.length === 0) return `${braces[0]}}`;
        entries = () => nested(state, () => limited(state, [...value].map(([key, item]) => () => `${show(state, key, false)} => ${show(state, item, false)}`)));
    } else if (ArrayBuffer.isView(value) && kind !== "DataView") {
        keys = keysOf(state, value, true);
        braces = [`${prefix(name, tag, kind, `(${value.length})`)}[`, "]"];
        if (value.length === 0 && keys.length === 0) return `${braces[0]}]`;
        isList = true;
        entries = () => limited(state, Array.from(value.subarray ? value.subarray(0, MAX_ITEMS + 1) : value, (item) => () => (typeof item === "bigint" ? `${item}n` : showNumber(item))), value.length);
    } else {
        keys = keysOf(state, value, kind === "String");
        if (kind === "Arguments") {
            braces = ["[Arguments] [", "]"];
            keys = keysOf(state, value, true);
            isList = true;
            entries = () => showItems(state, Array.from(value));
        } else if (typeof value === "function") {
            base = showFunction(value, name, tag);
            if (keys.length === 0) return base;
        } else if (value instanceof Error || kind === "Error") {
            base = showError(state, value, keys);
            keys = keys.filter((key) => !["stack", "message", "name"].includes(key) || !base.includes(String(value[key])));
            if (own.call(value, "cause") && !keys.includes("cause")) keys.push("cause");
            if (Array.isArray(value.errors) && own.call(value, "errors") && !keys.includes("errors")) keys.push("errors");
            if (keys.length === 0) return base;
        } else if (kind === "RegExp") {
            base = RegExp.prototype.toString.call(value);
            if (keys.length === 0 || state.level > state.depth) return base;
        } else if (kind === "Date" && value instanceof Date) {
            base = Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
            if (keys.length === 0) return base;
        } else if (value instanceof Promise) {
            braces[0] = `${prefix(name, tag, "Promise")}{`;
            entries = () => [promiseState(state, value)];
        } else if (value instanceof WeakMap || value instanceof WeakSet) {
            braces[0] = `${prefix(name, tag, kind)}{`;
            entries = () => ["<items unknown>"];
        } else if (value instanceof ArrayBuffer || kind === "DataView") {
            braces[0] = `${prefix(name, tag, kind)}{`;
            entries = () => kind === "DataView" ? [`byteLength: ${value.byteLength}`, `byteOffset: ${value.byteOffset}`]
                : [`[Uint8Contents]: <${Array.from(new Uint8Array(value, 0, Math.min(50, value.byteLength)), (byte) => byte.toString(16).padStart(2, "0")).join(" ")}${value.byteLength > 50 ? ` ... ${value.byteLength - 50} more bytes` : ""}>`, `byteLength: ${value.byteLength}`];
        } else if (value instanceof Number || value instanceof String || value instanceof Boolean) {
            const plain = value.valueOf();
            base = `[${name || kind}: ${typeof plain === "string" ? quote(plain) : showNumber(plain)}]`;
            if (keys.length === 0) return base;
        } else if (kind === "Module" || tag === "Module") {
            braces[0] = "[Module: null prototype] {";
        } else if (kind.endsWith("Iterator") && typeof value.next === "function" && keys.length === 0) {
            return `Object [${kind}] {}`;
        } else {
            if (name === "Object" && tag === "") {
                if (keys.length === 0) return "{}";
            } else {
                braces[0] = `${prefix(name, tag, "Object")}{`;
                if (keys.length === 0) return `${braces[0]}}`;
            }
        }
    }
    if (state.level > state.depth) {
        const label = name === null ? `[${kind}: null prototype]` : Array.isArray(value) ? "[Array]" : `[${name === "Object" && tag !== "" ? `Object <${tag}>` : name}]`;
        return label;
    }
    state.seen.push(value);
    state.deepest = state.level;
    state.level++;
    let output = entries === null ? [] : entries();
    for (const key of keys) output.push(showProperty(state, value, key, isList));
    state.level--;
    state.seen.pop();
    const circular = state.circular.get(value);
    if (circular !== undefined) {
        const mark = `<ref *${circular}> `;
        if (base !== "") base = mark + base;
        else braces[0] = mark + braces[0];
    }
    return join(state, output, base, braces, isList ? value : null);
}

function nested(state, make) {
    state.indentation += 2;
    const made = make();
    state.indentation -= 2;
    return made;
}

function limited(state, makers, total = makers.length) {
    const shown = makers.slice(0, state.maxArrayLength).map((make) => make());
    const left = total - shown.length;
    if (left > 0) shown.push(`... ${left} more item${left > 1 ? "s" : ""}`);
    return shown;
}

function showItems(state, array) {
    const output = [];
    const length = Math.min(state.maxArrayLength, array.length);
    let index = 0;
    while (index < array.length && output.length < length) {
        if (!own.call(array, index)) {
            let end = index;
            while (end < array.length && !own.call(array, end)) end++;
            output.push(`<${end - index} empty item${end - index > 1 ? "s" : ""}>`);
            index = end;
            continue;
        }
        output.push(nested(state, () => show(state, array[index], false)));
        index++;
    }
    const left = array.length - index;
    if (left > 0) output.push(`... ${left} more item${left > 1 ? "s" : ""}`);
    return output;
}

function promiseState(state, promise) {
    const known = native.promise(promise);
    if (known.length === 1) return "<pending>";
    const text = nested(state, () => show(state, known[1], false));
    return known[0] ? text : `<rejected> ${text}`;
}

function showFunction(value, name, tag) {
    const source = Function.prototype.toString.call(value);
    if (source.startsWith("class") && source.endsWith("}")) {
        let text = `[class ${own.call(value, "name") && value.name !== "" ? value.name : "(anonymous)"}`;
        const parent = Object.getPrototypeOf(value);
        if (parent !== null && typeof parent === "function" && parent.name) text += ` extends ${parent.name}`;
        return `${text}]`;
    }
    const kind = tagOf(value);
    let text = `[${kind === "Function" ? "Function" : kind}`;
    if (name === null) text += " (null prototype)";
    text += value.name === "" || typeof value.name !== "string" ? " (anonymous)]" : `: ${value.name}]`;
    if (tag !== "" && tag !== kind) text += ` [${tag}]`;
    return text;
}

function showError(state, error, keys) {
    let name = error.name === undefined || error.name === null ? "Error" : String(error.name);
    let message = "";
    try { message = error.message === undefined ? "" : String(error.message); } catch {}
    let stack = typeof error.stack === "string" && error.stack !== "" ? error.stack : message === "" ? name : `${name}: ${message}`;
    // What was named after it was made is named here.
    const type = constructorName(error);
    if (name === "Error" && type !== null && type !== "Error" && stack.startsWith("Error")) {
        stack = type + stack.slice("Error".length);
    } else if (!stack.includes(name) && /^[A-Za-z]*Error/.test(stack)) {
        stack = stack.replace(/^[A-Za-z]*Error/, name);
    }
    if (!stack.includes("\n    at")) {
        return `[${stack}]`;
    }
    if (state.indentation > 0) stack = stack.replaceAll("\n", `\n${" ".repeat(state.indentation)}`);
    return stack;
}

function showProperty(state, object, key, isList) {
    const descriptor = Object.getOwnPropertyDescriptor(object, key) || { value: object[key], enumerable: true };
    let text;
    if (descriptor.get !== undefined) text = descriptor.set !== undefined ? "[Getter/Setter]" : "[Getter]";
    else if (descriptor.set !== undefined) text = "[Setter]";
    else text = nested(state, () => show(state, descriptor.value, false));
    let name;
    if (typeof key === "symbol") name = `[${key.toString()}]`;
    else if (/^[a-zA-Z_][a-zA-Z_0-9]*$/.test(key)) name = key;
    else name = quote(key);
    if (descriptor.enumerable === false) name = `[${typeof key === "symbol" ? key.toString() : key}]`;
    return `${name}: ${text}`;
}

// Puts entries on one line where they fit, and below each other where they don't.
function join(state, output, base, braces, array) {
    const entries = output.length;
    const { indentation } = state;
    if (array !== null && entries > 6 && state.compact >= 1) output = grouped(state, output, array);
    if (state.deepest - state.level < state.compact && entries === output.length) {
        const start = output.length + indentation + braces[0].length + base.length + 10;
        const length = output.reduce((sum, text) => sum + text.length, output.length + start);
        if (length <= state.breakLength && !base.includes("\n")) {
            const joined = output.join(", ");
            if (!joined.includes("\n")) return `${base !== "" ? `${base} ` : ""}${braces[0]} ${joined} ${braces[1]}`;
        }
    }
    const indent = `\n${" ".repeat(indentation)}`;
    return `${base !== "" ? `${base} ` : ""}${braces[0]}${indent}  ${output.join(`,${indent}  `)}${indent}${braces[1]}`;
}

// Puts many short items into columns.
function grouped(state, output, array) {
    const hasMore = output.at(-1).startsWith("... ") && output.length > state.maxArrayLength;
    const items = hasMore ? output.length - 1 : output.length;
    const lengths = output.slice(0, items).map((text) => text.length);
    const longest = Math.max(...lengths);
    const total = lengths.reduce((sum, length) => sum + length + 2, 0);
    const wide = longest + 2;
    if (wide * 3 + state.indentation >= state.breakLength || !(total / wide > 5 || longest <= 6)) return output;
    // About as high as wide, where a letter is two and a half times as high as wide.
    const biased = Math.max(wide - 3 - Math.sqrt(wide - total / output.length), 1);
    const columns = Math.min(
        Math.round(Math.sqrt(2.5 * biased * items) / biased),
        Math.floor((state.breakLength - state.indentation) / wide), state.compact * 4, 15,
    );
    if (columns <= 1) return output;
    const widths = [];
    for (let column = 0; column < columns; column++) {
        let width = 0;
        for (let index = column; index < items; index += columns) width = Math.max(width, lengths[index]);
        widths.push(width + 2);
    }
    let isNumeric = true;
    for (let index = 0; index < output.length && isNumeric; index++) {
        isNumeric = typeof array[index] === "number" || typeof array[index] === "bigint";
    }
    const rows = [];
    for (let begin = 0; begin < items; begin += columns) {
        const end = Math.min(begin + columns, items);
        let row = "";
        for (let index = begin; index < end; index++) {
            const isLast = index === end - 1;
            const cell = isLast ? output[index] : `${output[index]}, `;
            const width = widths[index - begin];
            if (isNumeric) row += cell.padStart(isLast ? width - 2 : width);
            else row += isLast ? cell : cell.padEnd(width);
        }
        rows.push(row);
    }
    if (hasMore) rows.push(output[items]);
    return rows;
}

function format(...args) {
    return formatWith({}, ...args);
}

function formatWith(options, ...args) {
    if (args.length === 1) return typeof args[0] === "string" ? args[0] : inspect(args[0], options);
    let text = "";
    let next = 0;
    if (typeof args[0] === "string") {
        next = 1;
        text = args[0].replace(/%[sdifjoOc%]/g, (mark) => {
            if (mark === "%%") return "%";
            if (next >= args.length) return mark;
            const value = args[next++];
            switch (mark) {
                case "%s":
                    if (typeof value === "bigint") return `${value}n`;
                    if (typeof value === "number") return showNumber(value);
                    if (typeof value !== "object" || value === null) return String(value);
                    if (value instanceof Error || typeof value.toString !== "function" || value.toString === Object.prototype.toString || value.toString === Array.prototype.toString) return inspect(value, { depth: 0, compact: 3 });
                    return String(value);
                case "%d": return typeof value === "bigint" ? `${value}n` : typeof value === "symbol" ? "NaN" : showNumber(Number(value));
                case "%i": return typeof value === "bigint" ? `${value}n` : typeof value === "symbol" ? "NaN" : showNumber(parseInt(value));
                case "%f": return typeof value === "symbol" ? "NaN" : showNumber(parseFloat(value));
                case "%j":
                    try { return String(JSON.stringify(value)); } catch { return "[Circular]"; }
                case "%o": return inspect(value, { ...options, showHidden: true, depth: 4 });
                case "%O": return inspect(value, options);
                default: return "";
            }
        });
    }
    for (; next < args.length; next++) {
        const value = args[next];
        if (next > 0) text += " ";
        text += typeof value === "string" ? value : inspect(value, options);
    }
    return text;
}

inspect.custom = custom;
inspect.defaultOptions = {};
module.exports = { inspect, format, formatWith, typeOf: tagOf };
