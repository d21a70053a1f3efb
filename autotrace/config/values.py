"""The shapes a setting's value may have: each kind makes a value of a text, or of a file's value.

A kind raises `Invalid` where nothing can be made of it, and calls `complain` where a part is wrong.
"""

from __future__ import annotations

from autotrace.config.problem import Invalid, suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Complain = Callable[[str], None]
    Parse = Callable[[object, Complain], Any]

TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")


class Kind:
    """One shape of value: how it is parsed, and what the documentation calls it."""

    __slots__ = ("parse", "text")

    def __init__(self, text: str, parse: Parse) -> None:
        self.text = text
        self.parse = parse


def as_text(value: object) -> str:
    """Return a single value as the text that an environment variable would have held."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise Invalid("a single value is wanted here.")


def as_items(value: object) -> list[str]:
    """Return a comma list's items, or a file's list of them, without the empty ones."""
    texts = (
        [as_text(each) for each in value] if isinstance(value, list) else as_text(value).split(",")
    )
    return [item for item in (text.strip() for text in texts) if item]


def choice(*names: str, later: Sequence[str] = ()) -> Kind:
    """Return the kind that is one of a few words; `later` are planned and not yet there."""

    def parse(value: object, complain: Complain) -> str:
        word = as_text(value).lower()
        if word in names:
            return word
        if word in later:
            raise Invalid("not available in this version.")
        raise Invalid(f"unknown; {suggest(word, names)}")

    return Kind(" or ".join(f"`{name}`" for name in names), parse)


def number(least: float, most: float | None = None, *, whole: bool = False, unit: str = "") -> Kind:
    """Return the kind that is a number within bounds."""
    bounds = f"of {least} or more" if most is None else f"from {least} to {most}"
    text = " ".join(filter(None, ("whole number" if whole else "number", bounds, unit)))

    def parse(value: object, complain: Complain) -> float:
        word = as_text(value)
        try:
            # int() and float() also take "1_0" and other scripts' digits, which are typing errors.
            if "_" in word or not word.isascii():
                raise ValueError
            found = int(word) if whole else float(word)
        except ValueError:
            raise Invalid(f"a {text} is wanted.") from None
        if not found >= least:  # so written, NaN is refused as well
            raise Invalid(f"a {text} is wanted; the nearest is {least}.")
        if found == float("inf") or (most is not None and found > most):
            near = "" if most is None else f"; the nearest is {most}"
            raise Invalid(f"a {text} is wanted{near}.")
        return found

    return Kind(text, parse)


def _boolean(value: object, complain: Complain) -> bool:
    word = as_text(value).lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise Invalid(f"yes or no is wanted; {suggest(word, TRUE + FALSE)}")


def _word(value: object, complain: Complain) -> str:
    return as_text(value)


def _items(value: object, complain: Complain) -> tuple[str, ...]:
    return tuple(as_items(value))


def _pairs(value: object, complain: Complain) -> dict[str, str]:
    if isinstance(value, dict):
        return {str(key): as_text(each) for key, each in value.items()}
    found: dict[str, str] = {}
    for item in as_items(value):
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            # The item is not quoted: these lists hold credentials.
            complain("an item that is no `key=value` is left out.")
            continue
        found[_decode(key.strip())] = _decode(text.strip())
    return found


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


BOOLEAN = Kind("yes or no (`1`/`0`, `true`/`false`, `on`/`off`)", _boolean)
WORD = Kind("text", _word)
ITEMS = Kind("comma list", _items)
PAIRS = Kind("comma list of `key=value`, percent-encoded", _pairs)
PERCENT = number(0, 100, unit="(percent)")
SECONDS = number(0.001, 3600, unit="(seconds)")


def header_names(value: object, complain: Complain) -> tuple[str, ...]:
    """Return header names in lower case; patterns are refused, so that no credential slips in."""
    names: list[str] = []
    for item in as_items(value):
        if any(sign in item for sign in "*?["):
            complain(
                f'the pattern "{item}" is left out: it could carry authorization or cookie '
                "headers along; spell each header out."
            )
        elif not item.isascii() or any(sign in item for sign in ' \t"(),/:;<=>@\\]{}'):
            complain(f'"{item}" is left out: it is no header name.')
        else:
            names.append(item.lower())
    return tuple(dict.fromkeys(names))


def exclusions(value: object, complain: Complain) -> tuple[str, ...]:
    """Return `METHOD glob` rules, with the method `*` where a rule names none."""
    rules: list[str] = []
    for item in as_items(value):
        method, _, glob = item.rpartition(" ")
        method = method.strip().upper() or "*"
        if not (method == "*" or method.isalpha()) or glob[0] not in "/*?[":
            complain(f'"{item}" is left out: a rule is `METHOD /path*` or `/path*`.')
        else:
            rules.append(f"{method} {glob}")
    return tuple(rules)


def networks(value: object, complain: Complain) -> tuple[str, ...]:
    """Return address ranges in CIDR notation."""
    import ipaddress

    ranges: list[str] = []
    for item in as_items(value):
        try:
            ranges.append(str(ipaddress.ip_network(item, strict=False)))
        except ValueError:
            complain(f'"{item}" is left out: it is no range such as 10.0.0.0/8.')
    return tuple(ranges)


def instrumentors(value: object, complain: Complain) -> tuple[str, ...]:
    """Return names of OpenTelemetry's instrumentors, `auto` standing for all."""
    from autotrace.integrations import OTEL_INSTRUMENTORS

    parse = names((*OTEL_INSTRUMENTORS, "auto"), aliases={}).parse
    found: tuple[str, ...] = parse(value, complain)
    return found


