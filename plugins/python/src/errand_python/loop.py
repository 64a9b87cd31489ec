"""An asyncio event loop for a sandbox without sockets, pipes or threads.

It runs coroutines, timers, queues and tasks. What needs a thread (`to_thread`, `run_in_executor`) runs
in place; what needs a socket or a process raises, as it does everywhere here.
"""

from __future__ import annotations

import asyncio
import time


class Loop(asyncio.BaseEventLoop):
    """Waits by sleeping until the next timer."""

    def __init__(self):
        super().__init__()
        self._selector = _Sleeper()

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass

    def run_in_executor(self, executor, func, *args):
        """Calls the function now and returns a future that is done."""
        self._check_closed()
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except StopIteration as error:
            future.set_exception(RuntimeError(f"StopIteration out of a function: {error!r}"))
        except Exception as error:
            future.set_exception(error)
        return future


class _Sleeper:
    """What `BaseEventLoop` calls a selector, with nothing to select from."""

    def select(self, timeout):
        if timeout is None:
            raise RuntimeError("this coroutine waits for something that can't happen any more")
        if timeout > 0:
            time.sleep(timeout)
        return ()

    def close(self):
        pass


def install() -> None:
    """Makes this the loop that `asyncio.run` uses. Called at build."""
    asyncio.unix_events._DefaultEventLoopPolicy._loop_factory = Loop
    asyncio.EventLoop = Loop
