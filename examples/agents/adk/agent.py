"""Google ADK: an agent whose tools are those of an Errand server, over MCP.

With ERRAND_EXAMPLE_MODEL=gemini-… it asks that model; without, it follows the script of these examples.
"""

import asyncio
import os

from google.adk.agents import LlmAgent
from google.adk.runners import InMemoryRunner
from google.adk.tools.mcp_tool import McpToolset, StreamableHTTPConnectionParams
from google.genai import types

from stub import Script


async def main() -> None:
    errand = McpToolset(
        connection_params=StreamableHTTPConnectionParams(
            url=os.environ["ERRAND_SERVER"] + "/mcp",
            headers={"Authorization": f"Bearer {os.environ['ERRAND_TOKEN']}"},
        )
    )
    agent = LlmAgent(
        name="counter",
        model=os.environ.get("ERRAND_EXAMPLE_MODEL") or Script(),
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
