// Arguments on their way to the host: checked here, so that a mistake names itself.

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

module.exports = { text, optionalText, count, optionalCount, milliseconds, optionalMilliseconds, encode, names, options, bytes };
