"""The Python SDK of MCP over `errand mcp`: submit, watch, result, cancel, and a task that waits for a person."""

import asyncio
import os

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

ASKS = "import errand\nresult = errand.approve('Go?').verdict"


async def main() -> None:
    command = StdioServerParameters(
        command=os.environ.get("ERRAND_BINARY", "errand"), args=["mcp"], env=dict(os.environ)
    )
    async with stdio_client(command) as (read, write), ClientSession(read, write) as session:
        await session.initialize()

        async def call(tool: str, **arguments):
            # The SDK checks what comes back against the tool's schema.
            result = await session.call_tool(tool, arguments)
            return result.structuredContent

        async def submit(code: str) -> str:
            task = await call("submit_task", executor="python", input={"code": code})
            return task["task_id"]

        endless = await submit("while True: pass")
        await call("cancel_task", task_id=endless)
        print((await call("wait_for_task", task_id=endless, timeout_s=60))["status"])

        asking = await submit(ASKS)
        standing = await call("wait_for_task", task_id=asking, timeout_s=60)
        print(f"waits for you: `{standing['approvals'][0]['command']}`", flush=True)
        while standing["status"] not in ("completed", "failed", "cancelled"):
            standing = await call("wait_for_task", task_id=asking)
        print((await call("get_task_result", task_id=asking))["output"]["result"])


asyncio.run(main())
