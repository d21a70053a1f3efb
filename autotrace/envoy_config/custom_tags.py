"""Custom tags as Envoy writes them, for a listener or a route.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/tracing/v3/custom_tag.proto
"""

from __future__ import annotations

from autotrace.envoy_config.message import Message, as_dict, items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

LITERAL = Message("Literal", "value")
NAMED = Message("Environment or Header", "name default_value")
KEY = Message("MetadataKey", "key path", lists={"path": Message("PathSegment", "key")})
KIND = Message("MetadataKind", "request route cluster host")
METADATA = Message(
    "Metadata", "kind metadata_key default_value", nested={"kind": KIND, "metadata_key": KEY}
)
CUSTOM_TAG = Message(
    "CustomTag",
    "tag literal environment request_header metadata value",
    nested={
        "literal": LITERAL,
        "environment": NAMED,
        "request_header": NAMED,
        "metadata": METADATA,
    },
)


def custom_tags(node: Node, reading: Reading) -> list[dict[str, Any]] | None:
    """Return the tags in the form of the setting `custom_tags`."""
    return [as_dict(each, CUSTOM_TAG, reading) for each in items(node, reading)] or None
