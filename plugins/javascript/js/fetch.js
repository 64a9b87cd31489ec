// `fetch`, over `errand.http`: the host connects, and only to where the operator has granted.
const errand = require("errand");
const MAX_REDIRECTS = 20;

class Headers {
    #fields = new Map();
    constructor(given) {
        if (given === undefined || given === null) return;
        const pairs = typeof given[Symbol.iterator] === "function" ? given : Object.entries(given);
        for (const [name, value] of pairs) this.append(name, value);
    }
    append(name, value) {
        const key = String(name).toLowerCase();
        const text = String(value).trim();
        this.#fields.set(key, this.#fields.has(key) ? `${this.#fields.get(key)}, ${text}` : text);
    }
    set(name, value) { this.#fields.set(String(name).toLowerCase(), String(value).trim()); }
    get(name) { const value = this.#fields.get(String(name).toLowerCase()); return value === undefined ? null : value; }
    has(name) { return this.#fields.has(String(name).toLowerCase()); }
    delete(name) { this.#fields.delete(String(name).toLowerCase()); }
    forEach(callback, self) { for (const [name, value] of this) callback.call(self, value, name, this); }
    *entries() { yield* [...this.#fields].sort(([a], [b]) => (a < b ? -1 : 1)); }
    *keys() { for (const [name] of this.entries()) yield name; }
    *values() { for (const [, value] of this.entries()) yield value; }
    [Symbol.iterator]() { return this.entries(); }
    [Symbol.for("nodejs.util.inspect.custom")]() { return `Headers ${require("inspect").inspect(Object.fromEntries(this))}`; }
}

// What a request and a response have in common: bytes that are read once.
class Body {
    #bytes;
    bodyUsed = false;
    constructor(bytes) { this.#bytes = bytes; }
    async #take() {
        if (this.bodyUsed) throw new TypeError("Body is unusable: Body has already been read");
        this.bodyUsed = true;
        return this.#bytes;
    }
    _peek() { return this.#bytes; }
    async text() { return (await this.#take()).toString("utf8").replace(/^\ufeff/, ""); }
    async json() { return JSON.parse(await this.text()); }
    async bytes() { return new Uint8Array(await this.#take()); }
    async arrayBuffer() { return (await this.bytes()).buffer; }
}

function bodyOf(given, headers) {
    if (given === undefined || given === null) return undefined;
    let type = null;
    let data = given;
    if (typeof given === "string") {
        type = "text/plain;charset=UTF-8";
    } else if (given instanceof URLSearchParams) {
        type = "application/x-www-form-urlencoded;charset=UTF-8";
        data = String(given);
    } else if (!(given instanceof ArrayBuffer) && !ArrayBuffer.isView(given)) {
        type = "text/plain;charset=UTF-8";
        data = String(given);
    }
    if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
    return typeof data === "string" ? Buffer.from(data) : Buffer.from(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
}

class Request extends Body {
    constructor(input, init = {}) {
        const from = input instanceof Request ? input : undefined;
        const headers = new Headers(init.headers || (from && from.headers));
        super(init.body === undefined && from ? from._peek() : bodyOf(init.body, headers));
        this.url = from ? from.url : new URL(String(input)).href;
        this.method = String(init.method || (from && from.method) || "GET").toUpperCase();
        this.headers = headers;
        this.redirect = init.redirect || (from && from.redirect) || "follow";
        this.signal = init.signal || (from && from.signal) || null;
        if (this._peek() !== undefined && (this.method === "GET" || this.method === "HEAD")) throw new TypeError("Request with GET/HEAD method cannot have body.");
    }
}

class Response extends Body {
    constructor(body, { status = 200, statusText = "", headers } = {}) {
        const fields = new Headers(headers);
        super(bodyOf(body, fields) || Buffer.alloc(0));
        this.status = status;
        this.statusText = statusText;
        this.headers = fields;
        this.ok = status >= 200 && status < 300;
        this.url = "";
        this.redirected = false;
        this.type = "default";
    }
    static json(value, init) { return new Response(JSON.stringify(value), { ...init, headers: { "content-type": "application/json", ...(init && init.headers) } }); }
    static error() { return Object.assign(new Response(null), { status: 0, ok: false, type: "error" }); }
    clone() { return Object.assign(new Response(this._peek(), { status: this.status, statusText: this.statusText, headers: this.headers }), { url: this.url, redirected: this.redirected }); }
}

async function fetch(input, init) {
    const request = new Request(input, init);
    let { url, method } = request;
    let body = request._peek();
    const headers = new Headers(request.headers);
    for (let hops = 0; ; hops++) {
        if (request.signal !== null) request.signal.throwIfAborted();
        let answer;
        try {
            answer = errand.http(method, url.replace(/#.*$/, ""), { headers: [...headers], body });
        } catch (cause) {
            if (!(cause instanceof errand.Error)) throw cause;
            throw new TypeError(`fetch failed: ${cause.message}`, { cause });
        }
        const location = answer.headers.location;
        if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined || request.redirect === "manual") {
            const response = new Response(answer.body, { status: answer.status, headers: answer.headers });
            return Object.assign(response, { url, redirected: hops > 0, type: "basic" });
        }
        if (request.redirect === "error" || hops === MAX_REDIRECTS) throw new TypeError(`fetch failed: ${hops === MAX_REDIRECTS ? "too many redirects" : "unexpected redirect"}`);
        const next = new URL(location, url);
        if (next.origin !== new URL(url).origin) for (const name of ["authorization", "cookie"]) headers.delete(name);
        if (answer.status === 303 ? method !== "HEAD" : answer.status < 303 && method === "POST") {
            method = "GET";
            body = undefined;
            for (const name of ["content-type", "content-length"]) headers.delete(name);
        }
        url = next.href;
    }
}

module.exports = { fetch, Headers, Request, Response };
