"""Tests of the service `$resource`, over WSGI and without a network."""

import io
import json
import os
import tempfile
import unittest
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from service import Store, make_app

GOOD = $good
WRONG = $wrong


class ServiceTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "records.json")
        self.app = validator(make_app(Store(self.path)))

    def call(self, method, path, body=b""):
        environ = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": ""}
        environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        setup_testing_defaults(environ)
        said = []

        def start_response(status, headers, exc_info=None):
            said.append(status)
            return lambda data: None

        answer = self.app(environ, start_response)
        text = b"".join(answer)
        answer.close()
        return int(said[0].split()[0]), json.loads(text)

    def post(self, record):
        return self.call("POST", "/$resource", json.dumps(record).encode())

    def test_a_good_record_is_created_and_found(self):
        self.assertEqual(self.post(GOOD), (201, {"id": 1, **GOOD}))
        self.assertEqual(self.call("GET", "/$resource/1"), (200, {"id": 1, **GOOD}))

    def test_records_survive_a_restart(self):
        self.post(GOOD)
        self.app = validator(make_app(Store(self.path)))
        self.assertEqual(self.call("GET", "/$resource"), (200, [{"id": 1, **GOOD}]))

    def test_wrong_records_are_refused(self):
        for record in [*WRONG, {**GOOD, "more": 1}, [], None]:
            with self.subTest(record=record):
                self.assertEqual(self.post(record)[0], 422)
        self.assertEqual(self.call("GET", "/$resource"), (200, []))

    def test_a_body_that_is_not_json_is_refused(self):
        self.assertEqual(self.call("POST", "/$resource", b"{")[0], 400)

    def test_what_is_not_there_is_not_found(self):
        self.assertEqual(self.call("GET", "/$resource/7")[0], 404)
        self.assertEqual(self.call("GET", "/")[0], 404)

    def test_other_methods_are_refused(self):
        self.assertEqual(self.call("DELETE", "/$resource")[0], 405)


if __name__ == "__main__":
    unittest.main()
