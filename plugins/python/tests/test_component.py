"""The built component, run for real. Skipped where it or PyPI's `wasmtime` isn't there."""

from __future__ import annotations

import json
import os
import tempfile
import unittest

try:
    import component_host
except ImportError:
    component_host = None


@unittest.skipIf(component_host is None, "needs the `wasmtime` package")
@unittest.skipUnless(component_host and component_host.COMPONENT.exists(), "needs the component")
class Component(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = component_host.Host()

    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.workspace = self._directory.name

    def run_code(self, code, **more):
        return self.host.run({"code": code, **more}, self.workspace)

    def result(self, code, **more):
        output = self.run_code(code, **more)
        self.assertIn("result", output, output)
        return output["result"]

    def put(self, name, text):
        path = os.path.join(self.workspace, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as stream:
            stream.write(text)

    def get(self, name):
        with open(os.path.join(self.workspace, name)) as stream:
            return stream.read()

    def test_describes_itself_with_json_schemas(self):
        description = self.host.describe()
        self.assertEqual(len(json.loads(getattr(description, "input-schema"))["oneOf"]), 2)
        json.loads(getattr(description, "output-schema"))

    def test_prints_and_gives_a_result(self):
        output = self.run_code("print('hé', 1)\nresult = {'a': [1, None]}")
        self.assertEqual(output, {"result": {"a": [1, None]}, "stdout": "hé 1\n", "stderr": ""})
        self.assertEqual(self.host.stdout, ["hé 1\n".encode()])

    def test_a_program_sees_its_input_arguments_and_stdin(self):
        code = "import errand, sys\nresult = [errand.input['x'], sys.argv, input(), input()]"
        self.assertEqual(
            self.result(code, x=5, args=["y"], stdin="a\nb"), [5, ["-c", "y"], "a", "b"]
        )

    def test_each_run_has_chance_of_its_own(self):
        code = (
            "import os, random, secrets, tempfile, uuid\n"
            "result = [random.random(), random.SystemRandom().random(), secrets.token_hex(), "
            "str(uuid.uuid4()), uuid.getnode(), next(tempfile._get_candidate_names()), "
            "os.urandom(8).hex()]"
        )
        for one, other in zip(self.result(code), self.result(code)):
            self.assertNotEqual(one, other)

    def test_the_clock_is_live_and_time_passes(self):
        import time

        code = "import time\na = time.time()\ntime.sleep(0.02)\nresult = [a, time.time() - a]"
        started, slept = self.result(code)
        self.assertLess(abs(time.time() - started), 60)
        self.assertGreater(slept, 0.015)

    def test_the_workspace_is_the_working_directory(self):
        self.put("sub/in.txt", "in")
        code = (
            "import os\nopen('out.txt', 'w').write(open('sub/in.txt').read())\n"
            "os.chdir('sub')\nopen('two.txt', 'w').write('two')\n"
            "result = [os.getcwd(), sorted(os.listdir('..')), os.path.abspath('x')]"
        )
        self.assertEqual(
            self.result(code), ["/workspace/sub", ["out.txt", "sub"], "/workspace/sub/x"]
        )
        self.assertEqual((self.get("out.txt"), self.get("sub/two.txt")), ("in", "two"))

    def test_a_file_runs_with_its_neighbours(self):
        self.put("pkg/main.py", "import near\nresult = [near.VALUE, __file__, __name__]\n")
        self.put("pkg/near.py", "VALUE = 7\nOPEN = open('left', 'w')\nOPEN.write('near')\n")
        output = self.host.run({"file": "pkg/main.py"}, self.workspace)
        self.assertEqual(output["result"], [7, "/workspace/pkg/main.py", "__main__"])
        self.assertEqual(self.get("left"), "near")
        self.assertEqual(sorted(os.listdir(os.path.join(self.workspace, "pkg"))), ["main.py", "near.py"])

    def test_a_program_can_have_a_module_called_app(self):
        self.put("app.py", "ANSWER = 42\n")
        self.assertEqual(self.result("import app\nresult = app.ANSWER"), 42)

    def test_files_left_open_are_written_out(self):
        self.result("f = open('a', 'w')\nf.write('a')\nclass B:\n    f = open('b', 'w')\nB.f.write('b')")
        self.assertEqual((self.get("a"), self.get("b")), ("a", "b"))

    def test_nothing_of_the_build_is_left(self):
        code = (
            "import os, sys\n"
            "result = [dict(os.environ), sys.path, sys.executable, sys.prefix, sys.flags.no_site]"
        )
        self.assertEqual(self.result(code), [{}, ["/workspace"], "", "/python", 0])

    def test_the_rest_of_the_library_can_be_imported(self):
        code = (
            "import cProfile, pdb, wave, xmlrpc.client, encodings.shift_jis\n"
            "result = [wave.__file__, 'あ'.encode('shift_jis').hex()]"
        )
        self.assertEqual(self.result(code), ["/python/wave.py", "82a0"])

    def test_time_zones_are_there(self):
        code = (
            "import datetime, zoneinfo\n"
            "zone = zoneinfo.ZoneInfo('Europe/Paris')\n"
            "result = str(datetime.datetime(2026, 7, 1, tzinfo=zone)), "
            "len(zoneinfo.available_timezones()) > 400"
        )
        self.assertEqual(self.result(code), ["2026-07-01 00:00:00+02:00", True])

    def test_asyncio_runs(self):
        code = (
            "import asyncio\n"
            "async def one(i):\n    await asyncio.sleep(0.01)\n    return i\n"
            "async def main():\n"
            "    return await asyncio.gather(one(1), one(2), asyncio.to_thread(lambda: 3))\n"
            "result = asyncio.run(main())"
        )
        self.assertEqual(self.result(code), [1, 2, 3])

    def test_what_a_sandbox_cannot_do_says_so(self):
        for code, text in (
            ("import threading; threading.Thread(target=print).start()", "can't start new thread"),
            ("import subprocess; subprocess.run(['ls'])", "does not support processes"),
            ("open('/etc/passwd')", "FileNotFoundError"),
            ("open('../x')", "PermissionError"),
        ):
            self.assertIn(text, self.run_code(code)["message"])

    def test_a_traceback_shows_the_programs_lines_and_none_of_ours(self):
        failure = self.run_code("def f(x):\n    return 1 / x\n\nf(0)")
        self.assertEqual(failure["code"], "exception")
        self.assertEqual(failure["persistence"], "permanent")
        self.assertEqual(failure["message"], "ZeroDivisionError: division by zero")
        self.assertEqual(
            failure["detail"]["traceback"],
            'Traceback (most recent call last):\n  File "<code>", line 4, in <module>\n    f(0)\n'
            '    ~^^^\n  File "<code>", line 2, in f\n    return 1 / x\n           ~~^~~\n'
            "ZeroDivisionError: division by zero\n",
        )
        self.assertEqual(failure["detail"]["stderr"], failure["detail"]["traceback"])

    def test_a_syntax_error_points_at_its_place(self):
        detail = self.run_code("x = = 1")["detail"]
        self.assertEqual(
            detail["traceback"],
            '  File "<code>", line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n',
        )

    def test_exit_statuses(self):
        self.assertEqual(self.result("import sys; result = 1; sys.exit(0)"), 1)
        failure = self.run_code("import sys; print('x'); sys.exit(3)")
        self.assertEqual(failure["code"], "exit")
        self.assertEqual(failure["detail"], {"exit_code": 3, "stdout": "x\n", "stderr": ""})
        self.assertEqual(self.run_code("raise SystemExit('bye')")["detail"]["stderr"], "bye\n")

    def test_a_program_that_breaks_its_surroundings_still_ends_in_order(self):
        self.assertEqual(self.result("import sys\nresult = 1\ndel sys.stdout"), 1)
        self.assertEqual(self.run_code("import sys\nsys.stderr = None\n1 / 0")["code"], "exception")
        self.assertEqual(self.run_code("import sys\nsys.stderr.close()\n1 / 0")["code"], "exception")
        self.assertEqual(self.run_code("import os\nos._exit(4)")["detail"]["exit_code"], 4)
        failure = self.run_code("import builtins\nbuiltins.isinstance = builtins.len = None\n1 / 0")
        self.assertEqual(failure["code"], "exception")

    def test_retry_is_transient(self):
        failure = self.run_code("import errand\nraise errand.Retry('later')")
        self.assertEqual(failure["persistence"], "transient")
        self.assertEqual(failure["message"], "errand.Retry: later")

    def test_results_that_are_not_json(self):
        for code, text in (
            ("result = {1}", "set"),
            ("result = float('nan')", "nan"),
            (r"result = '\ud800'", "surrogate"),
            ("result = []; result.append(result)", "Circular"),
        ):
            failure = self.run_code(code)
            self.assertEqual(failure["code"], "result_not_json")
            self.assertIn(text, failure["message"])

    def test_inputs_that_are_not_tasks(self):
        for given in ("{", "[]", "{}", '{"code":"","file":"x"}', '{"code":1}', '{"file":"no.py"}',
                      '{"file":"../x.py"}', '{"code":"","args":[1]}', '{"code":"","stdin":1}'):
            self.assertEqual(self.host.run(given, self.workspace)["code"], "invalid_input", given)

    def test_much_output_is_cut_and_bytes_are_replaced(self):
        output = self.run_code("import sys\nprint('é' * 400_000)\nsys.stderr.buffer.write(b'\\xff' * 400_000)")
        self.assertTrue(output["stdout"].endswith("é\n[truncated: 800001 bytes were written]\n"))
        self.assertIn("[truncated: 400000 bytes", output["stderr"])
        self.assertLess(len(json.dumps(output, ensure_ascii=False).encode()), 1024 * 1024)
        self.assertEqual(sum(map(len, self.host.stdout)), 800_001)

    def test_exit_handlers_run_and_their_errors_are_printed(self):
        output = self.run_code(
            "import atexit, logging\natexit.register(print, 'bye')\natexit.register(lambda: 1 / 0)\n"
            "logging.warning('w')"
        )
        self.assertEqual(output["stdout"], "bye\n")
        self.assertIn("ZeroDivisionError", output["stderr"])
        self.assertIn("WARNING:root:w", output["stderr"])

    def test_deep_recursion_is_an_exception(self):
        for code in ("def f(): f()\nf()", "class A:\n    def __repr__(self): return repr(self)\nrepr(A())"):
            self.assertIn("RecursionError", self.run_code(code)["message"])

    def test_memory_errors_are_exceptions(self):
        failure = self.run_code("x = bytearray(2**31 - 10**6)\ny = bytearray(2**31 - 10**6)\nz = bytearray(2**31 - 10**6)")
        self.assertEqual(failure["message"], "MemoryError")

    def test_reports_reach_the_host(self):
        self.result("import errand\nerrand.progress(1, 2, 'm')\nerrand.log('l', 'warn')\nerrand.restored()")
        self.assertEqual(
            self.host.calls, [("report", (1, 2, "m")), ("log", ("warn", "l")), ("restored", ())]
        )

    def test_what_the_server_does_not_offer_says_so(self):
        for call in ("approve('t')", "spawn('x', {})", "gather(['i'])", "wait_any(['i'])", "sleep(1)",
                     "checkpoint(b'x')", "emit('k', 1)", "publish('f')"):
            failure = self.run_code(f"import errand\nerrand.{call}")
            self.assertEqual(failure["detail"]["type"], "errand.Unsupported", call)
            self.assertIn("this server does not offer", failure["message"])
            self.assertEqual(failure["detail"]["traceback"].count("File "), 1)

    def test_http_requests_and_responses(self):
        import http.server
        import threading

        class Echo(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(418)
                self.send_header("X-Path", self.path)
                self.end_headers()
                self.wfile.write(body + self.headers["X-Mine"].encode())

            def log_message(self, *args):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Echo)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            code = (
                f"import errand\nurl = 'http://127.0.0.1:{server.server_port}/é?a=b c'\n"
                "r = errand.http('post', url, {'X-Mine': 'h'}, 'x' * 100_000)\n"
                "result = [r.status, r.headers['x-path'], len(r.body), r.text[-2:]]"
            )
            self.assertEqual(self.result(code), [418, "/%C3%A9?a=b%20c", 100_001, "xh"])
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def test_http_that_fails_is_an_error_of_errand(self):
        failure = self.run_code("import errand\nerrand.http('POST', 'http://127.0.0.1:1/x', body={'a': 1})")
        self.assertEqual(failure["message"], "errand.Error: errand.http: 127.0.0.1:1: connection refused")


if __name__ == "__main__":
    unittest.main()
