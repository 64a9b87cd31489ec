"""What a model would do, written down: so that these agents run without one, in tests and on a plane.

It submits a task, waits for it, tells the person what waits for them, and sums up. Each agent's stub model
asks here for the next step; everything else in the agents is real.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

CODE = """
import errand
print("counting")
if errand.input.get("ask"):
    assert errand.approve("Count to the end?")
result = sum(range(errand.input["to"]))
"""


def next_step(
    results: "list[dict[str, Any]]", can_wait: bool = True
) -> "tuple[str, dict[str, Any]] | str":
    """Returns the tool to call next with its arguments, or what to say; `results` are what calls came to."""
    if not results:
        asks = os.environ.get("ERRAND_EXAMPLE_ASKS") == "1"
        return "submit_task", {"executor": "python", "input": {"code": CODE, "to": 100, "ask": asks}}
    last = results[-1]
    if "task_id" not in last:
        return f"Nothing was handed over: {last['error']}"
    if last["status"] in ("queued", "running", "waiting"):
        for approval in last.get("approvals", []):
            # A person decides; the agent says where.
            line = f"waits for you: {approval['url']} or `{approval['command']}`"
            # Past what frameworks put in the place of standard output.
            print(line, file=sys.__stdout__, flush=True)
        if not can_wait:
            return f"The task {last['task_id']} is at work; you will hear of it."
        # Some frameworks give up on a call that is made again with the same arguments.
        return "wait_for_task", {"task_id": last["task_id"], "timeout_s": min(2 + len(results) / 10, 4)}
    if last["status"] == "completed":
        return f"The task {last['task_id']} completed: {last['output']['result']}"
    return f"The task {last['task_id']} {last['status']}: {last['error']['message']}"


def read(result: Any) -> "dict[str, Any]":
    """Reads what a tool of Errand answered, as a framework hands it on."""
    if isinstance(result, str):
        result = json.loads(result)
    if isinstance(result, list):
        result = result[0]
    if isinstance(result, dict) and "task_id" not in result:
        for key in ("structuredContent", "structured_content", "result", "output"):
            if key in result:
                return read(result[key])
        for block in result.get("content", []):
            return read(block["text"])
        if "text" in result:
            return read(result["text"])
    return result
