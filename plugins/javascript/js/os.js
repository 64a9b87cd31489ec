// `node:os`: a sandbox has little to say of its machine.
module.exports = {
    EOL: "\n", platform: () => "wasi", type: () => "WASI", arch: () => "wasm32", release: () => "0", endianness: () => "LE",
    cpus: () => [], availableParallelism: () => 1, totalmem: () => 4294967296, freemem: () => 0, loadavg: () => [0, 0, 0],
    homedir: () => "/workspace", tmpdir: () => "/workspace", hostname: () => "errand", uptime: () => performance.now() / 1000,
    networkInterfaces: () => ({}), userInfo: () => ({ username: "errand", uid: 0, gid: 0, shell: null, homedir: "/workspace" }),
    constants: { signals: {}, errno: {} }, devNull: "/dev/null",
};
