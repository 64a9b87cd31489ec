// `node:fs`: what works on whole files, in three spellings: `…Sync`, with a callback, and in `promises`.
const path = require("path");
const ERRNO = { EPERM: -1, ENOENT: -2, EIO: -5, EBADF: -9, EACCES: -13, EEXIST: -17, EXDEV: -18, ENOTDIR: -20, EISDIR: -21, EINVAL: -22, ENOSPC: -28, EROFS: -30, ENOSYS: -38, ENOTEMPTY: -39 };
// Links, as far as they can lead to each other.
const constants = { F_OK: 0, X_OK: 1, W_OK: 2, R_OK: 4, COPYFILE_EXCL: 1 };

function text(given) {
    if (given instanceof URL) given = decodeURIComponent(given.pathname);
    if (given instanceof Uint8Array) given = Buffer.from(given).toString();
    if (typeof given !== "string") {
        const error = new TypeError(`The "path" argument must be of type string or an instance of Buffer or URL. Received ${given === null ? "null" : typeof given}`);
        error.code = "ERR_INVALID_ARG_TYPE";
        throw error;
    }
    return given;
}

function call(operation, syscall, given, wish = {}, data) {
    const name = text(given);
    try {
        const real = path.resolve(name).toWellFormed();
        const answer = data === undefined ? native.file(operation, real, JSON.stringify(wish)) : native.file(operation, real, JSON.stringify(wish), data);
        return typeof answer === "string" ? JSON.parse(answer) : answer;
    } catch (fault) {
        if (fault instanceof Error || typeof fault !== "object" || fault === null || typeof fault.code !== "string") throw fault;
        const to = wish.given === undefined ? "" : ` -> '${wish.given}'`;
        const error = new Error(`${fault.code}: ${fault.text}, ${syscall} '${name}'${to}`);
        Object.assign(error, { errno: ERRNO[fault.code], code: fault.code, syscall, path: name });
        if (wish.given !== undefined) error.dest = wish.given;
        throw error;
    }
}

function optionsOf(given) {
    return typeof given === "string" ? { encoding: given } : given || {};
}

function bytesOf(data, encoding) {
    if (typeof data === "string") return Buffer.from(data, encoding);
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const error = new TypeError(`The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${data === null ? "null" : typeof data}`);
    error.code = "ERR_INVALID_ARG_TYPE";
    throw error;
}

// Native functions take bytes of this type alone.
const plain = (bytes) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

