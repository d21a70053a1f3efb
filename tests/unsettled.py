"""The mark of tests that fail now and then for a reason that is not found yet.

`AUTOTRACE_UNSETTLED=1` runs them; without it they are skipped, and say so.
"""

from __future__ import annotations

import os

import pytest

EVERYTHING = bool(os.environ.get("AUTOTRACE_UNSETTLED"))

unsettled = pytest.mark.skipif(
    not EVERYTHING,
    reason="fails now and then; AUTOTRACE_UNSETTLED=1 runs it",
)
