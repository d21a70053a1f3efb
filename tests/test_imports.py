"""Imports point one way; read from the import statements themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A part imports from its own layer and from those above it in this list.
LAYERS = (
    # What stands alone.
    {"facts", "forks", "guard", "headers", "context", "ids", "signatures", "requirement", "patches"}
    | {"import_hook", "program_name", "format_grammar", "hosts", "subscription"},
    # The pure core.
    {"propagation", "request_id", "trust", "sampling", "provider", "operation", "tags"}
    | {"custom_tags", "span", "failure", "otel", "routes", "route_match", "runtime"}
    | {"grpc_status", "decorator", "format_string", "metadata", "response_flags"}
    | {
        "verbose_events",
        "envoy_tags",
        "otel_tags",
        "request_header",
        "naming",
        "cluster",
        "format_time",
        "wanted_headers",
        "known_names",
        "message_tags",
        "datadog_rates",
        "datadog_remote",
        "datadog_remote_config",
        "response_headers",
    },
    {"call"},
    {"outside"},
    {"own_baggage", "deciding", "sending"},
    {"core"},
    {"carried", "log_fields"},
    {"integration"},
    {"messages"},
)
# Parts beside the layers, and all that each may know.
BESIDE = {
    "integrations": {"facts", "headers", "integration", "integrations"},
    "export": {
        "export",
        "forks",
        "span",
        "config",
        "guard",
        "context",
        "propagation",
        "datadog_rates",
        "datadog_remote",
        "subscription",
    },
    # The names of the integrations, to tell a misspelled one.
    "config": {"config", "program_name", "integrations", "envoy_config", "format_grammar", "hosts"},
    "envoy_config": {"envoy_config", "config"},
}
# What a layer may know beside: the pipeline is built when the first span ends.
ALSO = {"integration": {"export"}}
KNOW_EVERYBODY = {"", "__main__", "activation", "cli", "start"}


def allowed(part: str) -> set[str]:
    """Return the parts that a part may import from."""
    if part in BESIDE:
        return BESIDE[part]
    reached: set[str] = set()
    for layer in LAYERS:
        reached |= layer
        if part in layer:
            return reached | ALSO.get(part, set())
    raise AssertionError(f"autotrace.{part} has no place in LAYERS or BESIDE yet")


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the modules that code imports when it runs, so not those for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


def our_imports(path: Path) -> Iterator[str]:
    """Yield the parts of autotrace that a file imports from."""
    for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        package, _, rest = name.partition(".")
        part = rest.partition(".")[0]
        if package == "autotrace" and not part.startswith("__"):
            yield part


def files() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "autotrace").rglob("*.py")):
        part = path.relative_to(ROOT / "autotrace").parts[0].removesuffix(".py")
        yield "" if part == "__init__" else part, path
    for path in sorted((ROOT / "integrations").rglob("*.py")):
        yield "integrations", path


@pytest.mark.parametrize(
    ("part", "path"), [pytest.param(*each, id=str(each[1].relative_to(ROOT))) for each in files()]
)
def test_a_module_imports_only_what_stands_above_it(part: str, path: Path) -> None:
    if part not in KNOW_EVERYBODY:
        assert set(our_imports(path)) - allowed(part) == set()


def test_the_bootstrap_imports_nothing_but_sys_and_os_when_it_is_read() -> None:
    tree = ast.parse((ROOT / "bootstrap" / "sitecustomize.py").read_text(encoding="utf-8"))
    at_the_top = ast.Module([node for node in tree.body if "mport" in type(node).__name__], [])
    assert set(imports(at_the_top)) <= {"os", "sys"}


def test_the_test_sees_a_lazy_import_but_not_one_for_type_checkers() -> None:
    code = "if TYPE_CHECKING:\n    import a\ndef f():\n    from b import c\n    import d.e\n"
    assert list(imports(ast.parse(code))) == ["b.c", "d.e"]
