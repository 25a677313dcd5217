#!/usr/bin/python3
"""Writes docs/conformance.md: where each normative statement is enforced and what proves it.

    docs/conformance.py            # writes the page
    docs/conformance.py --check    # writes nothing; fails when the page is stale or a tag or a reason is wrong

Statements are in normative_statements.tsv, the reasons for gaps in conformance_gaps.tsv (statement, reason).
Everything else is read from the tags in the code and the tests.
"""

import collections
import pathlib
import re
import sys

DOCS = pathlib.Path(__file__).resolve().parent
ROOT = DOCS.parent
PAGE = DOCS / "conformance.md"
CODE = ("libbroker", "actors", "net", "persistence", "apps")
TAG = re.compile(r"MQTT(?:5|311)-\d[\d.-]*\d")
# What a C++ test names: a case, or a row of a table of cases.
CASE = re.compile(r"BOOST_(?:AUTO|DATA|FIXTURE)_TEST_CASE\(\s*(\w+)|^    \{\"(\w+)\",", re.MULTILINE)

sys.path.insert(0, str(ROOT / "tests/wire"))
import tags as python_tests  # noqa: E402

statement = collections.namedtuple("statement", "tag binds text")


def order(tag):
    document, _, number = tag.partition("-")
    return document != "MQTT5", [int(part) for part in re.split("[.-]", number)]


def rows(name):
    return [line.split("\t") for line in (DOCS / name).read_text().splitlines()]


def sources(*folders):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".hpp", ".cpp"))


def mentions(path):
    """(tag, position) of every tag in a file, and its text."""
    text = path.read_text()
    return [(match.group(), match.start()) for match in TAG.finditer(text)], text


def enforced():
    """{tag: {file: nothing}}, for the code."""
    found = collections.defaultdict(dict)
    for path in sources(*CODE):
        for tag, _ in mentions(path)[0]:
            found[tag].setdefault(str(path.relative_to(ROOT)), [])
    return found


def case_at(text, position):
    """The case that a tag is in, or in front of: a comment line between two cases speaks of the next one."""
    before = after = None
    for match in CASE.finditer(text):
        if match.start() > text.find("\n", position):
            after = match
            break
        before = match
    closed = before is None or re.search(r"^}", text[before.end():position], re.MULTILINE)
    chosen = after if closed else before
    return chosen and (chosen.group(1) or chosen.group(2))


def tested():
    """{tag: {file: [case]}}, for the unit tests, what the wire tests check in every packet, and the Python tests."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for path in sources("tests"):
        tags, text = mentions(path)
        for tag, position in tags:
            found[tag][str(path.relative_to(ROOT))].append(case_at(text, position) or "helper of the cases")
    for tag, _ in mentions(ROOT / "tests/wire/wire.py")[0]:
        found[tag]["tests/wire/wire.py"].append("every packet that the broker sends")
    for tag, test in python_tests.proved():
        folder, module, case = re.fullmatch(r"(.+)/(\w+)\.(.+)", test).groups()
        found[tag][f"{folder}/{module}.py"].append(case)
    return found


def places(found):
    """A table cell: every file with its cases."""
    cell = []
    for file in sorted(found):
        cases = ", ".join(dict.fromkeys(found[file]))
        cell.append(f"[{file}](../{file})" + (f": {cases}" if cases else ""))
    return "<br>".join(cell)


def gaps_of(one, code, tests):
    return [what for what, found in (("enforced", code), ("tested", tests)) if one.tag not in found]


def page(statements, code, tests, reasons):
    server = [one for one in statements if one.binds != "client"]
    client = [one for one in statements if one.binds == "client"]
    documents = (("MQTT 5.0", "MQTT5-"), ("MQTT 3.1.1", "MQTT311-"))

    def counts(title, of, condition=lambda one: True):
        figures = [sum(one.tag.startswith(prefix) and condition(one) for one in of) for _, prefix in documents]
        return f"| {title} | {' | '.join(map(str, figures))} |"

    lines = [
        "# Conformance",
        "",
        "Made by `docs/conformance.py` from the tags in code and tests: change those, then run it. Every normative",
        "statement of both specifications is here in our own words, with the files that enforce it and the tests that",
        "prove it. An empty cell is a gap; those of statements that bind a server are explained below.",
        "",
        "| | MQTT 5.0 | MQTT 3.1.1 |",
        "|---|---|---|",
        counts("statements", statements),
        counts("bind a server (or both sides)", server),
        counts("… of these enforced by a tagged line", server, lambda one: one.tag in code),
        counts("… of these named by a test", server, lambda one: one.tag in tests),
        counts("… of these both", server, lambda one: not gaps_of(one, code, tests)),
        counts("bind a client only", client),
        counts("… of these checked by the broker", client, lambda one: one.tag in code),
        "",
        "## Gaps",
        "",
        "| statement | says | not | because |",
        "|---|---|---|---|",
    ]
    for one in server:
        missing = gaps_of(one, code, tests)
        if missing:
            why = reasons.get(one.tag, "**nobody said why**")
            lines.append(f"| {one.tag} | {one.text} | {', '.join(missing)} | {why} |")
    for title, prefix in documents:
        lines += ["", f"## {title}", "", "| statement | binds | says | enforced | tested |", "|---|---|---|---|---|"]
        lines += [f"| {one.tag} | {one.binds} | {one.text} | {places(code.get(one.tag, {}))} | "
                  f"{places(tests.get(one.tag, {}))} |" for one in statements if one.tag.startswith(prefix)]
    return "\n".join(lines) + "\n"


def problems(statements, code, tests, reasons):
    known = {one.tag for one in statements}
    gaps = {one.tag for one in statements if one.binds != "client" and gaps_of(one, code, tests)}
    for found in (code, tests):
        for tag in sorted(found.keys() - known, key=order):
            yield f"{', '.join(found[tag])}: there is no statement {tag}"
    for tag in sorted(gaps - reasons.keys(), key=order):
        yield f"{tag} is a gap without a reason in conformance_gaps.tsv"
    for tag in sorted(reasons.keys() - gaps, key=order):
        yield f"{tag} has a reason in conformance_gaps.tsv but is no gap"


def main():
    statements = sorted((statement(*row) for row in rows("normative_statements.tsv")), key=lambda one: order(one.tag))
    reasons = dict(rows("conformance_gaps.tsv"))
    code, tests = enforced(), tested()
    wrong = list(problems(statements, code, tests, reasons))
    text = page(statements, code, tests, reasons)
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        wrong.append("docs/conformance.md is stale: run docs/conformance.py")
    print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
