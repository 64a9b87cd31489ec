"""Brings Kubernetes manifests in line: lints, fixes what has one right fix, and asks before that counts."""

import os
import sys
from collections import Counter

import errand

import edit

# Rules of manifest-lint whose fix needs no judgement: where it goes (beside which key), what is set, and to what.
FIXES = {
    "privilege-escalation-allowed": ("image", ["securityContext", "allowPrivilegeEscalation"], "false"),
    "capabilities-not-dropped": ("image", ["securityContext", "capabilities", "drop"], "[ALL]"),
    "run-as-non-root-missing": ("image", ["securityContext", "runAsNonRoot"], "true"),
    "seccomp-profile-missing": ("containers", ["securityContext", "seccompProfile", "type"], "RuntimeDefault"),
    "service-account-token-automount": ("containers", ["automountServiceAccountToken"], "false"),
    "cronjob-concurrency-policy-missing": ("jobTemplate", ["concurrencyPolicy"], "Forbid"),
    "value-not-text": None,  # Quotes around it.
}
SEVERITIES = ["error", "warning", "info"]


def main():
    before = lint("before")
    originals = {name: read(name) for name in {finding["file"] for finding in before}}
    fixed = fix(before)
    if not fixed:
        return report("There was nothing to fix.", before, before, fixed)

    answer = errand.approve(
        f"Fix {len(fixed)} of {len(before)} findings in {len({one['file'] for one in fixed})} manifests?",
        detail=f"{table(fixed)}\n{len(before) - len(fixed)} findings are left for a person.",
        show_diff=True,
        attachments=["/children/before/artifacts/report.md"],
        timeout_s=7 * 24 * 3600,
    )
    why = f": {answer.comment}" if answer.comment else ""
    if not answer:
        restore(originals)
        by = f" by {answer.by}" if answer.by else ""
        return report(f"Nothing was changed: {answer.verdict}{by}{why}.", before, before, [])

    after = lint("after")
    new = Counter(map(key, after)) - Counter(map(key, before))
    still = {key(one) for one in after}
    if new or any(key(one) in still for one in fixed):
        restore(originals)
        sys.exit("the patch does not do what was asked for")
    return report(f"Approved by {answer.by}{why}.", before, after, fixed)


def lint(name):
    """Checks the workspace as it is now, in a sandbox of its own."""
    child = errand.spawn("manifest-lint", {}, workspace="fork", name=name)
    (output,) = errand.gather([child])
    return output["findings"]


def fix(findings):
    """Edits the manifests, and returns the findings that are dealt with."""
    fixed = []
    for name in sorted({one["file"] for one in findings if one["rule"] in FIXES}):
        text = edit.Yaml(read(name))
        for finding in findings:
            if finding["file"] != name or finding["rule"] not in FIXES:
                continue
            where = FIXES[finding["rule"]]
            try:
                text.put(finding["line"], *where) if where else text.quote(finding["line"])
                fixed.append(finding)
            except edit.Unclear as reason:
                errand.log(f"{name}:{finding['line']}: {finding['rule']} is left to a person: {reason}", "warn")
        write(name, str(text))
    return fixed


def restore(originals):
    for name, text in originals.items():
        write(name, text)


def report(outcome, before, after, fixed):
    """Leaves the report as an artifact; it is no part of the patch."""
    rows = "".join(
        f"| {severity}s | {count(before, severity)} | {count(after, severity)} |\n" for severity in SEVERITIES
    )
    text = (
        f"# Compliance\n\n{outcome}\n\n"
        f"| | before | after |\n| --- | ---: | ---: |\n{rows}\n"
        f"## Fixed\n\n{table(fixed)}\n## Left for a person\n\n{table(after)}"
    )
    write("compliance.md", text)
    errand.publish("compliance.md", description="What was found, fixed and left")
    os.remove("compliance.md")
    return {"outcome": outcome, "before": len(before), "after": len(after), "fixed": len(fixed)}


def table(findings):
    """Makes a table, what is worst first."""
    if not findings:
        return "Nothing.\n"
    rows = sorted(findings, key=lambda one: (SEVERITIES.index(one["severity"]), one["file"], one["line"]))
    lines = [f"| {one['severity']} | {one['file']}:{one['line']} | {one['rule']} | {one['message']} |\n" for one in rows]
    return "| | where | rule | what |\n| --- | --- | --- | --- |\n" + "".join(lines)


def count(findings, severity):
    return sum(one["severity"] == severity for one in findings)


def key(finding):
    return finding["file"], finding["rule"], finding["name"], finding["message"]


def read(name):
    with open(name, encoding="utf-8", newline="") as file:
        return file.read()


def write(name, text):
    with open(name, "w", encoding="utf-8", newline="") as file:
        file.write(text)


result = main()
