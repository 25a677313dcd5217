"""Runs every `*_test.py` of a folder, one class per process at a time, and prints one summary line.

The work is waiting more than computing, so a few classes run at once. Each class has its own broker.
"""

import argparse
import concurrent.futures
import fnmatch
import importlib
import os
import pathlib
import sys
import time
import unittest


def proves(*tags):
    """Marks a test with the normative statements it proves."""
    def mark(function):
        function.proves = getattr(function, "proves", ()) + tags
        return function
    return mark


def proved(test_class, name):
    """The tags of one test. A test that serves several protocol versions proves those of its class's version only."""
    prefix = getattr(test_class, "tag_prefix", "")
    return [tag for tag in getattr(getattr(test_class, name), "proves", ()) if tag.startswith(prefix)]


def discover(folder):
    """[(module, class name, [test names])]; a class whose name ends in `_base` is not run itself."""
    found = []
    for path in sorted(pathlib.Path(folder).glob("*_test.py")):
        module = importlib.import_module(path.stem)
        for name, value in vars(module).items():
            if (isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == path.stem
                    and not name.endswith("_base")):
                tests = unittest.defaultTestLoader.getTestCaseNames(value)
                if tests:
                    found.append((path.stem, name, list(tests)))
    return found


def matches(pattern, full_name):
    return not pattern or any(one in full_name or fnmatch.fnmatch(full_name, one) for one in pattern)


class recorder(unittest.TestResult):
    """Collects (test, outcome, details)."""

    def __init__(self):
        super().__init__()
        self.records = []
        self.begin = time.monotonic()

    def note(self, test, outcome, details=""):
        now = time.monotonic()
        self.records.append((test.id(), outcome, details, now - self.begin))
        self.begin = now

    def addSuccess(self, test):
        self.note(test, "passed")

    def addError(self, test, err):
        self.note(test, "failed", self._exc_info_to_string(err, test))

    addFailure = addError

    def addSkip(self, test, reason):
        self.note(test, "skipped", reason)

    def addSubTest(self, test, subtest, err):
        if err:
            self.note(subtest, "failed", self._exc_info_to_string(err, test))
        elif getattr(test, "counts_subtests", False):
            self.note(subtest, "passed")


def run_class(folder, module, class_name, tests):
    sys.path.insert(0, str(folder))
    test_class = getattr(importlib.import_module(module), class_name)
    result = recorder()
    unittest.TestSuite(test_class(name) for name in tests).run(result)
    return result.records


def list_tags(folder):
    """[(tag, test)] in the order of the tags."""
    rows = []
    for module, class_name, tests in discover(folder):
        test_class = getattr(importlib.import_module(module), class_name)
        rows += [(tag, f"{module}.{class_name}.{name}") for name in tests for tag in proved(test_class, name)]

    def order(row):
        document, _, number = row[0].partition("-")
        return document, [int(part) for part in number.replace("-", ".").split(".")], row[1]
    return sorted(rows, key=order)


def main(folder):
    folder = pathlib.Path(folder).resolve()
    sys.path.insert(0, str(folder))
    parser = argparse.ArgumentParser(description=f"Runs the {folder.name} tests.")
    parser.add_argument("-k", action="append", metavar="PATTERN", help="only tests whose name contains or matches this")
    parser.add_argument("-j", type=int, default=4, metavar="N", help="classes at a time (default: 4)")
    parser.add_argument("-v", action="store_true", help="name every test and its time")
    parser.add_argument("--seed", type=int, help="seed of the random tests")
    parser.add_argument("--list", action="store_true", help="list the tests")
    parser.add_argument("--tags", action="store_true", help="list normative statements and the tests that prove them")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        os.environ["TEST_SEED"] = str(arguments.seed)
    if arguments.tags:
        for tag, test in list_tags(folder):
            print(f"{tag}\t{test}")
        return 0

    work = []
    for module, class_name, tests in discover(folder):
        chosen = [name for name in tests if matches(arguments.k, f"{module}.{class_name}.{name}")]
        if arguments.list:
            for name in chosen:
                print(f"{module}.{class_name}.{name}")
        elif chosen:
            # The longest first: a class says how long it takes with `seconds`.
            test_class = getattr(importlib.import_module(module), class_name)
            work.append((-getattr(test_class, "seconds", len(chosen) * 0.1), module, class_name, chosen))
    if arguments.list:
        return 0

    count = {"passed": 0, "failed": 0, "skipped": 0}
    with concurrent.futures.ProcessPoolExecutor(max_workers=arguments.j) as pool:
        jobs = {pool.submit(run_class, folder, *one[1:]): one for one in sorted(work)}
        for job in concurrent.futures.as_completed(jobs):
            _, module, class_name, tests = jobs[job]
            try:
                records = job.result()
            except Exception as error:
                records = [(f"{module}.{class_name}", "failed", repr(error), 0)]
            for test, outcome, details, seconds in records:
                count[outcome] += 1
                if outcome == "failed" or arguments.v or (outcome == "skipped" and "mosquitto" not in details):
                    print(f"{outcome} {test} ({seconds:.2f} s) {details if outcome == 'skipped' else ''}".rstrip())
                if outcome == "failed":
                    lines = details.rstrip().splitlines()
                    print("    " + "\n    ".join(lines if arguments.v else lines[-1:]))
            sys.stdout.flush()
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0