class Stats {
    #kind;
    constructor({ kind, size, modified_ms }) {
        this.#kind = kind;
        this.size = size;
        this.mode = kind === "directory" ? 0o40755 : kind === "link" ? 0o120777 : 0o100644;
        this.atimeMs = this.mtimeMs = this.ctimeMs = this.birthtimeMs = modified_ms;
        this.atime = this.mtime = this.ctime = this.birthtime = new Date(modified_ms);
    }
    isFile() { return this.#kind === "file"; }
    isDirectory() { return this.#kind === "directory"; }
    isSymbolicLink() { return this.#kind === "link"; }
    isFIFO() { return false; }
    isSocket() { return false; }
    isBlockDevice() { return false; }
    isCharacterDevice() { return false; }
}

class Dirent {
    #kind;
    constructor(name, parent, kind) {
        this.#kind = kind;
        this.name = name;
        this.parentPath = this.path = parent;
    }
    isFile() { return this.#kind === "file"; }
    isDirectory() { return this.#kind === "directory"; }
    isSymbolicLink() { return this.#kind === "link"; }
}

function readStandardInput() {
    const pieces = [];
    for (let piece = native.read(65536); piece.length > 0; piece = native.read(65536)) pieces.push(piece);
    return Buffer.concat(pieces);
}

function readdir(given, options, prefix, found) {
    const { withFileTypes, recursive } = optionsOf(options);
    const directory = prefix === "" ? given : path.join(given, prefix);
    for (const [name, kind] of call("list", "scandir", directory)) {
        found.push(withFileTypes ? new Dirent(name, directory, kind) : path.join(prefix, name));
        if (recursive && kind === "directory") readdir(given, options, path.join(prefix, name), found);
    }
    return found;
}

const sync = {
    readFile(given, options) {
        const { encoding } = optionsOf(options);
        let bytes;
        if (given === 0 || given === "/dev/stdin") bytes = readStandardInput();
        else if (typeof given === "number") bytes = files.whole(given);
        else bytes = call("read", "open", given);
        const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        return encoding && encoding !== "buffer" ? buffer.toString(encoding) : buffer;
    },
    writeFile(given, data, options) {
        const { encoding, flag = "w" } = optionsOf(options);
        if (typeof data !== "string" && !ArrayBuffer.isView(data) && !(data instanceof ArrayBuffer)) bytesOf(data);
        const bytes = plain(bytesOf(data, encoding));
        if (given === 1 || given === 2) native.writeBytes(given, bytes);
        else if (given === "/dev/stdout") native.writeBytes(1, bytes);
        else if (given === "/dev/stderr") native.writeBytes(2, bytes);
        else if (typeof given === "number") files.write(given, bytes);
        else call("write", "open", given, { flag }, bytes);
    },
    appendFile(given, data, options) { sync.writeFile(given, data, { ...optionsOf(options), flag: "a" }); },
    mkdir(given, options) {
        const recursive = typeof options === "object" && options !== null && Boolean(options.recursive);
        const first = recursive && !fs.existsSync(given) ? path.resolve(text(given)) : undefined;
        call("mkdir", "mkdir", given, { recursive });
        return first;
    },
    mkdtemp(prefix) {
        const name = `${text(prefix)}${Array.from({ length: 6 }, () => Math.floor(Math.random() * 36).toString(36)).join("")}`;
        call("mkdir", "mkdtemp", name);
        return name;
    },
    readdir(given, options) { return readdir(text(given), options, "", []); },
    stat(given, options) { return statOf("stat", given, options); },
    lstat(given, options) { return statOf("lstat", given, options); },
    access(given) { call("stat", "access", given); },
    rm(given, options) { const { recursive = false, force = false } = options || {}; call("remove", "rm", given, { recursive, force }); },
    rmdir(given, options) {
        if (options && options.recursive) call("remove", "rm", given, { recursive: true });
        else call("rmdir", "rmdir", given);
    },
    unlink(given) { call("unlink", "unlink", given); },
    rename(from, to) { call("rename", "rename", from, { to: path.resolve(text(to)), given: text(to) }); },
    copyFile(from, to, mode = 0) {
        if (mode & constants.COPYFILE_EXCL && fs.existsSync(to)) call("write", "copyfile", to, { flag: "wx" }, new Uint8Array(0));
        call("copy", "copyfile", from, { to: path.resolve(text(to)), given: text(to) });
    },
    cp(from, to, options) { call("copy", "cp", from, { to: path.resolve(text(to)), given: text(to), recursive: Boolean(options && options.recursive) }); },
    truncate(given, length = 0) { call("truncate", "open", given, { length }); },
    readlink(given) { return call("readlink", "readlink", given); },
    realpath(given) { call("stat", "realpath", given); return path.resolve(text(given)); },
    chmod(given) { call("stat", "chmod", given); },
    utimes(given) { call("stat", "utime", given); },
};

function statOf(operation, given, options) {
    try {
        return new Stats(call(operation, operation, given));
    } catch (error) {
        if (options && options.throwIfNoEntry === false && error.code === "ENOENT") return undefined;
        throw error;
    }
}

// Descriptors: a file that is open is its path and a place in it.
const files = {
    open: new Map(),
    last: 10,
    of(descriptor) {
        const file = files.open.get(descriptor);
        if (file !== undefined) return file;
        const error = new Error("EBADF: bad file descriptor");
        throw Object.assign(error, { code: "EBADF", errno: ERRNO.EBADF });
    },
    whole(descriptor) { return call("read", "read", files.of(descriptor).path); },
    write(descriptor, bytes) {
        const file = files.of(descriptor);
        if (!/[wa+]/.test(file.flag)) throw Object.assign(new Error("EBADF: bad file descriptor, write"), { code: "EBADF", errno: ERRNO.EBADF });
        if (file.position === null) return call("write", "write", file.path, { flag: "a" }, bytes);
        const before = call("read", "read", file.path);
        const after = new Uint8Array(Math.max(before.length, file.position + bytes.length));
        after.set(before);
        after.set(bytes, file.position);
        file.position += bytes.length;
        // Without what was there before, it only grows.
        if (file.position - bytes.length === before.length) call("write", "write", file.path, { flag: "a" }, bytes);
        else call("write", "write", file.path, { flag: "w" }, after);
    },
};

const fs = {
    constants, ...constants, Stats, Dirent,
    existsSync(given) {
        try {
            call("stat", "access", given);
            return true;
        } catch {
            return false;
        }
    },
    exists(given, callback) { control.loop.addImmediate(() => callback(fs.existsSync(given))); },
    openSync(given, flag = "r") {
        const name = path.resolve(text(given));
        if (flag.startsWith("r")) call("stat", "open", given);
        else call("write", "open", given, { flag: flag.includes("x") ? flag : flag[0] }, new Uint8Array(0));
        const descriptor = ++files.last;
        files.open.set(descriptor, { path: name, flag, position: flag.startsWith("a") ? null : 0 });
        return descriptor;
    },
    closeSync(descriptor) { files.of(descriptor); files.open.delete(descriptor); },
    readSync(descriptor, buffer, offset = 0, length = buffer.byteLength - offset, position = null) {
        if (typeof offset === "object" && offset !== null) ({ offset = 0, length = buffer.byteLength - offset, position = null } = offset);
        const target = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
        let bytes;
        if (descriptor === 0) {
            bytes = native.read(length);
        } else {
            const file = files.of(descriptor);
            const start = position === null ? file.position || 0 : Number(position);
            bytes = call("read", "read", file.path).subarray(start, start + length);
            if (position === null) file.position = start + bytes.length;
        }
        target.set(bytes, offset);
        return bytes.length;
    },
    writeSync(descriptor, data, ...rest) {
        let bytes = bytesOf(data, typeof data === "string" ? rest[1] : undefined);
        if (typeof data !== "string" && typeof rest[0] === "number") bytes = bytes.subarray(rest[0], typeof rest[1] === "number" ? rest[0] + rest[1] : undefined);
        if (descriptor === 1 || descriptor === 2) native.writeBytes(descriptor, plain(bytes));
        else files.write(descriptor, plain(bytes));
        return bytes.length;
    },
    fstatSync(descriptor) { return sync.stat(files.of(descriptor).path); },
    fsyncSync() {},
    createReadStream(given, options) {
        const { encoding, start = 0, end = Infinity } = optionsOf(options);
        const stream = new (require("events"))();
        let isPaused = false;
        const begin = () => {
            if (isPaused) return;
            try {
                const bytes = sync.readFile(given).subarray(start, end + 1);
                stream.emit("open");
                for (let at = 0; at < bytes.length; at += 65536) {
                    const piece = bytes.subarray(at, at + 65536);
                    stream.emit("data", encoding ? piece.toString(encoding) : piece);
                }
                stream.emit("end");
                stream.emit("close");
            } catch (error) {
                stream.emit("error", error);
            }
        };
        control.loop.addImmediate(begin);
        stream.setEncoding = () => stream;
        stream.pause = () => { isPaused = true; return stream; };
        stream.resume = () => { if (isPaused) { isPaused = false; control.loop.addImmediate(begin); } return stream; };
        stream.pipe = (target) => { stream.on("data", (chunk) => target.write(chunk)); stream.on("end", () => target.fd === 1 || target.fd === 2 || target.end()); return target; };
        stream.close = stream.destroy = () => { isPaused = true; };
        stream[Symbol.asyncIterator] = async function* () {
            isPaused = true;
            const bytes = sync.readFile(given).subarray(start, end + 1);
            for (let at = 0; at < bytes.length; at += 65536) {
                const piece = bytes.subarray(at, at + 65536);
                yield encoding ? piece.toString(encoding) : piece;
            }
        };
        stream.path = given;
        return stream;
    },
    createWriteStream(given, options) {
        const { flags = "w", encoding } = optionsOf(options);
        const stream = new (require("events"))();
        sync.writeFile(given, "", { flag: flags });
        stream.path = given;
        stream.bytesWritten = 0;
        stream.write = (data, coding, callback) => {
            const bytes = bytesOf(data, typeof coding === "string" ? coding : encoding);
            sync.appendFile(given, bytes);
            stream.bytesWritten += bytes.length;
            const done = typeof coding === "function" ? coding : callback;
            if (done) control.loop.queue(() => done());
            return true;
        };
        stream.end = (data, coding, callback) => {
            if (data !== undefined && data !== null && typeof data !== "function") stream.write(data, typeof coding === "string" ? coding : undefined);
            const done = [data, coding, callback].find((each) => typeof each === "function");
            control.loop.addImmediate(() => { if (done) done(); stream.emit("finish"); stream.emit("close"); });
            return stream;
        };
        stream.close = stream.destroy = (done) => stream.end(done);
        return stream;
    },
    promises: { constants },
};

for (const [name, work] of Object.entries(sync)) {
    fs[`${name}Sync`] = work;
    fs[name] = (...args) => {
        const callback = args.pop();
        if (typeof callback !== "function") throw new TypeError('The "cb" argument must be of type function.');
        let outcome;
        try {
            outcome = [null, work(...args)];
        } catch (error) {
            outcome = [error];
        }
        control.loop.addImmediate(() => callback(...outcome));
    };
    fs.promises[name] = async (...args) => work(...args);
    for (const each of [fs[`${name}Sync`], fs[name], fs.promises[name]]) {
        Object.defineProperty(each, "name", { value: each === fs[`${name}Sync`] ? `${name}Sync` : name, configurable: true });
    }
}
module.exports = fs;
