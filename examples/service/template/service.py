"""The service `$resource`: a WSGI app that keeps its records in a JSON file."""

import json
import os
from http import HTTPStatus

FIELDS = $fields
TYPES = {"string": str, "integer": int}
BODY_BYTES = 64 * 1024


class Store:
    """Records in a file that is replaced as a whole, so that it is never half written."""

    def __init__(self, path):
        self.path = path

    def all(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return []

    def add(self, record):
        records = self.all()
        record = {"id": len(records) + 1, **record}
        with open(f"{self.path}.new", "w", encoding="utf-8") as file:
            json.dump([*records, record], file)
        os.replace(f"{self.path}.new", self.path)
        return record


def make_app(store):
    """Makes the WSGI app."""

    def app(environ, start_response):
        status, answer = respond(store, environ)
        body = json.dumps(answer).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    return app


def respond(store, environ):
    """Routes a request; returns a status and what to say as JSON."""
    match environ["REQUEST_METHOD"], environ["PATH_INFO"].strip("/").split("/"):
        case "GET", ["$resource"]:
            return HTTPStatus.OK, store.all()
        case "GET", ["$resource", id]:
            found = [record for record in store.all() if str(record["id"]) == id]
            return (HTTPStatus.OK, found[0]) if found else (HTTPStatus.NOT_FOUND, {"error": "no such record"})
        case "POST", ["$resource"]:
            return create(store, environ)
        case _, ["$resource"] | ["$resource", _]:
            return HTTPStatus.METHOD_NOT_ALLOWED, {"error": "GET and POST"}
    return HTTPStatus.NOT_FOUND, {"error": "no such path"}


def create(store, environ):
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > BODY_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"at most {BODY_BYTES} bytes"}
    try:
        record = json.loads(environ["wsgi.input"].read(int(length)))
    except ValueError:
        return HTTPStatus.BAD_REQUEST, {"error": "the body is not JSON"}
    if wrong := faults(record):
        return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "; ".join(wrong)}
    return HTTPStatus.CREATED, store.add(record)


def faults(record):
    """Says what is wrong with a record."""
    if not isinstance(record, dict):
        return ["the body must be an object"]
    said = [f"{name} is unknown" for name in record if name not in FIELDS]
    for name, field in FIELDS.items():
        value = record.get(name)
        if type(value) is not TYPES[field["type"]]:
            said.append(f"{name} must be of type {field['type']}")
        elif "min" in field and value < field["min"]:
            said.append(f"{name} must be {field['min']} or more")
    return said
