"""docs/benchmarks.md, whose sections are written by different programs: each replaces its own and leaves the others."""

import os
import pathlib
import platform
import re

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def section(title):
    """What stands below the heading up to the next one of its level; "" if there is none."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def write_section(title, text):
    """In its place, or at the end."""
    page, made = PAGE.read_text(), f"## {title}\n\n{text.strip()}\n"
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    if found:
        page = page[:found.start()] + made + ("\n" if found.end() < len(page) else "") + page[found.end():]
    else:
        page = page.rstrip() + "\n\n" + made
    PAGE.write_text(page)


def machine():
    with open("/proc/cpuinfo") as cpuinfo:
        model = next((line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name")),
                     platform.processor())
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"
