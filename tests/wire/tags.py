#!/usr/bin/python3
"""Prints `tag<TAB>test` for every normative statement that a wire or interop test proves.

With --missing, prints instead the statements of docs/normative_statements.tsv that bind a server and that no test
names.
"""

import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]


def proved():
    rows = []
    for folder in ("wire", "interop"):
        listing = subprocess.run([sys.executable, TESTS / folder / "run.py", "--tags"], capture_output=True, text=True,
                                 check=True).stdout
        for line in listing.splitlines():
            tag, test = line.split("\t")
            rows.append((tag, f"tests/{folder}/{test}"))
    return rows


def missing():
    known = {tag for tag, _ in proved()}
    for line in (TESTS.parent / "docs/normative_statements.tsv").read_text().splitlines():
        tag, who, paraphrase = line.split("\t")
        if who in ("server", "both") and tag not in known:
            yield tag, who, paraphrase


if __name__ == "__main__":
    for row in missing() if "--missing" in sys.argv else proved():
        print("\t".join(row))
