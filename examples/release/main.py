"""Releases a shop: checks its manifests and its service at once, and lets a person say which version it is."""

import os
import sys

import errand

PARTS = {"compliance": "compliance.md", "service": "service.md"}
FORM = {
    "type": "object",
    "properties": {
        "version": {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
        "notes": {"type": "string", "minLength": 1},
    },
    "required": ["version", "notes"],
    "additionalProperties": False,
}


def main():
    children = {start(name): name for name in PARTS}
    ended = {}
    while len(ended) < len(children):
        missing = [id for id in children if children[id] not in ended]
        ready = errand.wait_first(missing, signals=["abort"], timeout_s=errand.input.get("patience_s", 24 * 3600))
        if not ready or ready.signals:
            reason = errand.poll_signal("abort", "nothing happened for too long")
            for id in missing:
                errand.cancel(id)
            finish(f"aborted: {reason or 'no reason given'}", ended, is_good=False)
        for id in ready.children:
            ended[children[id]] = errand.outcome(id)
            errand.progress(len(ended), len(children), f"{children[id]} has ended")

    failed = [name for name, outcome in ended.items() if isinstance(outcome, errand.ChildFailed)]
    if failed:
        finish(f"not ready: {' and '.join(failed)} failed", ended, is_good=False)
    answer = errand.approve(
        "Release the shop?",
        detail="".join(f"- **{name}**: {summary(ended[name])}\n" for name in PARTS),
        schema=FORM,
        attachments=[report_of(name) for name in PARTS],
    )
    if not answer:
        why = f": {answer.comment}" if answer.comment else ""
        finish(f"not released: {answer.verdict}{why}", ended, is_good=False)
    version = answer.values["version"]
    finish(f"{version}, approved by {answer.by}: {answer.values['notes']}", ended)
    return {"version": version}


def start(name):
    """Starts a part on what this task started from: the commit, whatever was committed since."""
    return errand.spawn("python", {**errand.input, "file": f"{name}/main.py"}, workspace="start", name=name)


def finish(outcome, ended, is_good=True):
    """Leaves one report of all parts, and ends the task if it is not good."""
    text = f"# Release\n\n{outcome}\n"
    for name in PARTS:
        if name not in ended:
            text += f"\n## {name.title()}\n\nIt had not ended.\n"
        elif os.path.exists(report_of(name)):
            with open(report_of(name), encoding="utf-8") as report:
                text += "\n" + report.read().replace("\n#", "\n##").replace("# ", "## ", 1)
        else:
            text += f"\n## {name.title()}\n\n{summary(ended[name])}\n"
    with open("release.md", "w", encoding="utf-8") as file:
        file.write(text)
    errand.publish("release.md", description="What was checked, and who released it")
    if not is_good:
        sys.exit(outcome)


def report_of(name):
    return f"/children/{name}/artifacts/{PARTS[name]}"


def summary(outcome):
    if isinstance(outcome, errand.ChildFailed):
        return f"{outcome.code}: {outcome.message}"
    return outcome["result"]["outcome"]


result = main()
