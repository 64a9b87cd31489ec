"""The `errand` module: what reaches the host, and what becomes of its answers."""

from __future__ import annotations

import os
import tempfile
import unittest

import bindings

bindings.install()

import errand  # noqa: E402
from wit_world.imports import approval, artifacts, children, errand_task_types as host  # noqa: E402


def refuse(call, error):
    bindings.answers[call] = bindings.Err(error)


class Errand(unittest.TestCase):
    def setUp(self):
        bindings.reset()

    def test_reports_are_checked_and_passed_on(self):
        errand.progress(1, 2.9, "half")
        errand.log(ValueError("x"), level="warning")
        errand.emit("found", {"é": [1]})
        self.assertEqual(
            bindings.calls,
            [
                ("progress.report", 1, 2, "half"),
                ("progress.log", host.Level.WARN, "x"),
                ("progress.emit", "found", '{"é":[1]}'),
            ],
        )
        for wrong in (
            lambda: errand.progress("1"),
            lambda: errand.progress(True),
            lambda: errand.emit("k", {1}),
            lambda: errand.emit("k", float("nan")),
            lambda: errand.emit("k", "\ud800"),
            lambda: errand.emit(1, 1),
        ):
            self.assertRaisesRegex(TypeError, "^errand[.](progress|emit): ", wrong)
        self.assertRaises(ValueError, errand.progress, -1)
        self.assertRaises(ValueError, errand.log, "x", "loud")

    def test_refusals_become_exceptions_that_say_what_is_missing(self):
        for error, kind in (
            (host.Error_Unsupported("no timers here"), errand.Unsupported),
            (host.Error_Denied("not granted"), errand.Denied),
            (host.Error_Invalid("too long"), errand.Invalid),
            (host.Error_NotFound("gone"), errand.NotFound),
        ):
            refuse("timers.sleep", error)
            with self.assertRaises(kind) as caught:
                errand.sleep(1)
            self.assertEqual(str(caught.exception), f"errand.sleep: {error.value}")
            self.assertIsInstance(caught.exception, errand.Error)
            self.assertIsNone(caught.exception.__context__)
        refuse("timers.sleep", host.Error_Limit(host.Bound("fuel", 5)))
        with self.assertRaises(errand.Limit) as caught:
            errand.sleep(1)
        self.assertEqual((caught.exception.name, caught.exception.value), ("fuel", 5))

    def test_seconds_become_milliseconds_rounded_up(self):
        errand.sleep(0.0001)
        errand.sleep(2)
        self.assertEqual([call[1] for call in bindings.calls], [1, 2000])
        self.assertRaises(ValueError, errand.sleep, -1)
        self.assertRaises(TypeError, errand.sleep, "1")

    def test_an_approval_is_true_when_it_is_a_yes(self):
        bindings.answers["approval.ask"] = approval.Decision(
            approval.Verdict.APPROVED, "ann", None, '{"n":1}'
        )
        decision = errand.approve("Deploy?", schema={"type": "object"}, timeout_s=1.5)
        self.assertTrue(decision)
        self.assertEqual((decision.by, decision.values), ("ann", {"n": 1}))
        question = bindings.calls[0][1]
        self.assertEqual((question.schema, question.timeout_ms), ('{"type":"object"}', 1500))
        bindings.answers["approval.ask"] = approval.Decision(approval.Verdict.EXPIRED, None, None, None)
        decision = errand.approve("Deploy?")
        self.assertFalse(decision)
        self.assertEqual((decision.approved, decision.verdict), (False, "expired"))

    def test_children_are_spawned_as_asked(self):
        bindings.answers["children.spawn"] = "c1"
        self.assertEqual(errand.spawn("python", {"code": ""}, limits={"fuel": 5}, name="n"), "c1")
        child = bindings.calls[0][1]
        self.assertEqual((child.input, child.workspace), ('{"code":""}', children.Workspace.EMPTY))
        self.assertEqual((child.limits.fuel, child.limits.timeout_ms), (5, None))
        self.assertRaisesRegex(TypeError, "no feul", errand.spawn, "x", {}, limits={"feul": 1})
        self.assertRaises(ValueError, errand.spawn, "x", {}, workspace="full")

    def test_gather_gives_outputs_in_order_and_failures_as_asked(self):
        bindings.answers["children.wait_all"] = [
            children.Outcome("a", bindings.Ok("[1]")),
            children.Outcome("b", bindings.Err(host.TaskError("timeout", "too slow", '{"x":1}'))),
        ]
        good, bad = errand.gather(["a", "b"], on_failure="collect")
        self.assertEqual(good, [1])
        self.assertEqual((bad.id, bad.code, bad.detail), ("b", "timeout", {"x": 1}))
        with self.assertRaisesRegex(errand.ChildFailed, "child b: timeout: too slow"):
            errand.gather(["a", "b"])
        self.assertRaises(TypeError, errand.gather, "ab")
        self.assertRaises(ValueError, errand.gather, [], on_failure="forget")

    def test_gather_raises_what_failed_and_not_what_was_cancelled_for_it(self):
        failed = lambda id, code: children.Outcome(id, bindings.Err(host.TaskError(code, "no", None)))
        bindings.answers["children.wait_all"] = [failed("a", "cancelled"), failed("b", "trap")]
        with self.assertRaisesRegex(errand.ChildFailed, "child b: trap"):
            errand.gather(["a", "b"])

    def test_one_wait_is_for_several_things(self):
        bindings.answers["waiting.wait_any"] = [1, 3]
        ready = errand.wait_first(["c1"], signals=["go", "stop"], approvals=["t.1"], timeout_s=2)
        items = bindings.calls[0][1]
        self.assertEqual([item.value for item in items], ["c1", "go", "stop", "t.1", 2000])
        self.assertEqual((ready.signals, ready.approvals, ready.children), (["go"], ["t.1"], []))
        self.assertTrue(ready)
        bindings.answers["waiting.wait_any"] = [0]
        ready = errand.wait_first(timeout_s=0)
        self.assertTrue(ready.timed_out and not ready)

    def test_approvers_are_asked_by_name_without_waiting_or_with(self):
        bindings.answers["approval.request_from"] = "t.1"
        bindings.answers["approval.decision_of"] = approval.Decision(approval.Verdict.DENIED, "ann", "no", None)
        self.assertEqual(errand.request_approval("Deploy?", approvers=["ann"]), "t.1")
        self.assertFalse(errand.approve("Deploy?", approvers=["ann"]))
        names = [call[0] for call in bindings.calls]
        self.assertEqual(names, ["approval.request_from", "approval.request_from", "waiting.wait_any",
                                 "approval.decision_of"])

    def test_the_conversations_state_is_updated_until_nobody_writes_in_between(self):
        from wit_world.imports import context as interface
        states = iter([("1", "4"), ("5", "6"), ("5", "6")])
        interface.get_state, get = lambda: interface.State(*next(states)), interface.get_state
        written = []

        def set_state(value, version):
            written.append((value, version))
            if len(written) == 1:
                raise bindings.Err(host.Error_Invalid("it is at another version"))
            return interface.State(value, "7")

        interface.set_state, put = set_state, interface.set_state
        try:
            state = errand.context.update(lambda value: value + 1)
        finally:
            interface.get_state, interface.set_state = get, put
        self.assertEqual(written, [("2", "4"), ("6", "6")])
        self.assertEqual((state.value, state.version), (6, "7"))

    def test_wait_any_gives_the_id_and_the_output(self):
        bindings.answers["children.wait_any"] = children.Outcome("b", bindings.Ok("2"))
        self.assertEqual(errand.wait_any(["a", "b"]), ("b", 2))

    def test_signals_and_checkpoints(self):
        bindings.answers["signals.wait"] = '{"go":true}'
        self.assertEqual(errand.wait_signal("go"), {"go": True})
        bindings.answers["signals.wait"] = None
        self.assertIsNone(errand.wait_signal("go", timeout_s=1))
        bindings.answers["checkpoint.save"] = host.Error_Unsupported("no checkpoints")
        self.assertRaises(errand.Unsupported, errand.checkpoint, b"x")
        self.assertRaises(TypeError, errand.checkpoint, "x")
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "open")
            with open(path, "w") as text, open(path + ".bin", "wb") as raw:
                text.write("lines")
                raw.write(b"bytes")
                self.assertRaises(errand.Unsupported, errand.checkpoint, b"x")
                for name, content in (("open", b"lines"), ("open.bin", b"bytes")):
                    with open(os.path.join(directory, name), "rb") as written:
                        self.assertEqual(written.read(), content)
        bindings.answers["checkpoint.restored"] = b"y"
        self.assertEqual(errand.restored(), b"y")

    def test_publish_takes_paths_of_the_workspace_alone(self):
        errand.publish("/workspace/out/a.md", description="d")
        self.assertEqual(
            bindings.calls, [("artifacts.publish", "out/a.md", artifacts.Description(None, "d"))]
        )
        for path in ("/etc/passwd", "/workspace", "/workspace/../x"):
            self.assertRaises(ValueError, errand.publish, path)

    def test_http_refuses_what_is_no_request(self):
        for url in ("ftp://x/", "http://", "x", "http://user:secret@host/"):
            self.assertRaises(ValueError, errand.http, "GET", url)
        self.assertRaises(TypeError, errand.http, "GET", "http://x/", body=1)

    def test_http_failures_are_told_apart(self):
        from errand import _http
        from wit_world.imports import wasi_http_types as wire

        failure = _http._failure("http://h/x", wire.ErrorCode_HttpRequestDenied(None))
        self.assertIsInstance(failure, errand.Denied)
        failure = _http._failure("http://h/x", wire.ErrorCode_InternalError("unsupported: http"))
        self.assertIsInstance(failure, errand.Unsupported)
        failure = _http._failure("http://h/x", wire.ErrorCode_ConnectionRefused())
        self.assertEqual(str(failure), "errand.http: h: connection refused")


if __name__ == "__main__":
    unittest.main()
