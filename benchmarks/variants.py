"""What is compared: the same program without an agent, and with it in its several modes."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Variant:
    """A way to run a program: its environment's further variables, and its Python."""

    name: str
    settings: dict[str, str] = field(compare=False)
    python: str = sys.executable

    def environment(self) -> dict[str, str]:
        """The whole environment: ours without any tracing, then what this variant sets."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AUTOTRACE_", "OTEL_", "DD_", "PYTHON"))
        }
        # With one seed for all, dictionaries and sets are alike in every run.
        return {**kept, "PYTHONHASHSEED": "0", **self.settings}


NOTHING = Variant("no agent", {})


def _ours(name: str, **settings: str) -> Variant:
    path = {"PYTHONPATH": str(ROOT / "bootstrap")}
    named = {f"AUTOTRACE_{key.upper()}": value for key, value in settings.items()}
    return Variant(name, {**path, "AUTOTRACE_SERVICE_NAME": "shop", **named})


ALL = _ours("100 %", exporter="none")
NONE = _ours("unsampled", exporter="none", random_sampling="0")
PROPAGATE = _ours("propagate", mode="propagate")


def exporting(port: int) -> Variant:
    """Every request sampled and delivered by OTLP to a receiver on this port."""
    return _ours("100 %, OTLP sent", otlp_endpoint=f"http://127.0.0.1:{port}")


def exporting_few(port: int) -> Variant:
    """The same with one request in a hundred."""
    endpoint = f"http://127.0.0.1:{port}"
    return _ours("1 %, OTLP sent", otlp_endpoint=endpoint, random_sampling="1")
