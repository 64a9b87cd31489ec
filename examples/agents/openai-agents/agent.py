"""OpenAI Agents SDK: an agent whose tools are those of `errand mcp`, over standard input and output.

With ERRAND_EXAMPLE_MODEL=gpt-… it asks that model; without, it follows the script of these examples.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from agents import Agent, Model, ModelResponse, Runner, Usage, set_tracing_disabled
from agents.mcp import MCPServerStdio
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

sys.path.insert(0, str(Path(__file__).parent.parent))
import script


class Script(Model):
    """A model that follows the script."""

    async def get_response(self, system_instructions, input, *args, **kwargs) -> ModelResponse:
        items = input if isinstance(input, list) else []
        outputs = [item["output"] for item in items if item.get("type") == "function_call_output"]
        step = script.next_step([script.read(output) for output in outputs])
        if isinstance(step, str):
            text = ResponseOutputText(type="output_text", text=step, annotations=[])
            said = ResponseOutputMessage(
                id="said", type="message", role="assistant", status="completed", content=[text]
            )
        else:
            name, arguments = step
            call = f"call-{len(outputs)}"
            said = ResponseFunctionToolCall(
                type="function_call", call_id=call, name=name, arguments=json.dumps(arguments)
            )
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *args, **kwargs):
        raise NotImplementedError("the script is not streamed")


async def main() -> None:
    model = os.environ.get("ERRAND_EXAMPLE_MODEL") or Script()
    if isinstance(model, Script):
        set_tracing_disabled(True)
    command = {"command": os.environ.get("ERRAND_BINARY", "errand"), "args": ["mcp"], "env": dict(os.environ)}
    async with MCPServerStdio(params=command) as errand:
        agent = Agent(
            name="counter",
            model=model,
            instructions="Hand long work to Errand, and say what became of it.",
            mcp_servers=[errand],
        )
        result = await Runner.run(agent, "Sum the numbers below 100.", max_turns=50)
        print(result.final_output)


asyncio.run(main())
