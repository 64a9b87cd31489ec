"""Google ADK: an agent whose tools are those of an Errand server, over MCP.

With ERRAND_EXAMPLE_MODEL=gemini-… it asks that model; without, it follows the script of these examples.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import AsyncGenerator

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.tools.mcp_tool import McpToolset, StreamableHTTPConnectionParams
from google.genai import types

sys.path.insert(0, str(Path(__file__).parent.parent))
import script


class Script(BaseLlm):
    """A model that follows the script."""

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        parts = [part for content in llm_request.contents for part in content.parts or []]
        results = [script.read(p.function_response.response) for p in parts if p.function_response]
        step = script.next_step(results)
        if isinstance(step, str):
            part = types.Part(text=step)
        else:
            part = types.Part(function_call=types.FunctionCall(name=step[0], args=step[1]))
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


async def main() -> None:
    model = os.environ.get("ERRAND_EXAMPLE_MODEL") or Script(model="script")
    errand = McpToolset(
        connection_params=StreamableHTTPConnectionParams(
            url=os.environ["ERRAND_SERVER"] + "/mcp",
            headers={"Authorization": f"Bearer {os.environ['ERRAND_TOKEN']}"},
        )
    )
    agent = LlmAgent(
        name="counter",
        model=model,
        instruction="Hand long work to Errand, and say what became of it.",
        tools=[errand],
    )
    runner = InMemoryRunner(agent=agent, app_name="errand")
    session = await runner.session_service.create_session(app_name="errand", user_id="you")
    message = types.Content(role="user", parts=[types.Part(text="Sum the numbers below 100.")])
    async for event in runner.run_async(user_id="you", session_id=session.id, new_message=message):
        for part in event.content.parts if event.content and event.content.parts else []:
            if part.text:
                print(part.text)
    await errand.close()


asyncio.run(main())
