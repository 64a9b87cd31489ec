// `Buffer`: bytes with text in and out.
const ENCODINGS = { utf8: "utf8", "utf-8": "utf8", hex: "hex", base64: "base64", base64url: "base64url", latin1: "latin1", binary: "latin1", ascii: "ascii", ucs2: "utf16le", "ucs-2": "utf16le", utf16le: "utf16le", "utf-16le": "utf16le" };

function encodingOf(name) {
    if (name === undefined || name === null || name === "") return "utf8";
    const known = ENCODINGS[String(name).toLowerCase()];
    if (known === undefined) throw new TypeError(`Unknown encoding: ${name}`);
    return known;
}

function encode(text, name) {
    switch (encodingOf(name)) {
        case "utf8": return native.encode(text.toWellFormed());
        case "hex": {
            const length = /^(?:[0-9a-f]{2})*/i.exec(text)[0].length / 2;
            return Uint8Array.from({ length }, (_, index) => parseInt(text.slice(2 * index, 2 * index + 2), 16));
        }
        case "base64": case "base64url": {
            const plain = text.replace(/=[^]*$/, "").replace(/-/g, "+").replace(/_/g, "/").replace(/[^A-Za-z0-9+/]/g, "");
            return Uint8Array.from(atob(plain.length % 4 === 1 ? plain.slice(0, -1) : plain), (letter) => letter.charCodeAt(0));
        }
        case "utf16le": {
            const bytes = new Uint8Array(2 * text.length);
            for (let index = 0; index < text.length; index++) {
                const code = text.charCodeAt(index);
                bytes[2 * index] = code & 255;
                bytes[2 * index + 1] = code >> 8;
            }
            return bytes;
        }
        default: return Uint8Array.from(text, (letter) => letter.charCodeAt(0) & 255);
    }
}

function characters(bytes, mask) {
    let text = "";
    for (let begin = 0; begin < bytes.length; begin += 4096) {
        text += String.fromCharCode(...Array.from(bytes.subarray(begin, begin + 4096), (byte) => byte & mask));
    }
    return text;
}

