// What programs have from the web platform besides `URL` and `fetch`.
class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(text = "") { return native.encode(String(text).toWellFormed()); }
    encodeInto(text, target) {
        let read = 0;
        let written = 0;
        for (const letter of String(text)) {
            const bytes = this.encode(letter);
            if (written + bytes.length > target.length) break;
            target.set(bytes, written);
            written += bytes.length;
            read += letter.length;
        }
        return { read, written };
    }
}

class TextDecoder {
    #rest = new Uint8Array(0);
    #began = false;
    constructor(encoding = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
        const name = String(encoding).trim().toLowerCase();
        this.encoding = ["utf-8", "utf8", "unicode-1-1-utf-8"].includes(name) ? "utf-8"
            : ["latin1", "iso-8859-1", "ascii", "us-ascii", "windows-1252"].includes(name) ? "windows-1252"
                : ["utf-16le", "utf-16", "ucs-2"].includes(name) ? "utf-16le" : undefined;
        if (this.encoding === undefined) throw new RangeError(`The "${encoding}" encoding is not supported`);
        this.fatal = fatal;
        this.ignoreBOM = ignoreBOM;
    }
    decode(given, { stream = false } = {}) {
        let bytes = given === undefined ? new Uint8Array(0) : given instanceof ArrayBuffer ? new Uint8Array(given) : new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
        if (this.encoding !== "utf-8") return Buffer.from(bytes).toString(this.encoding === "utf-16le" ? "utf16le" : "latin1");
        if (this.#rest.length > 0) {
            const whole = new Uint8Array(this.#rest.length + bytes.length);
            whole.set(this.#rest);
            whole.set(bytes, this.#rest.length);
            bytes = whole;
        }
        let end = bytes.length;
        if (stream) {
            // The first bytes of a character wait for its rest.
            for (let back = 1; back <= Math.min(3, bytes.length); back++) {
                const byte = bytes[bytes.length - back];
                if ((byte & 0xc0) === 0x80) continue;
                if (byte >= 0xc0 && back < (byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4)) end = bytes.length - back;
                break;
            }
        }
        this.#rest = bytes.slice(end);
        let text = native.decode(bytes.slice(0, end), this.fatal);
        if (!this.#began && text !== "") {
            this.#began = true;
            if (!this.ignoreBOM && text[0] === "\ufeff") text = text.slice(1);
        }
        if (!stream) {
            this.#began = false;
            this.#rest = new Uint8Array(0);
        }
        return text;
    }
}

function uncloneable(value) {
    const text = typeof value === "symbol" ? value.toString() : typeof value === "function" ? String(value).slice(0, 40) : "#<Object>";
    return new DOMException(`${text} could not be cloned.`, "DataCloneError");
}

function clone(value, seen) {
    if (typeof value === "function" || typeof value === "symbol") throw uncloneable(value);
    if (value === null || typeof value !== "object") return value;
    if (seen.has(value)) return seen.get(value);
    const keep = (copy) => { seen.set(value, copy); return copy; };
    if (Array.isArray(value)) {
        const copy = keep(new Array(value.length));
        for (const key of Object.keys(value)) copy[key] = clone(value[key], seen);
        return copy;
    }
    if (value instanceof Date) return keep(new Date(value.getTime()));
    if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
    if (value instanceof Map) {
        const copy = keep(new Map());
        for (const [key, item] of value) copy.set(clone(key, seen), clone(item, seen));
        return copy;
    }
    if (value instanceof Set) {
        const copy = keep(new Set());
        for (const item of value) copy.add(clone(item, seen));
        return copy;
    }
    if (value instanceof ArrayBuffer) return keep(value.slice(0));
    if (ArrayBuffer.isView(value)) {
        const bytes = value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
        const type = globalThis[Object.prototype.toString.call(value).slice(8, -1)];
        return keep(new type(bytes));
    }
    if (value instanceof Error) {
        const type = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].find((each) => value instanceof each) || Error;
        const copy = keep(new type(value.message));
        copy.stack = value.stack;
        if (Object.hasOwn(value, "cause")) copy.cause = clone(value.cause, seen);
        return copy;
    }
    if (value instanceof Boolean || value instanceof Number || value instanceof String) return keep(Object(value.valueOf()));
    if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) throw uncloneable(value);
    const copy = keep({});
    for (const key of Object.keys(value)) copy[key] = clone(value[key], seen);
    return copy;
}

class Event {
    constructor(type, { cancelable = false } = {}) {
        this.type = String(type);
        this.cancelable = cancelable;
        this.defaultPrevented = false;
        this.target = this.currentTarget = null;
        this.timeStamp = performance.now();
    }
    preventDefault() { if (this.cancelable) this.defaultPrevented = true; }
    stopPropagation() {}
    stopImmediatePropagation() { this._stopped = true; }
}

class EventTarget {
    #listeners = new Map();
    addEventListener(type, listener, options) {
        const list = this.#listeners.get(type) || [];
        if (list.some((each) => each.listener === listener)) return;
        this.#listeners.set(type, [...list, { listener, once: Boolean(options && options.once) }]);
    }
    removeEventListener(type, listener) {
        this.#listeners.set(type, (this.#listeners.get(type) || []).filter((each) => each.listener !== listener));
    }
    dispatchEvent(event) {
        event.target = event.currentTarget = this;
        for (const { listener, once } of this.#listeners.get(event.type) || []) {
            if (once) this.removeEventListener(event.type, listener);
            if (typeof listener === "function") listener.call(this, event);
            else listener.handleEvent(event);
            if (event._stopped) break;
        }
        const own = this[`on${event.type}`];
        if (typeof own === "function") own.call(this, event);
        return !event.defaultPrevented;
    }
}

class AbortSignal extends EventTarget {
    aborted = false;
    reason = undefined;
    onabort = null;
    throwIfAborted() { if (this.aborted) throw this.reason; }
    static abort(reason) { const controller = new AbortController(); controller.abort(reason); return controller.signal; }
    static timeout(ms) {
        const controller = new AbortController();
        control.loop.addTimeout(() => controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")), ms).unref();
        return controller.signal;
    }
    static any(signals) {
        const controller = new AbortController();
        for (const signal of signals) {
            if (signal.aborted) controller.abort(signal.reason);
            else signal.addEventListener("abort", () => controller.abort(signal.reason));
        }
        return controller.signal;
    }
}

class AbortController {
    signal = new AbortSignal();
    abort(reason = new DOMException("This operation was aborted", "AbortError")) {
        if (this.signal.aborted) return;
        this.signal.aborted = true;
        this.signal.reason = reason;
        this.signal.dispatchEvent(new Event("abort"));
    }
}

module.exports = {
    TextEncoder, TextDecoder, Event, EventTarget, AbortController, AbortSignal,
    structuredClone(value) {
        if (arguments.length === 0) throw new TypeError("The \"value\" argument must be specified");
        return clone(value, new Map());
    },
};
