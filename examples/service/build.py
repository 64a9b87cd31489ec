"""Writes a web service and its tests to `made/`, from a description of its records, and runs the tests."""

import io
import os
import secrets
import string
import sys
import unittest

import errand

HERE = os.path.dirname(__file__)
SPEC = {
    "resource": "orders",
    "fields": {"item": {"type": "string"}, "quantity": {"type": "integer", "min": 1}},
}
# Faults to see how they are found: what is replaced in the service, by what.
FAULTS = {
    "bug": ('value < field["min"]', 'value <= field["min"]'),
    "secret": ("TYPES =", f'PAYMENT_KEY = "sk_live_{secrets.token_hex(24)}"\nTYPES ='),
}


def main():
    spec = errand.input.get("spec", SPEC)
    good = {name: "text" if field["type"] == "string" else field.get("min", 0) for name, field in spec["fields"].items()}
    wrong = [{**good, name: None} for name in good]
    wrong += [{**good, name: field["min"] - 1} for name, field in spec["fields"].items() if "min" in field]

    os.makedirs("made", exist_ok=True)
    service = fill("service.py", resource=spec["resource"], fields=spec["fields"])
    if plant := errand.input.get("plant"):
        service = service.replace(*FAULTS[plant])
    write("made/service.py", service)
    write("made/test_service.py", fill("test_service.py", resource=spec["resource"], good=good, wrong=wrong))

    sys.path.insert(0, "made")
    output = io.StringIO()
    tests = unittest.defaultTestLoader.loadTestsFromName("test_service")
    outcome = unittest.TextTestRunner(output, verbosity=2).run(tests)
    write("made/tests.txt", output.getvalue())
    if not outcome.wasSuccessful():
        # The child fails with what unittest says in its error's detail.
        sys.exit(output.getvalue())
    return {"tests": outcome.testsRun}


def fill(name, **values):
    with open(f"{HERE}/template/{name}", encoding="utf-8") as file:
        return string.Template(file.read()).substitute(values)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    errand.publish(path)


result = main()
