"""Imported for its effect: modules of the tests can be imported."""

import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(TESTS / folder) for folder in ("cluster", "soak", "interop", "wire")]
