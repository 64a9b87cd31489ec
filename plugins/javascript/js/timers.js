// `node:timers`, and its promises.
const { loop } = control;

function wait(ms, value, options, begin) {
    const signal = options && options.signal;
    return new Promise((resolve, reject) => {
        if (signal && signal.aborted) return reject(signal.reason);
        const timer = begin(() => resolve(value), ms);
        if (signal) signal.addEventListener("abort", () => { loop.clearTimer(timer); reject(signal.reason); });
    });
}

module.exports = {
    setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate,
    promises: {
        setTimeout: (ms, value, options) => wait(ms, value, options, (done, delay) => loop.addTimeout(done, delay)),
        setImmediate: (value, options) => wait(0, value, options, (done) => loop.addImmediate(done)),
        async *setInterval(ms, value) { for (;;) { await module.exports.promises.setTimeout(ms); yield value; } },
        scheduler: { wait: (ms, options) => module.exports.promises.setTimeout(ms, undefined, options), yield: () => module.exports.promises.setImmediate() },
    },
};
