"""Envoy's extensions: a name, and a message of a type that `@type` tells.

https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/extension
"""

from __future__ import annotations

from typing import NamedTuple

from autotrace.envoy_config.node import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.reading import Reading

# Other words that may stand beside them in a TypedExtensionConfig, an HttpFilter or a Filter.
_KNOWN = ("name", "typed_config", "typedConfig", "config", "is_optional", "isOptional")
_MORE = ("config_discovery", "configDiscovery", "disabled", "@type")


class Extension(NamedTuple):
    """An extension: its name, its message's name without the package, and the message."""

    name: str
    message: str
    config: Node


def extension(node: Node, reading: Reading) -> Extension:
    """Return what a TypedExtensionConfig, a filter or a tracing provider holds."""
    empty = Node({}, node.path, node.line)
    if not isinstance(node.content, dict):
        reading.problem(node, "an object with name and typed_config is wanted.")
        return Extension("", "", empty)
    for unknown in [key for key in node.content if key not in (*_KNOWN, *_MORE)]:
        reading.problem(node.content[unknown], "no such field; did you mean typed_config?")
    name = node.content.get("name")
    spelled = [node.content.get(key) for key in ("typed_config", "typedConfig", "config")]
    config = next((each for each in spelled if each is not None), empty)
    if not isinstance(config.content, dict):
        config = empty
    return unwrapped(str(name.content) if name else "", config)


def unwrapped(name: str, config: Node) -> Extension:
    """Return the extension of an Any, out of a TypedStruct where it is in one."""
    content = config.content
    assert isinstance(content, dict)
    message = message_of(config)
    if message == "TypedStruct":
        url = content.get("type_url", content.get("typeUrl"))
        value = content.get("value", Node({}, config.path, config.line))
        if isinstance(value.content, dict):
            return Extension(name, _short(url), value)
    return Extension(name, message, config)


def message_of(node: Node) -> str:
    """Return the name of a message by its `@type`, without its package."""
    return _short(node.content.get("@type")) if isinstance(node.content, dict) else ""


def _short(url: Node | None) -> str:
    text = url.content if url else None
    return text.rpartition("/")[2].rpartition(".")[2] if isinstance(text, str) else ""
