"""The page about Envoy has every row of the checklist, and names only what there is."""

from __future__ import annotations

import re
from pathlib import Path

from autotrace import config

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "envoy.md").read_text(encoding="utf-8")

# Area and count of the features that Envoy's tracing has.
CHECKLIST = (
    "RID 7, TRU 4, SMP 10, NAM 5, TAG 10, CUS 6, UPS 6, ZIP 7, JAE 1, OTL 5, DDG 5, SKY 2, XRY 3, "
    "LST 2, OCS 4, FLU 1, BAG 1, FWD 1, STA 1"
)
IDS = [
    f"{area}-{number}"
    for area, count in (each.split() for each in CHECKLIST.split(", "))
    for number in range(1, int(count) + 1)
]


def test_every_row_of_the_checklist_is_there_once() -> None:
    assert re.findall(r"^\| ([A-Z]{3}-\d+) \|", PAGE, re.MULTILINE) == IDS


def test_rows_have_all_their_columns() -> None:
    rows = re.findall(r"^\| [A-Z]{3}-\d+ \|.*$", PAGE, re.MULTILINE)
    assert [row for row in rows if row.count("|") != 6] == []


def test_a_row_without_a_test_says_why() -> None:
    rows = re.findall(r"^\| [A-Z]{3}-\d+ \|.*\| \|$", PAGE, re.MULTILINE)
    excused = re.compile("cannot be: |not in this version|not available")
    assert [row for row in rows if not excused.search(row)] == []


def test_the_variables_that_it_names_exist() -> None:
    known = {config.variable(row.name) for row in config.settings()} | {*config.OTHER_VARIABLES}
    # The prefix alone is how names are explained.
    named = {*re.findall(r"AUTOTRACE_[A-Z0-9_]*", PAGE)} - {"AUTOTRACE_"}
    assert named - known == set()
    assert len(named) > 40


def test_the_tests_that_it_names_exist() -> None:
    named = set(re.findall(r"`(?:tests/)?((?:\w+/)?test_\w+\.py)`", PAGE))
    assert [name for name in sorted(named) if not (ROOT / "tests" / name).exists()] == []
    assert len(named) > 40


def test_the_areas_of_vectors_that_it_names_exist_and_all_are_named() -> None:
    lists = re.findall(r"vectors ((?:`\w+`(?:, )?)+)", PAGE)
    named = {name for each in lists for name in re.findall(r"`(\w+)`", each)}
    there = {file.stem for file in (ROOT / "tests" / "vectors" / "data").glob("*.json")}
    assert named == there


def test_the_links_within_it_lead_to_headings() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) - headings == set()
