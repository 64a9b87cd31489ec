"""A model for ADK that follows the script of these examples."""

import sys
from pathlib import Path
from typing import AsyncGenerator

from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.genai import types

sys.path.insert(0, str(Path(__file__).parent.parent))
import script


class Script(BaseLlm):
    """Asks for what the script says next, with the tools that the agent has."""

    model: str = "script"

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        parts = [part for content in llm_request.contents for part in content.parts or []]
        results = [script.read(p.function_response.response) for p in parts if p.function_response]
        step = script.next_step(results, can_wait="wait_for_task" in llm_request.tools_dict)
        if isinstance(step, str):
            part = types.Part(text=step)
        else:
            part = types.Part(function_call=types.FunctionCall(name=step[0], args=step[1]))
        yield LlmResponse(content=types.Content(role="model", parts=[part]))
