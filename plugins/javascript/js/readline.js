// `node:readline` over standard input or another stream: lines, and questions.
const EventEmitter = require("events");

class Interface extends EventEmitter {
    #input;
    #output;
    #rest = "";
    #lines = [];
    #questions = [];
    #isOver = false;
    #isClosed = false;
    #began = false;
    #prompt = "> ";
    constructor({ input, output } = {}) {
        super();
        this.#input = input || require("process").stdin;
        this.#output = output;
        this.terminal = false;
    }
    #start() {
        if (this.#began) return;
        this.#began = true;
        const decoder = new TextDecoder();
        this.#input.on("data", (chunk) => {
            this.#rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
            const lines = this.#rest.split(/\r?\n/);
            this.#rest = lines.pop();
            for (const line of lines) this.#line(line);
        });
        this.#input.on("end", () => {
            if (this.#rest !== "") this.#line(this.#rest);
            this.#rest = "";
            this.#isOver = true;
            this.close();
        });
    }
    #line(line) {
        if (this.#isClosed) return;
        const answer = this.#questions.shift();
        if (answer !== undefined) answer(line);
        else if (this.listenerCount("line") > 0) this.emit("line", line);
        else this.#lines.push(line);
        if (this.#questions.length > 0 && this.#lines.length > 0) this.#questions.shift()(this.#lines.shift());
    }
    on(event, listener) {
        super.on(event, listener);
        if (event === "line") {
            this.#start();
            for (const line of this.#lines.splice(0)) this.emit("line", line);
        }
        return this;
    }
    setPrompt(prompt) { this.#prompt = prompt; }
    prompt() { if (this.#output) this.#output.write(this.#prompt); this.#start(); }
    question(query, options, callback) {
        if (typeof options === "function") callback = options;
        if (this.#output) this.#output.write(query);
        else native.write(1, query.toWellFormed());
        const ask = (done) => {
            if (this.#lines.length > 0) done(this.#lines.shift());
            else this.#questions.push(done);
            this.#start();
        };
        if (callback === undefined) return new Promise(ask);
        ask(callback);
        return undefined;
    }
    write() {}
    pause() { this.#input.pause(); return this; }
    resume() { this.#input.resume(); return this; }
    close() {
        if (this.#isClosed) return;
        this.#isClosed = true;
        if (!this.#isOver) this.#input.pause();
        this.emit("close");
    }
    async *[Symbol.asyncIterator]() {
        const waiting = [];
        const ready = [];
        const tell = (item) => (waiting.length > 0 ? waiting.shift()(item) : ready.push(item));
        this.on("line", (line) => tell({ line }));
        this.on("close", () => tell(null));
        if (this.#isClosed) return;
        for (;;) {
            const item = ready.length > 0 ? ready.shift() : await new Promise((resolve) => waiting.push(resolve));
            if (item === null) return;
            yield item.line;
        }
    }
}

const createInterface = (input, output) => new Interface(input && typeof input.on === "function" ? { input, output } : input);
module.exports = { createInterface, Interface, clearLine: () => true, cursorTo: () => true, promises: { createInterface, Interface } };
