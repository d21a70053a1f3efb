"""autotrace: tracing for Python programs that never asked for it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.messages import inbound as inbound
    from autotrace.messages import outbound_headers as outbound_headers
    from autotrace.start import start as start

__all__ = ["inbound", "outbound_headers", "start"]
__version__ = "0.1.0"


def _checkout(package: str) -> list[str]:
    """Return the folder that holds `bootstrap` and `integrations` where nothing was installed.

    A wheel carries both inside the package; in a checkout they are its neighbours.
    """
    root = os.path.dirname(package)
    if os.path.isdir(os.path.join(package, "integrations")):
        return []
    folders = (os.path.join(root, name) for name in ("bootstrap", "integrations"))
    return [root] if all(map(os.path.isdir, folders)) else []


__path__ += _checkout(os.path.dirname(os.path.abspath(__file__)))


def __getattr__(name: str) -> object:
    """Load what is asked for: importing the package alone loads and starts nothing."""
    if name == "start":
        import autotrace.start

        return autotrace.start
    if name in ("inbound", "outbound_headers"):
        import autotrace.messages

        return getattr(autotrace.messages, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
