// The global `process`, as far as a sandbox has one.
const EventEmitter = require("events");
const { loop } = control;

class Output extends EventEmitter {
    constructor(descriptor) {
        super();
        this.fd = descriptor;
        this.isTTY = false;
        this.writable = true;
        this.columns = 80;
    }
    write(data, encoding, callback) {
        if (typeof data === "string") native.write(this.fd, data.toWellFormed());
        else if (ArrayBuffer.isView(data)) native.writeBytes(this.fd, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        else throw new TypeError('The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView.');
        const done = typeof encoding === "function" ? encoding : callback;
        if (typeof done === "function") loop.queue(() => done());
        return true;
    }
    end(data, encoding, callback) {
        if (data !== undefined && typeof data !== "function") this.write(data, encoding);
        const done = [data, encoding, callback].find((each) => typeof each === "function");
        loop.queue(() => { if (done) done(); this.emit("finish"); });
        return this;
    }
    cork() {}
    uncork() {}
    getColorDepth() { return 1; }
    hasColors() { return false; }
}

const READ_BYTES = 64 * 1024;

class Input extends EventEmitter {
    constructor() {
        super();
        this.fd = 0;
        this.isTTY = false;
        this.readable = true;
        this._decoder = null;
        this._flows = false;
        this._listens = false;
        this._ended = false;
    }
    setEncoding(encoding = "utf8") { this._decoder = new TextDecoder(encoding); return this; }
    _chunk() {
        if (this._ended) return null;
        const data = native.read(READ_BYTES);
        if (data.length === 0) {
            this._ended = true;
            const rest = this._decoder === null ? "" : this._decoder.decode();
            return rest === "" ? null : rest;
        }
        return this._decoder === null ? Buffer.from(data.buffer) : this._decoder.decode(data, { stream: true });
    }
    // Returns what is there, waiting for it; null at the end.
    read() { return this._chunk(); }
    on(event, listener) {
        super.on(event, listener);
        if (event === "data") this.resume();
        if (event === "readable" && !this._listens) {
            this._listens = true;
            loop.addSource(() => {
                if (!this._ended) this.emit("readable");
                if (this._ended) { this.emit("end"); this.emit("close"); }
                return !this._ended;
            });
        }
        return this;
    }
    addListener(event, listener) { return this.on(event, listener); }
    resume() {
        if (!this._flows) {
            this._flows = true;
            loop.addSource(() => this._flow());
        }
        return this;
    }
    pause() { this._flows = false; return this; }
    _flow() {
        if (!this._flows) return false;
        const chunk = this._chunk();
        if (chunk !== null) this.emit("data", chunk);
        if (this._ended) {
            this._flows = false;
            this.emit("end");
            this.emit("close");
        }
        return this._flows;
    }
    pipe(target) {
        this.on("data", (chunk) => target.write(chunk));
        return target;
    }
    unref() { return this; }
    ref() { return this; }
    unshift() { throw new Error("process.stdin.unshift is not there"); }
    async *[Symbol.asyncIterator]() {
        for (let chunk = this._chunk(); chunk !== null; chunk = this._chunk()) yield chunk;
    }
}

const environment = JSON.parse(native.environment());
const events = new EventEmitter();
let directory = "/workspace";
let stdin;
const stdout = new Output(1);
const stderr = new Output(2);

function status(code) {
    if (code === undefined || code === null) return process.exitCode === undefined || process.exitCode === null ? 0 : status(process.exitCode);
    const number = Number(code);
    if (!Number.isInteger(number)) throw new TypeError(`The "code" argument must be of type number. Received ${String(code)}`);
    return number & 255;
}

const process = {
    title: "errand", version: "v22.0.0", versions: { node: "22.0.0", quickjs: "0.15.1" }, release: { name: "errand" },
    platform: "wasi", arch: "wasm32", pid: 1, ppid: 0, execPath: "/javascript", execArgv: [], exitCode: undefined, features: {},
    argv: ["/javascript", control.main.filename, ...control.args],
    argv0: "javascript",
    env: environment,
    stdout, stderr,
    get stdin() { return stdin === undefined ? (stdin = new Input()) : stdin; },
    exit(code) { native.exit(status(code)); },
    abort() { native.exit(134); },
    cwd() { return directory; },
    chdir(path) {
        const absolute = require("path").resolve(path);
        if (!require("fs").statSync(absolute).isDirectory()) throw new Error(`ENOTDIR: not a directory, chdir '${path}'`);
        directory = absolute;
    },
    nextTick(callback, ...args) { loop.queue(() => callback(...args)); },
    uptime() { return performance.now() / 1000; },
    hrtime: Object.assign((before) => {
        const ns = process.hrtime.bigint();
        let [s, rest] = [Number(ns / 1000000000n), Number(ns % 1000000000n)];
        if (before) {
            s -= before[0];
            rest -= before[1];
            if (rest < 0) { s--; rest += 1e9; }
        }
        return [s, rest];
    }, { bigint: () => BigInt(Math.round(performance.now() * 1e6)) }),
    memoryUsage: Object.assign(() => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }), { rss: () => 0 }),
    cpuUsage() { return { user: Math.round(performance.now() * 1000), system: 0 }; },
    emitWarning(warning) { native.write(2, `${warning instanceof Error ? warning.name : "Warning"}: ${warning instanceof Error ? warning.message : warning}\n`.toWellFormed()); },
    umask() { return 0o22; },
    kill() { throw new Error("a sandbox has no processes"); },
    binding() { throw new Error("process.binding is not there"); },
    _ending(code) {
        if (code !== 0 || process.exitCode === undefined) process.exitCode = code;
        const ended = status(process.exitCode);
        events.emit("exit", ended);
        return status(process.exitCode);
    },
};
for (const name of ["on", "once", "off", "addListener", "removeListener", "removeAllListeners", "emit", "listeners", "listenerCount", "prependListener", "eventNames"]) {
    process[name] = (...args) => {
        const given = events[name](...args);
        return given === events ? process : given;
    };
}
process[Symbol.toStringTag] = "process";
module.exports = process;
