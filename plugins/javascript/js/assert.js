// `node:assert`.
const { inspect } = require("inspect");

class AssertionError extends Error {
    constructor({ message, actual, expected, operator }) {
        super(message);
        this.name = "AssertionError";
        this.code = "ERR_ASSERTION";
        this.generatedMessage = true;
        Object.assign(this, { actual, expected, operator });
    }
}

function same(a, b, isStrict, seen = new Map()) {
    if (isStrict ? Object.is(a, b) : a == b || (a !== a && b !== b)) return true;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (isStrict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b)) return false;
    if (seen.get(a) === b) return true;
    seen.set(a, b);
    if (a instanceof Date) return a.getTime() === b.getTime();
    if (a instanceof RegExp && String(a) !== String(b)) return false;
    if (a instanceof Error && (a.message !== b.message || a.name !== b.name)) return false;
    if (a instanceof Number || a instanceof String || a instanceof Boolean) {
        if (!Object.is(a.valueOf(), b.valueOf())) return false;
    }
    if (a instanceof Set || a instanceof Map) {
        if (a.size !== b.size) return false;
        const left = [...b];
        for (const item of a) {
            const at = left.findIndex((other) => same(item, other, isStrict, seen));
            if (at < 0) return false;
            left.splice(at, 1);
        }
    }
    if (Array.isArray(a) && a.length !== b.length) return false;
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key], isStrict, seen));
}

function fail(message, given, actual, expected, operator) {
    if (given instanceof Error) throw given;
    throw new AssertionError({ message: given === undefined ? message : given, actual, expected, operator });
}

function compare(operator, words, holds) {
    return (actual, expected, message) => {
        if (!holds(actual, expected)) {
            fail(`${words}\n\n${inspect(actual)}\n\n${operator.startsWith("not") ? "and" : "should equal"}\n\n${inspect(expected)}\n`, message, actual, expected, operator);
        }
    };
}

function fits(error, expected, message) {
    if (expected === undefined || typeof expected === "string") return;
    if (typeof expected === "function") {
        if (expected.prototype !== undefined && error instanceof expected) return;
        if (Error.isPrototypeOf(expected)) throw error;
        if (expected.call({}, error) === true) return;
    } else if (expected instanceof RegExp) {
        if (expected.test(String(error))) return;
    } else if (Object.entries(expected).every(([key, value]) => (value instanceof RegExp && typeof error[key] === "string" ? value.test(error[key]) : same(error[key], value, true)))) {
        return;
    }
    fail(`The error is not the one that was expected:\n\n${inspect(error)}\n\n${inspect(expected)}\n`, message, error, expected, "throws");
}

function assert(value, message) {
    if (!value) fail(`The expression evaluated to a falsy value: ${inspect(value)}`, message, value, true, "==");
}

Object.assign(assert, {
    AssertionError, _same: same,
    ok: (value, message) => assert(value, message),
    fail: (message = "Failed") => fail("Failed", message, undefined, undefined, "fail"),
    equal: compare("==", "Expected values to be loosely equal:", (a, b) => a == b || (a !== a && b !== b)),
    notEqual: compare("not ==", "Expected values to be loosely unequal:", (a, b) => a != b),
    strictEqual: compare("strictEqual", "Expected values to be strictly equal:", Object.is),
    notStrictEqual: compare("notStrictEqual", "Expected values to be strictly unequal:", (a, b) => !Object.is(a, b)),
    deepEqual: compare("deepEqual", "Expected values to be loosely deep-equal:", (a, b) => same(a, b, false)),
    deepStrictEqual: compare("deepStrictEqual", "Expected values to be strictly deep-equal:", (a, b) => same(a, b, true)),
    notDeepEqual: compare("notDeepEqual", "Expected values not to be loosely deep-equal:", (a, b) => !same(a, b, false)),
    notDeepStrictEqual: compare("notDeepStrictEqual", "Expected values not to be strictly deep-equal:", (a, b) => !same(a, b, true)),
    match(text, pattern, message) { if (!pattern.test(text)) fail(`The input did not match the regular expression ${pattern}. Input:\n\n${inspect(text)}\n`, message, text, pattern, "match"); },
    doesNotMatch(text, pattern, message) { if (pattern.test(text)) fail(`The input was expected to not match the regular expression ${pattern}. Input:\n\n${inspect(text)}\n`, message, text, pattern, "doesNotMatch"); },
    throws(work, expected, message) {
        try {
            work();
        } catch (error) {
            return fits(error, expected, message);
        }
        fail("Missing expected exception.", typeof expected === "string" ? expected : message, undefined, expected, "throws");
    },
    doesNotThrow(work) { work(); },
    async rejects(work, expected, message) {
        try {
            await (typeof work === "function" ? work() : work);
        } catch (error) {
            return fits(error, expected, message);
        }
        fail("Missing expected rejection.", typeof expected === "string" ? expected : message, undefined, expected, "rejects");
    },
    async doesNotReject(work) { await (typeof work === "function" ? work() : work); },
    ifError(value) { if (value !== null && value !== undefined) throw value; },
});
assert.strict = Object.assign((value, message) => assert(value, message), assert, {
    equal: assert.strictEqual, notEqual: assert.notStrictEqual, deepEqual: assert.deepStrictEqual, notDeepEqual: assert.notDeepStrictEqual,
});
assert.strict.strict = assert.strict;
module.exports = assert;
