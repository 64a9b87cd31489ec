// `node:util`, as much of it as programs use.
const { inspect, format, formatWith } = require("inspect");
const assert = () => require("assert");

function promisify(original) {
    if (typeof original !== "function") throw new TypeError('The "original" argument must be of type function.');
    if (original[promisify.custom]) return original[promisify.custom];
    return function (...args) {
        return new Promise((resolve, reject) => {
            original.call(this, ...args, (error, ...values) => (error ? reject(error) : resolve(values[0])));
        });
    };
}
promisify.custom = Symbol.for("nodejs.util.promisify.custom");

const isKind = (kind) => (value) => Object.prototype.toString.call(value) === `[object ${kind}]`;

module.exports = {
    inspect, format, formatWithOptions: formatWith, promisify,
    callbackify: (original) => (...args) => {
        const callback = args.pop();
        original(...args).then((value) => control.loop.addImmediate(() => callback(null, value)), (error) => control.loop.addImmediate(() => callback(error)));
    },
    isDeepStrictEqual: (a, b) => assert()._same(a, b, true),
    inherits(type, parent) { Object.setPrototypeOf(type.prototype, parent.prototype); type.super_ = parent; },
    deprecate: (original) => original,
    debuglog: () => () => {},
    stripVTControlCharacters: (text) => text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, ""),
    styleText: (_, text) => text,
    toUSVString: (text) => String(text).toWellFormed(),
    types: {
        isDate: isKind("Date"), isRegExp: isKind("RegExp"), isMap: (value) => value instanceof Map, isSet: (value) => value instanceof Set,
        isPromise: (value) => value instanceof Promise, isNativeError: (value) => value instanceof Error,
        isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView), isUint8Array: (value) => value instanceof Uint8Array,
        isArrayBuffer: (value) => value instanceof ArrayBuffer, isAsyncFunction: isKind("AsyncFunction"), isGeneratorFunction: isKind("GeneratorFunction"),
    },
    isArray: Array.isArray,
    get TextEncoder() { return TextEncoder; },
    get TextDecoder() { return TextDecoder; },
};
