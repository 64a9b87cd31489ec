"""Counts the words of a text: an executor for Errand.

`count` is the work, a function without effects. `WitWorld` is the edge to the host: it describes itself,
reads the input, reports progress, leaves a file behind and says how it failed.

What stands at module level here runs once, when the component is built, and is in its snapshot: import
what you need there, not in `run`.
"""

import json
import re
from collections import Counter

import wit_world
from componentize_py_types import Err
from wit_world.imports import artifacts, progress
from wit_world.imports.errand_task_types import Level
from wit_world.imports.execution import Descriptor, Failure, Persistence

INPUT_SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "What to count."},
        "top": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "default": 3,
            "description": "How many words to name.",
        },
    },
    "required": ["text"],
    "additionalProperties": False,
    "examples": [{"text": "to be or not to be\nthat is the question", "top": 2}],
}

OUTPUT_SCHEMA = {
    "type": "object",
    "properties": {
        "words": {"type": "integer", "minimum": 1},
        "top": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"word": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
                "required": ["word", "count"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["words", "top"],
    "additionalProperties": False,
}


class WitWorld(wit_world.WitWorld):
    """The executor, as the generated bindings expect it."""

    def describe(self) -> Descriptor:
        """Called once, at upload."""
        return Descriptor(
            "Counts the words of a text.", json.dumps(INPUT_SCHEMA), json.dumps(OUTPUT_SCHEMA)
        )

    def run(self, input: str) -> str:
        """Called for each task, in a fresh instance. The input fits the schema: that was checked before."""
        try:
            task = json.loads(input)
            output = count(task["text"], task.get("top", 3))
            if output["words"] == 0:
                progress.log(Level.WARN, "there is nothing to count")
                raise permanent("no_words", "the text has no words")
            leave_report(output)
            return json.dumps(output)
        except Err:
            raise
        except Exception as error:
            # What is not caught is a trap, which says nothing.
            raise permanent("exception", f"{type(error).__name__}: {error}") from error


def count(text: str, top: int) -> dict:
    counts = Counter()
    lines = text.splitlines()
    for done, line in enumerate(lines, 1):
        counts.update(re.findall(r"[^\W_]+", line.lower()))
        progress.report(done, len(lines), None)
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return {
        "words": counts.total(),
        "top": [{"word": word, "count": times} for word, times in ordered[:top]],
    }


def leave_report(output: dict) -> None:
    """Writes a file into the task's directory, and keeps it beyond the task's end."""
    lines = [f"- {entry['word']}: {entry['count']}\n" for entry in output["top"]]
    try:
        with open("/workspace/report.md", "w") as report:
            report.writelines([f"# {output['words']} words\n\n", *lines])
        artifacts.publish("report.md", artifacts.Description(None, "What was counted"))
    except (OSError, Err) as error:
        raise transient("report_not_kept", str(error)) from error


def permanent(code: str, message: str) -> Err:
    """A failure that would come again: the task is not tried again."""
    return Err(Failure(code, message, None, Persistence.PERMANENT))


def transient(code: str, message: str) -> Err:
    """A failure that may pass: the task is tried again, as often as its request says."""
    return Err(Failure(code, message, None, Persistence.TRANSIENT))
