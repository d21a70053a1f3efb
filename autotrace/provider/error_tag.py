"""The status rule of Envoy's tracers that know no status: the tag `error` says it."""

from __future__ import annotations

from collections.abc import Mapping

from autotrace.span import ERROR, UNSET


def status(kind: int, tags: Mapping[str, object]) -> int:
    """ERROR where the tag `error` is true; never OK."""
    return ERROR if str(tags.get("error")).lower() == "true" else UNSET
