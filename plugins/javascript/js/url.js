// `URL` and `URLSearchParams`, as the URL standard has them.
const PARTS = ["protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];

function decode(text) {
    text = text.replace(/\+/g, " ");
    return Buffer.from(text.replace(/%([0-9a-f]{2})|[^]/giu, (match, hex) => (hex === undefined ? Buffer.from(match).toString("latin1") : String.fromCharCode(parseInt(hex, 16)))), "latin1").toString();
}

function encode(text) {
    return encodeURIComponent(text.toWellFormed()).replace(/%20/g, "+").replace(/[!'()~]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}

class URLSearchParams {
    #list = [];
    #changed;
    constructor(given = "", changed) {
        this.#changed = changed;
        if (typeof given === "object" && given !== null) {
            const pairs = typeof given[Symbol.iterator] === "function" ? given : Object.entries(given);
            for (const [name, value] of pairs) this.#list.push([String(name), String(value)]);
        } else {
            this.#read(String(given));
        }
    }
    #read(text) {
        if (text.startsWith("?")) text = text.slice(1);
        this.#list = text.split("&").filter((part) => part !== "").map((part) => {
            const at = part.indexOf("=");
            return at < 0 ? [decode(part), ""] : [decode(part.slice(0, at)), decode(part.slice(at + 1))];
        });
    }
    #change(list) {
        this.#list = list;
        if (this.#changed !== undefined) this.#changed(this.toString());
    }
    get size() { return this.#list.length; }
    append(name, value) { this.#change([...this.#list, [String(name), String(value)]]); }
    delete(name) { this.#change(this.#list.filter(([own]) => own !== String(name))); }
    get(name) { const found = this.#list.find(([own]) => own === String(name)); return found === undefined ? null : found[1]; }
    getAll(name) { return this.#list.filter(([own]) => own === String(name)).map(([, value]) => value); }
    has(name) { return this.#list.some(([own]) => own === String(name)); }
    set(name, value) {
        const at = this.#list.findIndex(([own]) => own === String(name));
        if (at < 0) return this.append(name, value);
        this.#change(this.#list.flatMap((pair, index) => (index === at ? [[pair[0], String(value)]] : pair[0] === String(name) ? [] : [pair])));
    }
    sort() { this.#change([...this.#list].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))); }
    forEach(callback, self) { for (const [name, value] of this.#list) callback.call(self, value, name, this); }
    *keys() { for (const [name] of this.#list) yield name; }
    *values() { for (const [, value] of this.#list) yield value; }
    *entries() { for (const pair of this.#list) yield [...pair]; }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return this.#list.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&"); }
    [Symbol.for("nodejs.util.inspect.custom")]() {
        const { inspect } = require("inspect");
        return this.#list.length === 0 ? "URLSearchParams {}" : `URLSearchParams { ${this.#list.map(([name, value]) => `${inspect(name)} => ${inspect(value)}`).join(", ")} }`;
    }
}

function invalid(input) {
    const error = new TypeError("Invalid URL");
    return Object.assign(error, { code: "ERR_INVALID_URL", input });
}

function parse(input, base, part = "", value = "") {
    const text = native.url(String(input).toWellFormed(), base === undefined ? undefined : String(base).toWellFormed(), part, value);
    if (text === undefined || text === null) throw invalid(String(input));
    return JSON.parse(text);
}

class URL {
    #parts;
    #params;
    constructor(input, base) { this.#parts = parse(input, base); }
    static canParse(input, base) { try { parse(input, base); return true; } catch { return false; } }
    static parse(input, base) { try { return new URL(input, base); } catch { return null; } }
    get href() { return this.#parts.href; }
    set href(value) { this.#parts = parse(value); this.#params = undefined; }
    get origin() { return this.#parts.origin; }
    get searchParams() {
        return this.#params || (this.#params = new URLSearchParams(this.search, (query) => { this.#parts = parse(this.href, undefined, "search", query); }));
    }
    toString() { return this.href; }
    toJSON() { return this.href; }
    static _change(url, part, value) {
        url.#parts = parse(url.href, undefined, part, String(value).toWellFormed());
        if (part === "search") url.#params = undefined;
    }
    static _part(url, part) { return url.#parts[part]; }
    [Symbol.for("nodejs.util.inspect.custom")](depth, options) {
        const { inspect } = require("inspect");
        const shown = { href: this.href, origin: this.origin };
        for (const part of PARTS) {
            if (part === "hash") shown.searchParams = this.searchParams;
            shown[part] = this[part];
        }
        return `URL ${inspect(shown, options)}`;
    }
}
const { _change, _part } = URL;
delete URL._change;
delete URL._part;
for (const part of PARTS) {
    Object.defineProperty(URL.prototype, part, {
        get() { return _part(this, part); }, set(value) { _change(this, part, value); }, enumerable: true, configurable: true,
    });
}

module.exports = {
    URL, URLSearchParams,
    fileURLToPath: (url) => decodeURIComponent(new URL(url).pathname),
    pathToFileURL: (path) => new URL(`file://${require("path").resolve(path).split("/").map(encodeURIComponent).join("/")}`),
    parse: (text) => { const url = new URL(text); return { href: url.href, protocol: url.protocol, host: url.host, hostname: url.hostname, port: url.port || null, pathname: url.pathname, search: url.search || null, query: url.search.slice(1) || null, hash: url.hash || null, path: url.pathname + url.search }; },
    format: (url) => String(url.href || url),
};
