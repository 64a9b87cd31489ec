"""CrewAI: a crew whose tools are those of an Errand server, over MCP.

With ERRAND_EXAMPLE_MODEL=provider/model it asks that model; without, it follows the script of these examples.
"""

import json
import os
import sys
from pathlib import Path

# It would tell its makers of each run.
os.environ.setdefault("CREWAI_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OTEL_SDK_DISABLED", "true")

from crewai import Agent, BaseLLM, Crew, Task
from crewai_tools import MCPServerAdapter

sys.path.insert(0, str(Path(__file__).parent.parent))
import script


class Script(BaseLLM):
    """A model that follows the script, in the words in which CrewAI asks models for tools."""

    def call(self, messages, *args, **kwargs) -> str:
        said = "\n".join(str(message["content"]) for message in messages)
        results = [
            script.read(line.removeprefix("Observation:").strip())
            for line in said.splitlines()
            if line.startswith("Observation: {")
        ]
        step = script.next_step(results)
        if isinstance(step, str):
            return f"Thought: it is done\nFinal Answer: {step}"
        name, arguments = step
        return f"Thought: next\nAction: {name}\nAction Input: {json.dumps(arguments)}"

    def supports_function_calling(self) -> bool:
        return False


def main() -> None:
    server = {
        "url": os.environ["ERRAND_SERVER"] + "/mcp",
        "transport": "streamable-http",
        "headers": {"Authorization": f"Bearer {os.environ['ERRAND_TOKEN']}"},
    }
    with MCPServerAdapter(server) as tools:
        agent = Agent(
            role="counter",
            goal="Hand long work to Errand, and say what became of it.",
            backstory="You count.",
            tools=list(tools),
            llm=os.environ.get("ERRAND_EXAMPLE_MODEL") or Script(model="script"),
            max_iter=50,
            # How a task stands now is not how it stood.
            cache=False,
        )
        task = Task(description="Sum the numbers below 100.", expected_output="The sum.", agent=agent)
        print(Crew(agents=[agent], tasks=[task], cache=False).kickoff())


main()
