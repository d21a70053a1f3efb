"""Services as Istio names them, the tags it writes as a map, and headers by name.

https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
"""

from __future__ import annotations

from autotrace.envoy_config.custom_tags import LITERAL, NAMED
from autotrace.envoy_config.message import Message, as_dict, items
from autotrace.envoy_config.message import fields as fields_of
from autotrace.envoy_config.values import text_of, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

HTTP_HEADER = Message("HttpHeader", "name value env_name")
TAG = Message(
    "CustomTag",
    "literal environment header formatter",
    nested={"literal": LITERAL, "environment": NAMED, "header": NAMED, "formatter": LITERAL},
)


def address(given: dict[str, Node], reading: Reading) -> str:
    """Return `host:port` of a provider's `service` and `port`, or nothing."""
    host = text_of(given, "service", reading)
    port = whole(given["port"], reading) if "port" in given else None
    # The namespace in front of the name only helps Istio to find the service.
    return f"{host.rpartition('/')[2]}:{port}" if host and port else ""


def base(address: str, tls: Container[str]) -> str:
    """Return the beginning of a URL; `tls` holds the hosts that a DestinationRule has TLS for."""
    host = address.rpartition(":")[0]
    return f"{'https' if address in tls or host in tls else 'http'}://{address}"


def headers(node: Node | None, exporter: str, reading: Reading) -> None:
    """Take headers of `name` and `value`, or `envName`; their values are never shown."""
    pairs: dict[str, str] = {}
    for each in items(node, reading):
        given = fields_of(each, HTTP_HEADER, reading)
        name = text_of(given, "name", reading)
        value = given["value"].content if "value" in given else ""
        variable = text_of(given, "env_name", reading)
        if variable:
            value = reading.environ.get(variable)
            if value is None:
                reading.problem(
                    given["env_name"],
                    f"the variable {variable} is not set; the header is left out.",
                    setting=f"{exporter}_headers",
                )
                continue
        if not name or not isinstance(value, str):
            reading.problem(each, "a header needs a name, and a text as its value.")
        else:
            pairs[name] = value
    if node and pairs:
        reading.set(f"{exporter}_headers", pairs, node)


def custom_tags(node: Node, reading: Reading) -> list[dict[str, Any]] | None:
    """Return tags in the form of the setting `custom_tags`, in the order that Istio sends."""
    if not isinstance(node.content, dict):
        reading.problem(node, "an object is wanted here, tags by their names.")
        return None
    found = []
    for name, each in sorted(node.content.items()):
        tag = as_dict(each, TAG, reading)
        if "header" in tag:
            tag["request_header"] = tag.pop("header")
        if "formatter" in tag:
            tag["value"] = tag.pop("formatter").get("value", "")
        found.append({"tag": name, **tag})
    return found or None
