#!/usr/bin/python3
"""Runs the cluster tests; see README.md.

--long runs those as well that take long; everything else is as in tests/interop/run.py. Each test has its line.
"""

import os
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(FOLDER.parent / "soak"), str(FOLDER.parent / "interop"), str(FOLDER.parent / "wire")]

from runner import main

if __name__ == "__main__":
    if "--long" in sys.argv:
        sys.argv.remove("--long")
        os.environ["CLUSTER_LONG"] = "1"
    if "-v" not in sys.argv:
        sys.argv.append("-v")
    sys.exit(main(FOLDER))
