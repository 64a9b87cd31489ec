"""Prints one value of a JSON document on standard input: `pick.py items.0.id`."""

import json
import sys

value = json.load(sys.stdin)
for step in sys.argv[1].split("."):
    value = value[int(step)] if isinstance(value, list) else value[step]
print(value if isinstance(value, str) else json.dumps(value, indent=2))
