"""Prints a task's input: `{"files": {name: text}}` of what globs name, with more keys where asked.

    pack.py [--code FILE] [--stdin FILE] [GLOB ...]
"""

import argparse
import glob
import json
import pathlib

parser = argparse.ArgumentParser()
parser.add_argument("--code", type=pathlib.Path)
parser.add_argument("--stdin", type=pathlib.Path)
parser.add_argument("globs", nargs="*")
arguments = parser.parse_args()

names = sorted(name for pattern in arguments.globs for name in glob.glob(pattern, recursive=True))
packed = {}
if names:
    packed["files"] = {name: pathlib.Path(name).read_text("utf-8") for name in names}
if arguments.code:
    packed["code"] = arguments.code.read_text("utf-8")
if arguments.stdin:
    packed["stdin"] = arguments.stdin.read_text("utf-8")
print(json.dumps(packed))
