"""X-Ray's local sampling rules: a manifest, and the requests by which it is asked.

A rule lets some requests a second pass, then a share of the others.

https://docs.aws.amazon.com/xray/latest/devguide/xray-sdk-go-configuration.html#xray-sdk-go-configuration-sampling
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

_SECOND = 1_000_000_000
_FIELDS = ("host", "http_method", "url_path")


class Fault(ValueError):
    """What is wrong with a manifest, in words."""


class Rule:
    """One rule: which requests it is for, and how many of them it samples."""

    __slots__ = ("_taken", "_window", "fixed_target", "patterns", "rate")

    def __init__(
        self, fixed_target: int, rate: float, patterns: tuple[str, str, str] = ("*", "*", "*")
    ) -> None:
        self.fixed_target = fixed_target
        self.rate = rate
        # Host, method, path.
        self.patterns = patterns
        # When the current second began, and how many it has seen pass; the first one is over.
        self._window = -_SECOND - 1
        self._taken = 0

    def applies(self, request: tuple[str, str, str]) -> bool:
        """Whether it is for a request; what is not known of a request fits everything."""
        return all(
            not text or wildcard(pattern, text)
            for pattern, text in zip(self.patterns, request, strict=True)
        )

    def samples(self, now_ns: int, random: Callable[[], int]) -> bool:
        """Whether it samples the request of now; a random number is drawn if it is needed."""
        if now_ns - self._window > _SECOND:
            self._window = now_ns
            self._taken = 0
        if self._taken < self.fixed_target:
            self._taken += 1
            return True
        return random() % 100 < 100 * self.rate


def built_in() -> Rule:
    """The rule where no manifest says anything else."""
    return Rule(1, 0.5)


class Rules:
    """The rules of a manifest in their order, its default, and what is wrong with it if anything.

    Envoy takes what stands before a fault.
    """

    __slots__ = ("_built_in", "custom", "default", "fault")

    def __init__(self, custom: Sequence[Rule], default: Rule, fault: str = "") -> None:
        self.custom = custom
        self.default = default
        self.fault = fault
        self._built_in = built_in()

    def sampled(
        self, request: tuple[str, str, str], now_ns: int, random: Callable[[], int]
    ) -> bool:
        """The decision about a request: its host, method and path."""
        if not self.custom:
            # Not the default of the manifest: a quirk of Envoy's.
            return self._built_in.samples(now_ns, random)
        for rule in self.custom:
            if rule.applies(request):
                return rule.samples(now_ns, random)
        return self.default.samples(now_ns, random)


def parse(manifest: str) -> Rules:
    """The rules of a manifest of version 2, as far as it is right; empty means the built-in one."""
    if not manifest:
        return Rules((), built_in())
    default = built_in()
    custom: list[Rule] = []
    try:
        content = _object(_json(manifest), "the manifest")
        if _number(content.get("version")) != 2:
            raise Fault("version must be 2")
        default = _rule(_object(content.get("default"), "default"))
        rules = content.get("rules")
        if not isinstance(rules, list):
            raise Fault("rules must be a list")
        for number, entry in enumerate(rules, 1):
            custom.append(_rule(_object(entry, f"rule {number}")))
    except Fault as fault:
        return Rules(custom, default, str(fault))
    return Rules(custom, default)


def _json(manifest: str) -> object:
    import json

    try:
        return json.loads(manifest)
    except (ValueError, RecursionError) as error:
        raise Fault(f"no JSON: {error}") from None


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Fault(f"{name} must be an object")
    return value


def _rule(entry: Mapping[str, object]) -> Rule:
    rate, target = _number(entry.get("rate")), _number(entry.get("fixed_target"))
    if rate is None or not 0 <= rate <= 1:
        raise Fault("rate must be a number from 0 to 1")
    if target is None or target < 0 or target != target // 1:
        raise Fault("fixed_target must be a whole number of 0 or more")
    host, method, path = (_pattern(entry, name) for name in _FIELDS)
    return Rule(int(target), rate, (host, method, path))


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _pattern(entry: Mapping[str, object], name: str) -> str:
    value = entry.get(name, "*")
    if not isinstance(value, str):
        raise Fault(f"{name} must be a text")
    return value


def wildcard(pattern: str, text: str) -> bool:
    """Whether a text matches: `*` is any run, `?` one character, upper and lower case are alike."""
    if pattern == "*":
        return True
    pattern, text = pattern.lower(), text.lower()
    # The last star that was passed, and the text that it had taken by then: one to go back to is
    # enough, and keeps hostile texts from taking long.
    star, mark = -1, 0
    p = t = 0
    while t < len(text):
        if p < len(pattern) and pattern[p] == "*":
            star, mark = p, t
            p += 1
        elif p < len(pattern) and pattern[p] in ("?", text[t]):
            p += 1
            t += 1
        elif star >= 0:
            mark += 1
            p, t = star + 1, mark
        else:
            return False
    return not pattern[p:].strip("*")
