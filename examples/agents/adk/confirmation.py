"""Google ADK: tool confirmation. Its user is asked before anything is handed over; what is read needs no yes.

That is a question of the agent's program, before the task. What a task itself asks, Errand asks a person, on
its page or at a terminal. With ERRAND_EXAMPLE_MODEL=gemini-… it asks that model; without, it follows the
script.
"""

import asyncio
import json
import os

from google.adk.agents import LlmAgent
from google.adk.runners import InMemoryRunner
from google.adk.tools.mcp_tool import McpToolset, StreamableHTTPConnectionParams
from google.genai import types

from stub import Script

ASKS = "adk_request_confirmation"


def toolset(**options) -> McpToolset:
    server = StreamableHTTPConnectionParams(
        url=os.environ["ERRAND_SERVER"] + "/mcp",
        headers={"Authorization": f"Bearer {os.environ['ERRAND_TOKEN']}"},
    )
    return McpToolset(connection_params=server, **options)


def confirmed(call: types.FunctionCall) -> types.Part:
    """Asks the person at the terminal."""
    asked = call.args["originalFunctionCall"]
    print(f"hand {json.dumps(asked['args']['input'])} to {asked['args']['executor']}? [y/N]", flush=True)
    answer = {"confirmed": input().strip().lower() == "y"}
    return types.Part(function_response=types.FunctionResponse(id=call.id, name=ASKS, response=answer))


async def main() -> None:
    toolsets = [
        toolset(tool_filter=["submit_task"], require_confirmation=True),
        toolset(tool_filter=["wait_for_task", "get_task", "get_task_result", "read_artifact"]),
    ]
    agent = LlmAgent(
        name="counter",
        model=os.environ.get("ERRAND_EXAMPLE_MODEL") or Script(),
        instruction="Hand long work to Errand, and say what became of it.",
        tools=toolsets,
    )
    runner = InMemoryRunner(agent=agent, app_name="errand")
    session = await runner.session_service.create_session(app_name="errand", user_id="you")
    said = [types.Part(text="Sum the numbers below 100.")]
    while said:
        message, said = types.Content(role="user", parts=said), []
        async for event in runner.run_async(user_id="you", session_id=session.id, new_message=message):
            for part in event.content.parts if event.content and event.content.parts else []:
                if part.text:
                    print(part.text, flush=True)
                if part.function_call and part.function_call.name == ASKS:
                    said.append(confirmed(part.function_call))
    for one in toolsets:
        await one.close()


asyncio.run(main())
