"""What is said of a setting that is wrong."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_LENGTH = 80


class Invalid(ValueError):
    """Nothing usable was given; the message says what would be right."""


class Problem:
    """Something wrong in the configuration; `str()` is the one line that its user reads."""

    __slots__ = ("message", "source", "value")

    def __init__(self, source: str, value: str, message: str) -> None:
        self.source = source
        self.value = value
        self.message = message

    def __str__(self) -> str:
        shown = without_password(self.value)
        if len(shown) > SHOWN_LENGTH:
            shown = f"{shown[: SHOWN_LENGTH - 3]}..."
        said = f"{self.source}={shown!r}" if shown else self.source
        return one_line(f"{said}: {self.message}")

    __repr__ = __str__


def suggest(word: str, known: Iterable[str]) -> str:
    """Return the nearest right name as a question, or the right names where none is near."""
    import difflib  # costs a millisecond, so only where there is something to complain of

    names = list(known)
    near = difflib.get_close_matches(word, names, 1, 0.5)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}."


def one_line(text: str) -> str:
    """Return a text without line breaks and whatever else cannot be printed."""
    # Names and values are anybody's; neither they nor a terminal's control codes break the line.
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def without_password(value: str) -> str:
    """Return an address without the user and password in it; any other text as it is."""
    scheme, found, rest = value.partition("://")
    host = rest.rpartition("@")[2]
    return f"{scheme}://...@{host}" if found and host != rest else value