def hosts(value: object, complain: Complain) -> tuple[str, ...]:
    """Return rules that tell hosts, by name, suffix or address."""
    from autotrace.hosts import parse  # as for custom tags

    rules: list[str] = []
    for item in as_items(value):
        try:
            parse(item)
        except ValueError:
            complain(f'"{item}" is left out: a host is api.example.com, *.example.com, 10.0.0.0/8.')
        else:
            rules.append(item)
    return tuple(rules)


def names(
    known: Sequence[str],
    *,
    aliases: Mapping[str, str],
    later: Sequence[str] = (),
    later_message: str = "",
    empty_if_planned: bool = False,
) -> Kind:
    """Return the kind that is a list out of known names, `none` standing for the empty list.

    `empty_if_planned`: where nothing but planned names is left, the list is empty; else it is
    the default.
    """

    def parse(value: object, complain: Complain) -> tuple[str, ...]:
        items = [aliases.get(item.lower(), item.lower()) for item in as_items(value)]
        found = tuple(dict.fromkeys(item for item in items if item in known))
        planned = [f'"{item}": {later_message}' for item in items if item in later]
        unknown = [
            f'"{item}" is unknown; {suggest(item, (*known, "none"))}'
            for item in items
            if item not in known and item not in later and item != "none"
        ]
        faults = planned + unknown
        is_left_empty = "none" in items or (planned and empty_if_planned)
        if faults and not found and not is_left_empty:
            raise Invalid(" ".join(faults))
        for fault in faults:
            complain(fault)
        return found

    return Kind(f"comma list of {', '.join(f'`{name}`' for name in known)}; or `none`", parse)


def url(value: object, complain: Complain) -> str:
    """Return an address as it was given: http, https, or HTTP on a Unix socket."""
    text = as_text(value)
    scheme, found, rest = text.partition("://")
    if not found:
        # What the gRPC exporters of OpenTelemetry take, and often what is in the environment.
        raise Invalid(f"an address with http:// or https:// is wanted, such as http://{text}.")
    if scheme.lower() not in ("http", "https", "http+unix") or not rest.strip("/"):
        raise Invalid("an address such as http://localhost:4318 is wanted.")
    return text


def datadog_agent(value: object, complain: Complain) -> str:
    """Return an address as it was given, a socket also in Datadog's own way."""
    text = as_text(value)
    if text.startswith("unix://"):
        path = text.removeprefix("unix://")
        return "http+unix://" + path.replace("%", "%25").replace("/", "%2F")
    return url(text, complain)


def datadog_host(value: object, complain: Complain) -> str:
    """Return the agent's address by a host, with or without a port."""
    text = as_text(value)
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    port = "" if ":" in text.rpartition("]")[2] else ":8126"
    return url(f"http://{text}{port}", complain)


def skywalking_services(value: object, complain: Complain) -> str:
    """Return the first of a list of servers, `host:port` each, as SkyWalking's agents have it."""
    found = as_items(value)
    return url(f"http://{found[0]}" if found else "", complain)


def xray_daemon(value: object, complain: Complain) -> str:
    """Return the UDP address, out of `tcp:host:port udp:host:port` where both are given."""
    words = as_text(value).split()
    found = [word[4:] for word in words if word.lower().startswith("udp:")] or words
    host, _, port = (found[0] if found else "").rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Invalid("host and port are wanted, such as 127.0.0.1:2000.")
    return found[0]


def otlp_base(value: object, complain: Complain) -> str:
    """Return the traces address below a base address, as OTEL_EXPORTER_OTLP_ENDPOINT means it."""
    return f"{url(value, complain).rstrip('/')}/v1/traces"


def otlp_address(value: object, complain: Complain) -> str:
    """Return the traces address: a bare host gets OTLP's own path, a path is used as it is."""
    text = url(value, complain)
    _, _, path = text.partition("://")[2].partition("/")
    return text if path else otlp_base(text, complain)


def otel_seconds(value: object, complain: Complain) -> float:
    """Return seconds of an OTEL_*_TIMEOUT, whose unit is in doubt.

    The specification says milliseconds, OpenTelemetry's Python SDK reads seconds; nobody waits a
    quarter of an hour, and nobody gives up after less than a second.
    """
    found: float = number(0.001, 3_600_000).parse(value, complain)
    return found / 1000 if found >= 1000 else found


def custom_tags(value: object, complain: Complain) -> tuple[dict[str, Any], ...]:
    """Return Envoy's custom tags, out of JSON where they come as text."""
    from autotrace.config.custom_tags import parse  # needs json; few programs have custom tags

    return parse(value, complain)


def format_string(value: object, complain: Complain) -> str:
    """Return one of Envoy's format strings."""
    from autotrace.config.format_string import parse  # as for custom tags

    return parse(as_text(value), complain)


def routes(value: object, complain: Complain) -> tuple[dict[str, Any], ...]:
    """Return Envoy's routes, out of JSON where they come as text."""
    from autotrace.config.routes import parse  # as for custom tags

    return parse(value, complain)


def json_object(value: object, complain: Complain) -> dict[str, Any]:
    """Return an object, out of JSON where it comes as text."""
    if isinstance(value, str):
        import json

        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"a JSON object is wanted ({error}).") from None
    if not isinstance(value, dict):
        raise Invalid("a JSON object is wanted, `{...}`.")
    return value


def integrations(value: object, complain: Complain) -> tuple[str, ...]:
    """Return names and globs of integrations; one that matches none is complained of and kept."""
    from autotrace.integrations import MANIFEST

    known = [row.name for row in MANIFEST]
    patterns = tuple(item.lower() for item in as_items(value))
    for pattern in patterns:
        if not any(sign in pattern for sign in "*?[") and pattern not in known:
            complain(f'no integration is named "{pattern}"; {suggest(pattern, known)}')
    return patterns
