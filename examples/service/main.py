"""Has a small web service made and tested in one sandbox, and looked through for secrets by another."""

import glob
import os
import sys

import errand

MADE = "/children/build/artifacts/made"


def main():
    build = errand.spawn(
        "python",
        {**errand.input, "file": "service/build.py"},
        workspace="start",
        name="build",
    )
    (built,) = errand.gather([build], on_failure="collect")
    # What it made is here, whether its tests passed or not.
    sources = {os.path.basename(path): read(path) for path in sorted(glob.glob(f"{MADE}/*.py"))}
    if not sources:
        raise built
    scan = errand.spawn("secret-scan", {"files": sources, "min_severity": "warning"}, name="scan")
    (scanned,) = errand.gather([scan])

    failed = isinstance(built, errand.ChildFailed)
    tests = "tests failed" if failed else f"{built['result']['tests']} tests passed"
    outcome = f"{tests}, {len(scanned['findings'])} findings"
    report(outcome, scanned["findings"])
    if failed or scanned["findings"]:
        sys.exit(f"not ready: {outcome}")
    return {"outcome": outcome}


def report(outcome, findings):
    """Leaves the report and the sources as artifacts."""
    rows = "".join(f"| {one['file']}:{one['line']} | {one['rule']} | {one['message']} |\n" for one in findings)
    found = f"| where | rule | what |\n| --- | --- | --- |\n{rows}" if findings else "Nothing.\n"
    text = (
        f"# Service\n\n{outcome.capitalize()}.\n\n"
        f"## Tests\n\n```\n{read(f'{MADE}/tests.txt')}```\n\n"
        f"## Secrets and risky calls\n\n{found}"
    )
    write("service.md", text)
    errand.publish("service.md", description="Tests, and what the scan found")
    os.makedirs("made", exist_ok=True)
    for path in sorted(glob.glob(f"{MADE}/*.py")):
        name = f"made/{os.path.basename(path)}"
        write(name, read(path))
        errand.publish(name)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


result = main()
