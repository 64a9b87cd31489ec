"""LangGraph: a graph whose tools are those of an Errand server, over MCP.

With ERRAND_EXAMPLE_MODEL=provider:model it asks that model; without, it follows the script of these examples.
"""

import asyncio
import os
import sys
from pathlib import Path

from langchain_core.messages import AIMessage, ToolMessage
from langchain_mcp_adapters.client import MultiServerMCPClient
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

sys.path.insert(0, str(Path(__file__).parent.parent))
import script


async def follow_script(messages: list) -> AIMessage:
    """Does what a model would."""
    outputs = [message.content for message in messages if isinstance(message, ToolMessage)]
    step = script.next_step([script.read(output) for output in outputs])
    if isinstance(step, str):
        return AIMessage(step)
    call = {"name": step[0], "args": step[1], "id": f"call-{len(outputs)}"}
    return AIMessage("", tool_calls=[call])


async def main() -> None:
    errand = MultiServerMCPClient({
        "errand": {
            "transport": "streamable_http",
            "url": os.environ["ERRAND_SERVER"] + "/mcp",
            "headers": {"Authorization": f"Bearer {os.environ['ERRAND_TOKEN']}"},
        }
    })
    tools = await errand.get_tools()
    ask = follow_script
    if name := os.environ.get("ERRAND_EXAMPLE_MODEL"):
        from langchain.chat_models import init_chat_model

        ask = init_chat_model(name).bind_tools(tools).ainvoke

    async def model(state: MessagesState) -> dict:
        return {"messages": [await ask(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", model)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    question = {"messages": [("user", "Sum the numbers below 100.")]}
    ended = await graph.compile().ainvoke(question, {"recursion_limit": 100})
    print(ended["messages"][-1].content)


asyncio.run(main())
