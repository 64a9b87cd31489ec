"""Runs each agent against a real server, without a model: what it hands over is done, and what waits for a
person is decided by one."""

import json
import os
import re
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

HERE = Path(__file__).parent.resolve()
TARGET = HERE.parent.parent / "target"
ERRAND = Path(os.environ.get("ERRAND_BINARY", TARGET / "release/errand")).resolve()
AGENTS = {
    "adk/agent.py": "venv-agents",
    "adk/long_running.py": "venv-agents",
    "openai-agents/agent.py": "venv-agents",
    "langgraph/agent.py": "venv-agents",
    "crewai/agent.py": "venv-crewai",
}


class Agents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.TemporaryDirectory()
        cls.server = subprocess.Popen(
            [ERRAND, "serve", "--listen", "127.0.0.1:0", "--data", cls.data.name, "--log-format", "json"],
            stderr=subprocess.PIPE,
            text=True,
        )
        line = next(line for line in cls.server.stderr if "listening" in line)
        # It must not wait for a reader of its log.
        threading.Thread(target=cls.server.stderr.read, daemon=True).start()
        cls.url = json.loads(line)["url"]
        cls.errand("plugin", "add", str(TARGET / "plugins/python.wasm"))

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait()
        cls.data.cleanup()

    @classmethod
    def errand(cls, *args):
        ran = subprocess.run([ERRAND, "--data", cls.data.name, *args], capture_output=True, text=True, check=True)
        return ran.stdout

    def start(self, program, asks=False, python="venv-agents"):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.data.name,
            "PYTHONDONTWRITEBYTECODE": "1",
            "ERRAND_BINARY": str(ERRAND),
            "ERRAND_DATA": self.data.name,
            "ERRAND_SERVER": self.url,
            "ERRAND_TOKEN": Path(self.data.name, "agent.token").read_text().strip(),
            "ERRAND_EXAMPLE_ASKS": "1" if asks else "0",
        }
        return subprocess.Popen(
            [TARGET / python / "bin/python", HERE / program],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_each_agent_hands_over_a_task_and_says_what_became_of_it(self):
        for agent, python in AGENTS.items():
            with self.subTest(agent):
                out, err = self.start(agent, python=python).communicate()
                said = re.search(r"The task (\w+) completed: 4950", out)
                self.assertIsNotNone(said, f"{out}\n{err[-3000:]}")
                task = json.loads(self.errand("show", "--json", said[1]))
                self.assertEqual(task["status"], "completed")

    def test_each_agent_tells_its_user_where_to_decide_and_goes_on_after_that(self):
        for agent, python in AGENTS.items():
            with self.subTest(agent):
                process = self.start(agent, asks=True, python=python)
                said = next((line for line in process.stdout if line.startswith("waits for you: ")), "")
                asked = re.search(r"`errand approve (\S+)`", said)
                self.assertIsNotNone(asked, process.stderr.read()[-3000:] if not said else said)
                self.errand("approve", asked[1])
                out, err = process.communicate()
                self.assertIn("completed: 4950", out, err[-3000:])

    def test_nothing_is_handed_over_before_its_user_says_yes(self):
        for answer, said in [("y", "completed: 4950"), ("n", "Nothing was handed over")]:
            with self.subTest(answer):
                known = self.errand("list", "--json")
                process = self.start("adk/confirmation.py")
                asked = process.stdout.readline()
                self.assertRegex(asked, r"^hand .+ to python\? \[y/N\]", process.poll() and process.stderr.read())
                self.assertEqual(self.errand("list", "--json"), known)
                out, err = process.communicate(answer + "\n")
                self.assertIn(said, out, err[-3000:])
                self.assertEqual(self.errand("list", "--json") == known, answer == "n")

    def test_the_sdk_submits_watches_cancels_and_is_told_of_a_decision(self):
        process = self.start("sdk.py")
        self.assertEqual(process.stdout.readline(), "cancelled\n", process.poll() and process.stderr.read())
        asked = re.search(r"`errand approve (\S+)`", process.stdout.readline())
        self.errand("approve", asked[1])
        out, err = process.communicate()
        self.assertEqual(out, "approved\n", err[-3000:])


if __name__ == "__main__":
    unittest.main()
