"""Which headers and trailers the configured names and tags are made of, so that they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from autotrace import custom_tags


class Wanted(NamedTuple):
    """Lower-case names, each once; of a request only those that no fact tells anyway."""

    request: tuple[str, ...]
    response: tuple[str, ...]
    trailers: tuple[str, ...]


def wanted(formats: Iterable[str], entries: Iterable[Mapping[str, Any]]) -> Wanted:
    """What formats of names and entries of custom tags read, those of the routes among them."""
    entries = list(entries)
    texts = [text for text in formats if text]
    request = list(custom_tags.header_names(entries))
    texts_of_tags = [entry["value"] for entry in entries if "value" in entry]
    response: list[str] = []
    trailers: list[str] = []
    if texts or texts_of_tags:
        from autotrace import format_string

        for text in texts:
            request += format_string.header_names(text)
        for text in texts + texts_of_tags:
            response += format_string.response_header_names(text)
            trailers += format_string.trailer_names(text)
    return Wanted(*(tuple(dict.fromkeys(names)) for names in (request, response, trailers)))
