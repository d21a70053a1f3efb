"""Envoy's format strings in the configuration: checked, and kept as they were written.

https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter
"""

from __future__ import annotations

from autotrace.config.problem import Invalid, suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def parse(value: object, complain: Callable[[str], None]) -> str:
    """Return the format, if it is one."""
    # Formats need `re`, and few programs have any.
    from autotrace.format_grammar import COMMANDS, Malformed, UnknownCommand, parse

    if not isinstance(value, str):
        raise Invalid("a text is wanted, such as %REQ(:METHOD)% %ROUTE%.")
    try:
        parse(value)
    except UnknownCommand as fault:
        raise Invalid(f'unknown command "{fault}"; {suggest(str(fault), COMMANDS)}') from None
    except Malformed as fault:
        raise Invalid(str(fault)) from None
    return value
