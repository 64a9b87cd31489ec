// `node:events`.
class EventEmitter {
    #listeners = new Map();
    static defaultMaxListeners = 10;
    #add(event, listener, first, wrapped) {
        if (typeof listener !== "function") throw new TypeError('The "listener" argument must be of type function.');
        const list = this.#listeners.get(event) || [];
        const entry = { listener, call: wrapped || listener };
        this.#listeners.set(event, first ? [entry, ...list] : [...list, entry]);
        return this;
    }
    #once(event, listener) {
        const self = this;
        return function once(...args) { self.removeListener(event, listener); return listener.apply(this, args); };
    }
    on(event, listener) { return this.#add(event, listener, false); }
    addListener(event, listener) { return this.on(event, listener); }
    prependListener(event, listener) { return this.#add(event, listener, true); }
    once(event, listener) { return this.#add(event, listener, false, this.#once(event, listener)); }
    prependOnceListener(event, listener) { return this.#add(event, listener, true, this.#once(event, listener)); }
    removeListener(event, listener) {
        const list = this.#listeners.get(event);
        if (list === undefined) return this;
        const at = list.findLastIndex((entry) => entry.listener === listener);
        if (at >= 0) {
            const left = list.toSpliced(at, 1);
            if (left.length === 0) this.#listeners.delete(event);
            else this.#listeners.set(event, left);
        }
        return this;
    }
    off(event, listener) { return this.removeListener(event, listener); }
    removeAllListeners(event) {
        if (event === undefined) this.#listeners.clear();
        else this.#listeners.delete(event);
        return this;
    }
    emit(event, ...args) {
        const list = this.#listeners.get(event);
        if (list === undefined) {
            if (event !== "error") return false;
            throw args[0] instanceof Error ? args[0] : new Error(`Unhandled error. (${require("inspect").inspect(args[0])})`);
        }
        for (const { call } of list) call.apply(this, args);
        return true;
    }
    listeners(event) { return (this.#listeners.get(event) || []).map(({ listener }) => listener); }
    rawListeners(event) { return (this.#listeners.get(event) || []).map(({ call }) => call); }
    listenerCount(event) { return (this.#listeners.get(event) || []).length; }
    eventNames() { return [...this.#listeners.keys()]; }
    setMaxListeners() { return this; }
    getMaxListeners() { return EventEmitter.defaultMaxListeners; }
    static once(emitter, event) {
        return new Promise((resolve, reject) => {
            const failed = (error) => { emitter.removeListener(event, arrived); reject(error); };
            const arrived = (...args) => { emitter.removeListener("error", failed); resolve(args); };
            emitter.once(event, arrived);
            if (event !== "error") emitter.once("error", failed);
        });
    }
}
EventEmitter.EventEmitter = EventEmitter;
EventEmitter.default = EventEmitter;
module.exports = EventEmitter;
