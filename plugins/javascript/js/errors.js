// The exceptions of `errand`, and how the host's refusals become them.
class ErrandError extends Error {}
Object.defineProperty(ErrandError.prototype, "name", { value: "errand.Error", configurable: true, writable: true });

function kind(name, more) {
    const type = class extends ErrandError {
        constructor(message, options) { super(message, options); }
    };
    Object.defineProperty(type, "name", { value: name, configurable: true });
    Object.defineProperty(type.prototype, "name", { value: `errand.${name}`, configurable: true, writable: true });
    return Object.assign(type, more);
}

const Unsupported = kind("Unsupported");
const Denied = kind("Denied");
const Invalid = kind("Invalid");
const NotFound = kind("NotFound");
const TimedOut = kind("TimedOut");
const UnknownOutcome = kind("UnknownOutcome");
const Retry = kind("Retry");

class Limit extends ErrandError {
    constructor(limit, value) {
        super(`the limit ${limit} of ${value} would be exceeded`);
        this.limit = limit;
        this.value = value;
    }
}

class ChildFailed extends ErrandError {
    constructor(id, code, message, detail) {
        super(`child ${id}: ${code}: ${message}`);
        this.id = id;
        this.code = code;
        this.reason = message;
        this.detail = detail === undefined ? null : detail;
    }
}

for (const type of [Limit, ChildFailed]) {
    Object.defineProperty(type.prototype, "name", { value: `errand.${type.name}`, configurable: true, writable: true });
}
Object.defineProperty(ErrandError, "name", { value: "Error", configurable: true });

const KINDS = {
    unsupported: Unsupported, denied: Denied, invalid: Invalid, not_found: NotFound,
    timed_out: TimedOut, unknown: UnknownOutcome,
};

// Names of host functions as programs spell them.
const SPELLED = {
    wait_any: "waitAny", wait_signal: "waitSignal", poll_signal: "pollSignal", wait_first: "waitFirst",
    request_approval: "requestApproval", context_get: "context.get", context_set: "context.set",
};

module.exports = {
    types: { Error: ErrandError, Unsupported, Denied, Invalid, Limit, NotFound, TimedOut, UnknownOutcome, Retry, ChildFailed },
    refusal(name, refused) {
        if (refused.kind === "limit") return new Limit(refused.name, refused.value);
        const type = KINDS[refused.kind] || ErrandError;
        return new type(`errand.${SPELLED[name] || name}: ${refused.text}`);
    },
};
