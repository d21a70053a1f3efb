"""The fetching of what is configured from afar, from Datadog's agent, as the library in Envoy does.

What is fetched are configurations of the product `APM_TRACING`: a share of all traces or rules of
sampling, tags of all spans, and whether spans are sent at all.

https://docs.datadoghq.com/tracing/guide/remote_config/
"""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from autotrace import __version__
from autotrace.datadog_remote import (
    BY_CUSTOMER,
    BY_SERVER,
    NOTHING,
    Remote,
    Rule,
    learn,
    runtime_id,
)
from autotrace.subscription import Next

PATH = "/v0.7/config"
PRODUCT = "APM_TRACING"
# Sampling rate, tags, whether it is enabled, sampling rules.
_CAPABILITIES = tuple(sum(1 << bit for bit in (12, 15, 19, 29)).to_bytes(8, "big"))
_ACKNOWLEDGED, _ERROR = 2, 3
_NOT_FOUND = 404
_PROVENANCE = {"customer": BY_CUSTOMER, "dynamic": BY_SERVER}


class Malformed(ValueError):
    """An answer or a configuration cannot be used; the message says why."""


class _Applied(NamedTuple):
    """One configuration as it was fetched, and what became of it."""

    id: str
    version: int
    length: int
    sha256: str
    remote: Remote
    problem: str = ""


class RemoteConfig:
    """The asking of the agent."""

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        timeout: float,
        interval: float,
        who: tuple[str, str],
    ) -> None:
        """Asks the agent every so many seconds; `who`: service and environment."""
        self.url = endpoint.rstrip("/") + PATH
        self.headers = headers
        self.timeout = timeout
        self.first = self._interval = interval
        self._service, self._env = who
        self._applied: dict[str, _Applied] = {}
        self._version = 0
        self._state = ""
        self._problem = ""

    def question(self) -> bytes:
        """Who asks, and what it has so far."""
        state: dict[str, Any] = {
            "root_version": 1,
            "targets_version": self._version,
            "backend_client_state": self._state,
            "config_states": [_state(each) for each in self._applied.values()],
        }
        if self._problem:
            state.update(has_error=True, error=self._problem)
        asked = {
            "client": {
                "id": runtime_id(),
                "products": [PRODUCT],
                "is_tracer": True,
                "capabilities": _CAPABILITIES,
                "client_tracer": {
                    "runtime_id": runtime_id(),
                    "language": "python",
                    "tracer_version": __version__,
                    "service": self._service,
                    "env": self._env,
                },
                "state": state,
            },
            "cached_target_files": [_cached(path, each) for path, each in self._applied.items()],
        }
        return json.dumps(asked).encode()

    def answered(self, status: int, body: bytes) -> Next:
        """Puts into force what the agent hands out; without any, nothing of it counts any more."""
        self._problem = ""
        if status == _NOT_FOUND or not status:
            # The agent's word for "switched off": it may be switched on at any time.
            return Next(self._interval)
        if status not in range(200, 300):
            return Next(self._interval, f"answered {status}")
        try:
            self._take(_json(body))
        except Malformed as error:
            self._problem = str(error)
        except (KeyError, TypeError, AttributeError) as error:
            self._problem = f"the answer cannot be read ({type(error).__name__}: {error})"
        return Next(self._interval, self._problem)

    def _take(self, answer: Mapping[str, Any]) -> None:
        if not answer:
            # Nothing is new.
            return
        signed = _json(_decoded(answer["targets"]))["signed"]
        files = {each["path"]: each["raw"] for each in answer.get("target_files") or ()}
        applied = {
            path: self._configuration(path, signed["targets"][path], files)
            for path in answer.get("client_configs") or ()
        }
        self._version = int(signed["version"])
        self._state = str(signed["custom"]["opaque_backend_state"])
        self._applied = applied
        together = NOTHING
        for each in applied.values():
            # The later one counts.
            together = each.remote.over(together)
        learn(together)

    def _configuration(
        self, path: str, target: Mapping[str, Any], files: Mapping[str, str]
    ) -> _Applied:
        """One configuration, fetched now or before."""
        # datadog/ORG/PRODUCT/ID/NAME, or employee/PRODUCT/ID/NAME
        parts = path.split("/")
        if len(parts) < 4 or parts[-3] != PRODUCT:
            raise Malformed(f'"{path}" is no path of a configuration of {PRODUCT}')
        sha256 = str(target["hashes"]["sha256"])
        before = self._applied.get(path)
        if before is not None and before.sha256 == sha256:
            return before
        if path not in files:
            raise Malformed(f'"{path}" is missing from the files of the answer')
        content = _decoded(files[path])
        if _sha256(content) != sha256:
            raise Malformed(f'"{path}" is not what its checksum says')
        remote, problem = NOTHING, ""
        try:
            remote = self._parsed(_json(content))
        except Malformed as error:
            problem = str(error)
        version = int(target["custom"]["v"])
        return _Applied(parts[-2], version, len(content), sha256, remote, problem)

    def _parsed(self, configuration: Mapping[str, Any]) -> Remote:
        """What a configuration says, if it is about this service."""
        aim = configuration.get("service_target") or {}
        for key, ours in (("service", self._service), ("env", self._env)):
            if str(aim.get(key, "*")).lower() not in ("*", ours.lower()):
                raise Malformed(f"it is for the {key} {aim.get(key)}")
        return parsed(configuration.get("lib_config") or {})


