"""The executor's parts that are the same natively: inputs, streams, tracebacks, failures, the loop."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tempfile
import unittest

import bindings

bindings.install()

from errand_python import description, failures, inputs, loop, streams, tracebacks, web  # noqa: E402
from wit_world.imports import execution  # noqa: E402


class Inputs(unittest.TestCase):
    def test_code_and_its_surroundings(self):
        program = inputs.parse('{"code": "x", "args": ["a"], "stdin": "s", "more": 1}\n')
        self.assertEqual((program.source, program.argv, program.stdin), ("x", ["-c", "a"], "s"))
        self.assertEqual(program.everything["more"], 1)

    def test_a_file_brings_its_directory(self):
        with tempfile.TemporaryDirectory() as workspace:
            inputs.WORKSPACE, kept = workspace, inputs.WORKSPACE
            self.addCleanup(setattr, inputs, "WORKSPACE", kept)
            os.mkdir(os.path.join(workspace, "d"))
            path = os.path.join(workspace, "d", "m.py")
            with open(path, "wb") as stream:
                stream.write(b"# coding: latin-1\n'\xe9'")
            program = inputs.parse('{"file": "d/m.py"}')
            self.assertEqual((program.path, program.directory), (path, os.path.dirname(path)))
            self.assertEqual(program.argv, ["d/m.py"])
            self.assertIsInstance(program.source, bytes)
            for file in ("d", "no.py", "../m.py", "a\x00b"):
                with self.assertRaises(failures.Failed) as caught:
                    inputs.parse(json.dumps({"file": file}))
                self.assertEqual(caught.exception.code, "invalid_input")

    def test_what_is_no_input_is_named(self):
        for text, reason in (
            ("{", "not JSON"),
            ("[1]", "must be an object"),
            ("{}", "exactly one"),
            ('{"code": "", "file": "x"}', "exactly one"),
            ('{"code": null}', "`code` must be a string"),
            ('{"code": "", "args": "x"}', "`args` must be an array"),
            ('{"code": "", "stdin": 1}', "`stdin` must be a string"),
        ):
            with self.assertRaisesRegex(failures.Failed, reason):
                inputs.parse(text)


class Streams(unittest.TestCase):
    def setUp(self):
        reading, self.writing = os.pipe()
        self.reading = os.fdopen(reading, "rb")
        self.addCleanup(self.reading.close)
        self.tee = streams.Tee(self.writing, "<stdout>")
        self.out = streams.writer(self.tee, "strict")

    def sent(self):
        os.set_blocking(self.reading.fileno(), False)
        return self.reading.read() or b""

    def test_a_line_is_seen_when_it_is_complete(self):
        self.out.write("a")
        self.out.write("b")
        self.assertEqual(self.sent(), b"")
        self.out.write("c\n")
        self.assertEqual(self.sent(), b"abc\n")
        self.assertEqual(self.tee.text(), "abc\n")

    def test_a_long_line_is_seen_in_pieces(self):
        for _ in range(9000):
            self.out.write("x")
        self.assertGreaterEqual(len(self.sent()), 8192)

    def test_bytes_that_are_no_text_are_replaced_where_they_are_kept(self):
        self.out.buffer.write(b"\xffa")
        self.out.flush()
        self.assertEqual((self.sent(), self.tee.text()), (b"\xffa", "\ufffda"))

    def test_much_output_is_cut_between_characters(self):
        with open(os.devnull, "wb") as sink:
            tee = streams.Tee(sink.fileno(), "x")
            tee.write("x".encode())
            for _ in range(100):
                tee.write(("é" * 5000).encode())
        text = tee.text()
        self.assertNotIn("\ufffd", text)
        self.assertTrue(text.endswith("é\n[truncated: 1000001 bytes were written]\n"))
        self.assertLess(len(text.encode()), streams.KEPT_BYTES + 100)

    def test_output_that_is_long_as_json_is_cut_more(self):
        with open(os.devnull, "wb") as sink:
            tee = streams.Tee(sink.fileno(), "x")
            tee.write(b"\x00" * streams.KEPT_BYTES)
        self.assertLess(len(json.dumps(tee.text())), 400 * 1024)

    def test_stdin_has_lines_and_bytes(self):
        stream = streams.reader("a\né\n")
        self.assertEqual(stream.readline(), "a\n")
        stream = streams.reader("é")
        self.assertEqual(stream.buffer.read(), "é".encode())


class Tracebacks(unittest.TestCase):
    def test_frames_of_the_executor_are_left_out_of_the_whole_chain(self):
        tracebacks.remember("<code>", "def f():\n    1 / 0\n")
        names: dict = {}
        exec(compile("def f():\n    1 / 0\n", "<code>", "exec"), names)
        hidden = compile("def g(f):\n    try:\n        f()\n    except Exception as e:\n"
                         "        raise ValueError('x') from e\n",
                         os.path.join(os.path.dirname(tracebacks.__file__), "x.py"), "exec")
        exec(hidden, names)
        try:
            names["g"](names["f"])
        except ValueError as error:
            text = tracebacks.render(error)
        self.assertIn('File "<code>", line 2, in f\n    1 / 0\n', text)
        self.assertNotIn("x.py", text)
        self.assertIn("direct cause", text)

    def test_a_syntax_error_has_no_heading(self):
        try:
            compile("x = = 1", "<code>", "exec")
        except SyntaxError as error:
            error.__traceback__ = None
            self.assertTrue(tracebacks.render(error).startswith('  File "<code>", line 1\n'))

    def test_messages_name_types_as_python_does(self):
        class Odd(Exception):
            def __str__(self):
                raise RuntimeError

        self.assertEqual(tracebacks.summary(KeyError("k")), "KeyError: 'k'")
        self.assertEqual(tracebacks.summary(ValueError()), "ValueError")
        self.assertEqual(tracebacks.summary(json.JSONDecodeError("m", "", 0)),
                         "json.decoder.JSONDecodeError: m: line 1 column 1 (char 0)")
        self.assertIn("<exception str() failed>", tracebacks.summary(Odd()))


class Failures(unittest.TestCase):
    def test_a_failure_is_told_to_the_host(self):
        failed = failures.Failed("retry", "later \ud800", {"a": "\ud800"}, transient=True).to_wit()
        self.assertEqual(failed.persistence, execution.Persistence.TRANSIENT)
        self.assertEqual((failed.message, failed.detail), ("later ?", '{"a": "?"}'))


class Loop(unittest.TestCase):
    def run_with_loop(self, coroutine):
        event_loop = loop.Loop()
        try:
            return event_loop.run_until_complete(coroutine)
        finally:
            event_loop.close()

    def test_tasks_timers_and_functions_in_place_of_threads(self):
        async def main():
            slept = asyncio.ensure_future(asyncio.sleep(0.001, "slept"))
            called = asyncio.get_running_loop().run_in_executor(None, lambda: "called")
            return await asyncio.gather(slept, called)

        self.assertEqual(self.run_with_loop(main()), ["slept", "called"])

    def test_a_wait_that_cannot_end_is_an_error(self):
        async def main():
            await asyncio.get_running_loop().create_future()

        with self.assertRaisesRegex(RuntimeError, "can't happen"):
            self.run_with_loop(main())


class Description(unittest.TestCase):
    def test_the_schemas_are_json(self):
        self.assertTrue(json.loads(description.INPUT_SCHEMA)["additionalProperties"])
        self.assertEqual(len(json.loads(description.OUTPUT_SCHEMA)["required"]), 3)


class Requests(unittest.TestCase):
    HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\n"

    def body_of(self, *writes: bytes) -> bytes:
        """Returns the body once it is whole, and fails where that is before the last write."""
        request = web._Request()
        for write in writes[:-1]:
            request.write(write)
            self.assertFalse(request.is_whole(), write)
        request.write(writes[-1])
        self.assertTrue(request.is_whole())
        return request.parts()[3]

    def test_a_length_says_when_a_body_is_whole(self):
        head = self.HEAD + b"Content-Length: 4\r\n\r\n"
        self.assertEqual(self.body_of(head, b"ab", b"cd"), b"abcd")
        self.assertEqual(self.body_of(self.HEAD[:9], self.HEAD[9:] + b"\r\n"), b"")

    def test_chunks_end_with_the_empty_one_whatever_is_in_them(self):
        head = self.HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        for pieces in ([b"ab", b"cd"], [b"x\r\n0\r\n", b"rest"], [b"\r\n0\r\n\r\n", b"0\r\n\r\n"]):
            chunks = [b"%X\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
            whole = b"".join(pieces)
            self.assertEqual(self.body_of(head, *chunks, b"0\r\n\r\n"), whole)
            split = [bytes([byte]) for byte in b"".join(chunks) + b"0\r\n\r\n"]
            self.assertEqual(self.body_of(head, *split), whole)
            self.assertEqual(self.body_of(head + b"".join(chunks) + b"0\r\n\r\n"), whole)


if __name__ == "__main__":
    unittest.main()
