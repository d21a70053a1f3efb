"""Version ranges as the manifest writes them."""

from __future__ import annotations

import pytest

from autotrace.integrations import MANIFEST
from autotrace.requirement import Requirement


@pytest.mark.parametrize(
    ("requires", "version", "allowed"),
    [
        ("flask>=2.2", "2.2", True),
        ("flask>=2.2", "2.2.0", True),
        ("flask>=2.2.0", "2.2", True),
        ("flask>=2.2", "2.10.1", True),
        ("flask>=2.2", "2.1.9", False),
        ("flask>=2.2,<4", "3.1.3", True),
        ("flask>=2.2, <4", "4.0", False),
        ("flask>=2.2,<4", "4.0.0rc1", False),
        ("wrapt>=1.14,<3,!=2.2.0", "2.2", False),
        ("wrapt>=1.14,<3,!=2.2.0", "2.2.1", True),
        ("flask", "0.1", True),
        ("flask>=2.2", "unknown", True),
        ("flask>=2.2", "", True),
        ("flask>=2.2", "2.3.dev0+local", True),
    ],
)
def test_ranges(requires: str, version: str, allowed: bool) -> None:
    assert Requirement.parse(requires).allows(version) is allowed


def test_the_manifest_uses_only_what_is_understood() -> None:
    for row in MANIFEST:
        if row.requires:
            requirement = Requirement.parse(row.requires)
            assert requirement.name
            assert all(operator in (">=", "<", "!=") for operator, _ in requirement.bounds)
            assert all(version[0].isdigit() for _, version in requirement.bounds)