def parsed(library: Mapping[str, Any]) -> Remote:
    """What a `lib_config` says; what is of another type than it should be is left out."""
    rules: list[Rule] = []
    if isinstance(library.get("tracing_sampling_rules"), list):
        rules += map(_rule, library["tracing_sampling_rules"])
    rate = library.get("tracing_sampling_rate")
    if rate is not None and _is_number(rate):
        rules.append(Rule(_share(rate)))
    pairs = library.get("tracing_tags")
    found = None
    if isinstance(pairs, list):
        split = (str(each).partition(":") for each in pairs)
        found = {key.strip(): value.strip() for key, _, value in split if key.strip()}
    enabled = library.get("tracing_enabled")
    return Remote(rules, found, enabled if isinstance(enabled, bool) else None)


def _rule(told: Any) -> Rule:
    if not isinstance(told, dict):
        raise Malformed("a sampling rule is no object")
    if not _is_number(told.get("sample_rate")):
        raise Malformed("a sampling rule has no sample_rate")
    mechanism = _PROVENANCE.get(str(told.get("provenance")).lower())
    if mechanism is None:
        raise Malformed('the provenance of a sampling rule is neither "customer" nor "dynamic"')
    return Rule(
        _share(told["sample_rate"]),
        mechanism,
        str(told.get("service") or "*"),
        str(told.get("name") or "*"),
        str(told.get("resource") or "*"),
        _patterns(told.get("tags")),
    )


def _patterns(told: Any) -> dict[str, str]:
    """The patterns of tags, which come as an object or as a list of keys and values."""
    if isinstance(told, list):
        return {str(each.get("key")): str(each.get("value_glob")) for each in told}
    return {str(key): str(value) for key, value in (told or {}).items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _share(rate: float) -> float:
    if not 0 <= rate <= 1:
        raise Malformed(f"{rate} is no share from 0 to 1")
    return float(rate)


def _state(applied: _Applied) -> dict[str, Any]:
    made = {
        "id": applied.id,
        "version": applied.version,
        "product": PRODUCT,
        "apply_state": _ERROR if applied.problem else _ACKNOWLEDGED,
    }
    if applied.problem:
        made["apply_error"] = applied.problem
    return made


def _cached(path: str, applied: _Applied) -> dict[str, Any]:
    hashes = [{"algorithm": "sha256", "hash": applied.sha256}]
    return {"path": path, "length": applied.length, "hashes": hashes}


def _json(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text or b"{}")
    except ValueError as error:
        raise Malformed(f"no JSON ({error})") from None
    if not isinstance(found, dict):
        raise Malformed("no JSON object")
    return found


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"no base64 ({error})") from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
