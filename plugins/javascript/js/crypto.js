// `crypto`, of the web and of Node, as far as random numbers go.
function fill(view) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    bytes.set(native.randomBytes(bytes.length));
    return view;
}

const crypto = {
    getRandomValues(view) {
        if (view.byteLength > 65536) throw new DOMException("The requested length exceeds 65,536 bytes", "QuotaExceededError");
        return fill(view);
    },
    randomFillSync: fill,
    randomBytes: (size) => Buffer.from(native.randomBytes(size).buffer),
    randomInt(min, max) {
        if (max === undefined) [min, max] = [0, min];
        return min + Math.floor(Math.random() * (max - min));
    },
    randomUUID() {
        const bytes = native.randomBytes(16);
        bytes[6] = (bytes[6] & 15) | 64;
        bytes[8] = (bytes[8] & 63) | 128;
        const hex = Buffer.from(bytes.buffer).toString("hex");
        return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    },
    get webcrypto() { return crypto; },
};
module.exports = crypto;
