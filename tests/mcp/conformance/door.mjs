// A door to a server that puts a token into every request: the conformance suite has no way to send one.
// Everything else is passed on as it is. Prints its port, and ends with its standard input.
import http from "node:http";

const [, , target, token] = process.argv;
const { hostname, port } = new URL(target);

const door = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const headers = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
        headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
    }
    headers.push(["Authorization", `Bearer ${token}`]);
    const onward = http.request({
        hostname, port, method: request.method, path: request.url, agent: false,
        headers: headers.flat(), setHost: false, insecureHTTPParser: true,
    }, (answer) => {
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
});
door.listen(0, "127.0.0.1", () => console.log(door.address().port));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
