#!/usr/bin/python3
"""Runs the interoperability tests; see README.md."""

import pathlib
import sys

from runner import main

if __name__ == "__main__":
    sys.exit(main(pathlib.Path(__file__).parent))
