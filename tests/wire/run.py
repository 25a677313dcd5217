#!/usr/bin/python3
"""Runs the wire tests; see README.md."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

from runner import main

if __name__ == "__main__":
    sys.exit(main(pathlib.Path(__file__).parent))
