#!/usr/bin/env bash
# A tour: a server with nothing in it, three executors, three real tasks. What follows a `$` is what
# you would type. Everything it makes lies in one temporary directory, which goes with it.
#
#   examples/tour/run.sh target/release/errand
set -euo pipefail
binary=$(realpath "$1")
cd "$(dirname "$0")/../.."
here=examples/tour

ERRAND_DATA=$(mktemp -d)
export ERRAND_DATA
errand() { "$binary" "$@"; }
show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

mkfifo "$ERRAND_DATA/said"
"$binary" serve --listen 127.0.0.1:0 >"$ERRAND_DATA/said" 2>"$ERRAND_DATA/serve.log" &
server=$!
finish() {
    status=$?
    kill "$server" 2>/dev/null && wait "$server" || true
    [ "$status" = 0 ] || { echo "the server's log:" >&2; tail -20 "$ERRAND_DATA/serve.log" >&2; }
    rm -rf "$ERRAND_DATA"
}
trap finish EXIT
printf '$ errand serve\n'
read -r line <"$ERRAND_DATA/said" || { echo "the server did not start" >&2; exit 1; }
echo "$line"

for executor in python manifest-lint comrak; do
    show errand plugin add "target/plugins/$executor.wasm"
done

echo
echo "# Python, sandboxed, reads this repository's own source, handed in as input."
python3 "$here/pack.py" --code "$here/analyse.py" 'runtime/*/src/**/*.rs' >"$ERRAND_DATA/source.json"
printf '\n$ errand submit python --input @source.json --wait\n'
errand submit python --input "@$ERRAND_DATA/source.json" --wait >"$ERRAND_DATA/source.out"
python3 "$here/pick.py" stdout <"$ERRAND_DATA/source.out"

echo "# manifest-lint, a Rust executor, reads Kubernetes manifests and leaves a report."
python3 "$here/pack.py" 'examples/manifests/*.yaml' >"$ERRAND_DATA/manifests.json"
printf '\n$ errand submit manifest-lint --input @manifests.json --wait\n'
errand submit manifest-lint --input "@$ERRAND_DATA/manifests.json" --wait >"$ERRAND_DATA/lint.out"
python3 "$here/pick.py" summary <"$ERRAND_DATA/lint.out"
lint=$(errand list --executor manifest-lint --json | python3 "$here/pick.py" items.0.id)
show errand artifacts "$lint"
errand artifacts "$lint" report.md -o "$ERRAND_DATA/report.md"

echo
echo "# comrak, a program from crates.io compiled to WASI, makes HTML of that report."
python3 "$here/pack.py" --stdin "$ERRAND_DATA/report.md" >"$ERRAND_DATA/report.json"
printf '\n$ errand submit comrak --input @report.json --wait\n'
errand submit comrak --input "@$ERRAND_DATA/report.json" --wait >"$ERRAND_DATA/html.out" 2>/dev/null
python3 "$here/pick.py" stdout <"$ERRAND_DATA/html.out" | sed -n 1,8p

echo
echo "# The same sandbox without a server."
show errand run "$here/hello.py"

show errand list
echo
kill "$server"
wait "$server"
echo "The server has stopped. What it kept lay in one directory, which is removed now."
echo "Next: \`make serve\`, then README.md."
