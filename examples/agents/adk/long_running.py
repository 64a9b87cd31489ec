"""Google ADK: a long-running tool. The agent hands work over and stops; this program follows the task, and
the agent goes on with what it came to.

Nothing waits in the agent meanwhile: its session can be kept in a database, and what follows the task can be
another process. With ERRAND_EXAMPLE_MODEL=gemini-… it asks that model; without, it follows the script.
"""

import asyncio
import os

from errand_client import AsyncErrand, Event, tools
from google.adk.agents import LlmAgent
from google.adk.runners import InMemoryRunner
from google.adk.tools import LongRunningFunctionTool
from google.genai import types

from stub import Script

submit_task, get_task, *_ = tools.for_async_agents()


async def follow(task_id: str) -> dict:
    """Waits for a task's end, and tells the person what waits for them."""
    async with AsyncErrand() as errand:
        async for event in errand.events(task_id):
            if isinstance(event, Event) and event.kind == "approval_requested":
                approval = await errand.approval(event.data["approval_id"])
                print(f"waits for you: {approval.links['page']} or `errand approve {approval.id}`", flush=True)
    return await get_task(task_id)


async def main() -> None:
    agent = LlmAgent(
        name="counter",
        model=os.environ.get("ERRAND_EXAMPLE_MODEL") or Script(),
        instruction="Hand long work to Errand, and say what became of it.",
        tools=[LongRunningFunctionTool(submit_task), get_task],
    )
    runner = InMemoryRunner(agent=agent, app_name="errand")
    session = await runner.session_service.create_session(app_name="errand", user_id="you")

    async def say(part: types.Part) -> "list[types.FunctionResponse]":
        """Tells the agent something, and answers which long-running calls it made."""
        message = types.Content(role="user", parts=[part])
        pending, answers = set(), []
        async for event in runner.run_async(user_id="you", session_id=session.id, new_message=message):
            pending |= event.long_running_tool_ids or set()
            for said in event.content.parts if event.content and event.content.parts else []:
                if said.text:
                    print(said.text, flush=True)
                if said.function_response:
                    answers.append(said.function_response)
        return [answer for answer in answers if answer.id in pending]

    for call in await say(types.Part(text="Sum the numbers below 100.")):
        call.response = await follow(call.response["task_id"])
        await say(types.Part(function_response=call))


asyncio.run(main())
