// `node:path`, of POSIX.
function check(path, name = "path") {
    if (typeof path !== "string") {
        const error = new TypeError(`The "${name}" argument must be of type string. Received ${path === null ? "null" : typeof path}`);
        error.code = "ERR_INVALID_ARG_TYPE";
        throw error;
    }
    return path;
}

function reduce(path, isAbsolute) {
    const parts = [];
    for (const part of path.split("/")) {
        if (part === "" || part === ".") continue;
        if (part !== "..") parts.push(part);
        else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
        else if (!isAbsolute) parts.push("..");
    }
    return parts.join("/");
}

const path = {
    sep: "/", delimiter: ":",
    normalize(given) {
        check(given);
        if (given === "") return ".";
        const isAbsolute = given[0] === "/";
        let reduced = reduce(given, isAbsolute);
        if (reduced === "" && !isAbsolute) reduced = ".";
        if (reduced !== "" && given.endsWith("/")) reduced += "/";
        return isAbsolute ? `/${reduced}` : reduced;
    },
    isAbsolute: (given) => check(given).startsWith("/"),
    join(...parts) {
        const joined = parts.map((part) => check(part)).filter((part) => part !== "").join("/");
        return joined === "" ? "." : path.normalize(joined);
    },
    resolve(...parts) {
        let whole = "";
        for (let index = parts.length - 1; index >= 0 && !whole.startsWith("/"); index--) {
            const part = check(parts[index], `paths[${index}]`);
            if (part !== "") whole = whole === "" ? part : `${part}/${whole}`;
        }
        if (!whole.startsWith("/")) whole = `${require("process").cwd()}/${whole}`;
        return `/${reduce(whole, true)}`;
    },
    relative(from, to) {
        const [a, b] = [path.resolve(from), path.resolve(to)].map((each) => each.split("/").filter(Boolean));
        let same = 0;
        while (same < a.length && same < b.length && a[same] === b[same]) same++;
        return [...a.slice(same).map(() => ".."), ...b.slice(same)].join("/");
    },
    dirname(given) {
        const trimmed = check(given).replace(/\/+$/, "");
        if (trimmed === "") return given.startsWith("/") ? "/" : ".";
        const end = trimmed.lastIndexOf("/");
        return end < 0 ? "." : trimmed.slice(0, end).replace(/\/+$/, "") || "/";
    },
    basename(given, suffix) {
        const base = check(given).replace(/\/+$/, "").split("/").pop();
        return suffix !== undefined && base !== suffix && base.endsWith(suffix) ? base.slice(0, base.length - suffix.length) : base;
    },
    extname(given) {
        const base = path.basename(given);
        const at = base.lastIndexOf(".");
        return at <= 0 || /^\.+$/.test(base.slice(0, at + 1)) && at === base.length - 1 && base === ".." ? "" : base.slice(at);
    },
    parse(given) {
        const base = path.basename(given);
        const ext = path.extname(given);
        const root = given.startsWith("/") ? "/" : "";
        const end = given.replace(/\/+$/, "").lastIndexOf("/");
        const dir = end < 0 ? "" : end === 0 ? "/" : given.slice(0, end);
        return { root, dir, base, ext, name: base.slice(0, base.length - ext.length) };
    },
    format(parts) {
        const dir = parts.dir || parts.root || "";
        const base = parts.base || `${parts.name || ""}${parts.ext ? (parts.ext.startsWith(".") ? parts.ext : `.${parts.ext}`) : ""}`;
        return dir === "" ? base : dir === parts.root || dir.endsWith("/") ? dir + base : `${dir}/${base}`;
    },
    toNamespacedPath: (given) => given,
};
path.posix = path;
module.exports = path;