class Buffer extends Uint8Array {
    static poolSize = 8192;
    static from(value, encoding, length) {
        if (typeof value === "string") return wrap(encode(value, encoding));
        if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Buffer(value, encoding, length);
        if (ArrayBuffer.isView(value) || Array.isArray(value)) return wrap(Uint8Array.from(value, (item) => Number(item) & 255));
        if (value !== null && typeof value === "object") {
            if (value.type === "Buffer" && Array.isArray(value.data)) return Buffer.from(value.data);
            const plain = value.valueOf();
            if (plain !== value) return Buffer.from(plain, encoding, length);
            if (typeof value.length === "number") return wrap(Uint8Array.from(value));
        }
        const error = new TypeError(`The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. Received ${value === null ? "null" : typeof value}`);
        error.code = "ERR_INVALID_ARG_TYPE";
        throw error;
    }
    static of(...items) { return Buffer.from(items); }
    static alloc(size, fill, encoding) {
        const buffer = new Buffer(size);
        return fill === undefined || fill === 0 ? buffer : buffer.fill(fill, 0, size, encoding);
    }
    static allocUnsafe(size) { return new Buffer(size); }
    static allocUnsafeSlow(size) { return new Buffer(size); }
    static isBuffer(value) { return value instanceof Buffer; }
    static isEncoding(name) { return typeof name === "string" && ENCODINGS[name.toLowerCase()] !== undefined; }
    static byteLength(value, encoding) { return typeof value === "string" ? encode(value, encoding).length : value.byteLength; }
    static concat(list, total = list.reduce((sum, item) => sum + item.length, 0)) {
        const whole = new Buffer(total);
        let at = 0;
        for (const item of list) {
            const part = item.subarray(0, Math.max(0, total - at));
            whole.set(part, at);
            at += part.length;
        }
        return whole;
    }
    static compare(a, b) {
        const length = Math.min(a.length, b.length);
        for (let index = 0; index < length; index++) if (a[index] !== b[index]) return a[index] < b[index] ? -1 : 1;
        return Math.sign(a.length - b.length);
    }
    static get [Symbol.species]() { return Buffer; }
    toString(encoding, start = 0, end = this.length) {
        const part = new Uint8Array(this.buffer, this.byteOffset, this.length).subarray(start, end);
        switch (encodingOf(encoding)) {
            case "utf8": return native.decode(part, false);
            case "hex": return Array.from(part, (byte) => byte.toString(16).padStart(2, "0")).join("");
            case "base64": return btoa(characters(part, 255));
            case "base64url": return btoa(characters(part, 255)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
            case "ascii": return characters(part, 127);
            case "utf16le": {
                let text = "";
                for (let index = 0; index + 1 < part.length; index += 2) text += String.fromCharCode(part[index] | (part[index + 1] << 8));
                return text;
            }
            default: return characters(part, 255);
        }
    }
    toLocaleString(encoding) { return this.toString(encoding); }
    toJSON() { return { type: "Buffer", data: Array.from(this) }; }
    equals(other) { return Buffer.compare(this, other) === 0; }
    compare(other) { return Buffer.compare(this, other); }
    slice(start, end) { return this.subarray(start, end); }
    copy(target, at = 0, start = 0, end = this.length) {
        const part = this.subarray(start, Math.min(end, start + target.length - at));
        target.set(part, at);
        return part.length;
    }
    write(text, offset = 0, length, encoding) {
        if (typeof offset === "string") [encoding, offset] = [offset, 0];
        else if (typeof length === "string") [encoding, length] = [length, undefined];
        const bytes = encode(text, encoding).subarray(0, Math.min(length === undefined ? Infinity : length, this.length - offset));
        this.set(bytes, offset);
        return bytes.length;
    }
    fill(value, start, end, encoding) {
        if (typeof start === "string") [encoding, start, end] = [start, 0, this.length];
        if (typeof value !== "string" && !ArrayBuffer.isView(value)) return super.fill(value & 255, start, end);
        const bytes = typeof value === "string" ? encode(value, encoding) : value;
        if (bytes.length === 0) return super.fill(0, start, end);
        for (let index = start || 0, last = end === undefined ? this.length : end; index < last; index++) this[index] = bytes[(index - (start || 0)) % bytes.length];
        return this;
    }
    #find(value, from, encoding, backwards) {
        if (typeof value === "number") return backwards ? super.lastIndexOf(value & 255, from) : super.indexOf(value & 255, from);
        const wanted = typeof value === "string" ? encode(value, encoding) : value;
        const at = (index) => wanted.every((byte, offset) => this[index + offset] === byte);
        const last = this.length - wanted.length;
        if (backwards) {
            for (let index = Math.min(last, from === undefined ? last : from); index >= 0; index--) if (at(index)) return index;
        } else {
            for (let index = from === undefined ? 0 : from < 0 ? Math.max(0, this.length + from) : from; index <= last; index++) if (at(index)) return index;
        }
        return -1;
    }
    indexOf(value, from, encoding) { return this.#find(value, from, encoding, false); }
    lastIndexOf(value, from, encoding) { return this.#find(value, from, encoding, true); }
    includes(value, from, encoding) { return this.#find(value, from, encoding, false) >= 0; }
    [Symbol.for("nodejs.util.inspect.custom")]() {
        const shown = Array.from(this.subarray(0, 50), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
        const left = this.length - 50;
        return `<Buffer${shown === "" ? "" : ` ${shown}`}${left > 0 ? ` ... ${left} more byte${left > 1 ? "s" : ""}` : ""}>`;
    }
}

function wrap(bytes) {
    return new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// Numbers, as `DataView` has them.
for (const [name, bytes, spelled] of [
    ["Int8", 1, "Int8"], ["Uint8", 1, "UInt8"], ["Int16", 2, "Int16"], ["Uint16", 2, "UInt16"], ["Int32", 4, "Int32"], ["Uint32", 4, "UInt32"],
    ["Float32", 4, "Float"], ["Float64", 8, "Double"], ["BigInt64", 8, "BigInt64"], ["BigUint64", 8, "BigUInt64"],
]) {
    for (const order of bytes === 1 ? [""] : ["LE", "BE"]) {
        const view = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
        Object.defineProperty(Buffer.prototype, `read${spelled}${order}`, {
            value(offset = 0) { return view(this)[`get${name}`](offset, order === "LE"); }, writable: true, configurable: true,
        });
        Object.defineProperty(Buffer.prototype, `write${spelled}${order}`, {
            value(value, offset = 0) { view(this)[`set${name}`](offset, value, order === "LE"); return offset + bytes; }, writable: true, configurable: true,
        });
    }
}

module.exports = { Buffer, constants: { MAX_LENGTH: 2147483647, MAX_STRING_LENGTH: 536870888 }, kMaxLength: 2147483647, atob: (text) => atob(text), btoa: (text) => btoa(text) };
