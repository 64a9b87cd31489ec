"""Runs inside Errand: counts what the source files in its input are made of."""

import collections
import re

import errand

files = errand.input["files"]
crates = collections.defaultdict(lambda: collections.Counter())
for done, (name, text) in enumerate(files.items(), 1):
    crate = name.split("/")[1]
    for line in text.splitlines():
        line = line.strip()
        kind = "blank" if not line else "comments" if line.startswith("//") else "code"
        crates[crate][kind] += 1
    crates[crate]["files"] += 1
    crates[crate]["functions"] += len(re.findall(r"\bfn \w+", text))
    crates[crate]["tests"] += text.count("#[test]") + text.count("#[tokio::test]")
    errand.progress(done, len(files), name)

columns = ["files", "code", "comments", "functions", "tests"]
print(f"{'crate':<12}" + "".join(f"{column:>11}" for column in columns))
for crate, counts in sorted(crates.items(), key=lambda item: -item[1]["code"]):
    print(f"{crate:<12}" + "".join(f"{counts[column]:>11,}" for column in columns))

result = {crate: dict(counts) for crate, counts in crates.items()}
