"""The file that AUTOTRACE_CONFIG names: JSON or YAML, an object of settings by their names."""

from __future__ import annotations

import json

from autotrace.config.problem import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Keys at the top of Envoy's and Istio's own files, which people will try.
ENVOY = ("static_resources", "dynamic_resources", "admin", "http_filters", "tracing")
ISTIO = ("apiVersion", "kind", "defaultConfig", "meshConfig", "extensionProviders")


def read(path: str) -> dict[str, Any]:
    """Return what the file holds; raises `Invalid` with the reason where that is nothing."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise Invalid(f"the file cannot be read ({reason}).") from None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if path.endswith(".json") or text.lstrip().startswith("{"):
            raise Invalid(f"the file is no JSON ({error}).") from None
        content = _yaml(text)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Invalid("the file is to hold an object, `name: value` for each setting.")
    content = {str(key): value for key, value in content.items()}
    for owner, keys in (("Envoy", ENVOY), ("Istio", ISTIO)):
        if any(key in content for key in keys):
            raise Invalid(f"{owner} configuration is not available in this version.")
    return content


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise Invalid("YAML needs PyYAML: pip install 'autotrace[yaml]', or write JSON.") from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = " ".join(str(error).split())
        raise Invalid(f"the file is no YAML ({where}).") from None
