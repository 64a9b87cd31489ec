"""What the executor says of itself: one sentence and two JSON Schemas, encoded at build."""

from __future__ import annotations

import json

TEXT = "Runs Python code: CPython 3.14 with its standard library, in the task's own workspace."

_SCHEMA = "https://json-schema.org/draft/2020-12/schema"

INPUT_SCHEMA = json.dumps(
    {
        "$schema": _SCHEMA,
        "type": "object",
        "properties": {
            "code": {
                "type": "string",
                "description": "The program. Runs as `__main__`.",
            },
            "file": {
                "type": "string",
                "minLength": 1,
                "description": "A program in the workspace, as a path relative to it.",
            },
            "args": {
                "type": "array",
                "items": {"type": "string"},
                "description": "`sys.argv` after the program's name.",
            },
            "stdin": {"type": "string", "description": "What the program reads from `sys.stdin`."},
        },
        "oneOf": [{"required": ["code"]}, {"required": ["file"]}],
        "additionalProperties": True,
    }
)

OUTPUT_SCHEMA = json.dumps(
    {
        "$schema": _SCHEMA,
        "type": "object",
        "properties": {
            "result": {
                "description": "The JSON value of the variable `result`, null where none was set."
            },
            "stdout": {"type": "string", "description": "What was printed, the first 256 KiB of it."},
            "stderr": {"type": "string", "description": "The same of `sys.stderr`."},
        },
        "required": ["result", "stdout", "stderr"],
        "additionalProperties": False,
    }
)
