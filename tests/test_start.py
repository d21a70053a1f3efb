"""Cold until the first library, then every integration is patched, skipped or failed."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import autotrace
import autotrace.start
from autotrace import activation, config, guard
from autotrace.integrations import Row
from autotrace.patches import Patches

starter: Any = sys.modules["autotrace.start"]
Patch = Callable[[ModuleType, Patches], None]

LIBRARY = "class Client:\n    def call(self):\n        return 'theirs'\n"


class World:
    """A manifest of its own, a folder of libraries, and a core that notes how it is configured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.monkeypatch = monkeypatch
        self.folder = folder
        self.configured: list[config.Config] = []
        self.rows: list[Row] = []
        core = ModuleType("autotrace.integration")
        core.configure = self.configured.append  # type: ignore[attr-defined]
        monkeypatch.setattr(autotrace, "integration", core, raising=False)
        for name, value in (
            ("_finder", None), ("_config", None), ("_overrides", {}), ("_state", "cold"),
            ("_jobs", []),
        ):  # fmt: skip
            monkeypatch.setattr(starter, name, value)
        for module in (starter, activation):
            monkeypatch.setattr(module, "MANIFEST", self.rows)
        monkeypatch.setattr(activation, "_status", {})
        monkeypatch.setattr(activation, "_patches", {})
        monkeypatch.setattr(guard, "_level", 30)
        monkeypatch.setattr(guard, "_said", {})
        monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
        monkeypatch.syspath_prepend(str(folder))

    def library(self, name: str, patch: Patch | None = None, text: str = "", **row: Any) -> None:
        """Add a library `lib_<name>` to the folder and its integration to the manifest."""
        (self.folder / f"lib_{name}.py").write_text(text or LIBRARY)
        integration = ModuleType(f"autotrace.integrations.{name}")
        integration.patch = patch or patch_call  # type: ignore[attr-defined]
        self.monkeypatch.setitem(sys.modules, integration.__name__, integration)
        self.monkeypatch.delitem(sys.modules, f"lib_{name}", raising=False)
        values = {"modules": (f"lib_{name}",), "requires": "", "direction": "out", "covers": ""}
        self.rows.append(Row(name, **{**values, **row}))

    def use(self, name: str) -> str:
        """Import a library, which is then forgotten at the end of the test, and call it."""
        module = __import__(f"lib_{name}")
        self.monkeypatch.setitem(sys.modules, f"lib_{name}", module)
        result: str = module.Client().call()
        return result

    @property
    def states(self) -> dict[str, str]:
        return {name: state for name, state, _ in activation.status()}


def patch_call(module: ModuleType, patches: Patches) -> None:
    patches.replace(module.Client, "call", lambda original: lambda self: "ours, " + original(self))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    for name in list(os.environ):
        if name.startswith(("AUTOTRACE_", "OTEL_")):
            monkeypatch.delenv(name)
    return World(monkeypatch, tmp_path)


def test_nothing_is_configured_before_the_first_library(world: World) -> None:
    world.library("a")
    starter.install_hook()
    assert (starter.state(), world.configured) == ("cold", [])
    assert world.use("a") == "ours, theirs"
    assert (starter.state(), len(world.configured)) == ("warm", 1)


def test_each_library_is_patched_at_its_import(world: World) -> None:
    world.library("a")
    world.library("b")
    starter.install_hook()
    world.use("a")
    assert world.states == {"a": "patched", "b": "pending"}
    assert world.use("b") == "ours, theirs"
    assert (world.states["b"], len(world.configured)) == ("patched", 1)


def test_start_in_code_patches_what_is_imported_already(world: World) -> None:
    world.library("a")
    world.use("a")
    from lib_a import Client  # type: ignore[import-not-found]

    autotrace.start()
    assert Client().call() == "ours, theirs"


def test_start_takes_settings_by_name(world: World) -> None:
    autotrace.start(service_name="shop", strict=True, forward_headers=["x-a", "x-b"])
    (given,) = world.configured
    assert (given.service_name, given.strict, given.forward_headers) == (
        "shop",
        True,
        ("x-a", "x-b"),
    )


def test_start_takes_pairs_as_a_dict(world: World) -> None:
    autotrace.start(otlp_headers={"x-key": "a=b,c", "x-other": "d e"})
    (given,) = world.configured
    assert given.otlp_headers == {"x-key": "a=b,c", "x-other": "d e"}


def test_a_setting_given_in_code_wins_over_the_environment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOTRACE_SERVICE_NAME", "from outside")
    autotrace.start(service_name="from inside")
    assert world.configured[0].service_name == "from inside"


def test_a_second_start_says_that_its_settings_are_ignored(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    autotrace.start()
    autotrace.start()
    autotrace.start(service_name="late")
    assert len(world.configured) == 1
    assert capfd.readouterr().err == (
        "autotrace: start(service_name) is ignored: the agent has started before\n"
    )


def test_passive_rows_wait_until_the_agent_is_warm(world: World) -> None:
    world.library("thread", passive=True)
    world.library("later", passive=True)
    world.library("a")
    starter.install_hook()
    assert world.use("thread") == "theirs"
    assert starter.state() == "cold"
    world.use("a")
    assert world.use("thread") == "ours, theirs"
    assert world.use("later") == "ours, theirs"


def test_start_in_code_applies_passive_rows_at_once(world: World) -> None:
    world.library("thread", passive=True)
    assert world.use("thread") == "theirs"
    autotrace.start()
    assert world.use("thread") == "ours, theirs"


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(3), RecursionError(), GeneratorExit(), BaseException()]
)
def test_a_failed_integration_is_undone_and_listed_and_others_go_on(
    world: World, error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    def patch(module: ModuleType, patches: Patches) -> None:
        patch_call(module, patches)
        raise error

    world.library("bad", patch)
    world.library("good")
    starter.install_hook()
    assert world.use("bad") == "theirs"
    assert world.use("good") == "ours, theirs"
    assert world.states == {"bad": "failed", "good": "patched"}
    assert activation.status()[0].reason.startswith(type(error).__name__)
    err = capfd.readouterr().err
    assert err.startswith("autotrace: bad is not traced, patching lib_bad failed: ")
    assert err.count("\n") == 1


def test_an_integration_that_fails_in_its_second_module_is_undone_in_the_first(
    world: World,
) -> None:
    def patch(module: ModuleType, patches: Patches) -> None:
        patches.replace(module.Client, "call", lambda original: lambda self: "ours")
        if module.__name__ == "lib_second":
            raise ValueError

    world.library("second", patch)
    world.rows.clear()
    world.library("first", patch, modules=("lib_first", "lib_second"))
    starter.install_hook()
    world.use("first")
    assert world.use("second") == "theirs"
    assert world.use("first") == "theirs"
    assert world.states == {"first": "failed"}


def test_keyboard_interrupt_is_the_users(world: World) -> None:
    def patch(module: ModuleType, patches: Patches) -> None:
        patch_call(module, patches)
        raise KeyboardInterrupt

    world.library("a", patch)
    starter.install_hook()
    with pytest.raises(KeyboardInterrupt):
        world.use("a")
    assert not starter._busy.locked()


class Died(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("where", ["patch", "configure"])
def test_strict_ends_the_process(world: World, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons: list[str] = []

    def die(reason: str) -> None:
        reasons.append(reason)
        raise Died

    def fail(*given: object) -> None:
        raise ValueError("the reason")

    monkeypatch.setattr(guard, "die", die)
    monkeypatch.setenv("AUTOTRACE_STRICT", "1")
    world.library("a", fail if where == "patch" else None)
    if where == "configure":
        monkeypatch.setattr(autotrace.integration, "configure", fail)
    starter.install_hook()
    with pytest.raises(Died):
        world.use("a")
    assert "ValueError: the reason" in reasons[0]


def test_a_core_that_fails_leaves_the_program_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(autotrace.integration, "configure", lambda config: 1 / 0)
    world.library("a")
    world.library("b")
    starter.install_hook()
    assert (world.use("a"), world.use("b")) == ("theirs", "theirs")
    assert starter.state() == "failed"
    err = capfd.readouterr().err
    assert "ZeroDivisionError" in err and err.count("\n") == 1


def test_mode_off_patches_nothing_and_takes_the_finder_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOTRACE_MODE", "off")
    world.library("a")
    starter.install_hook()
    finder = sys.meta_path[0]
    assert world.use("a") == "theirs"
    assert (starter.state(), world.configured, finder in sys.meta_path) == ("off", [], False)


def test_disabled_integrations_are_skipped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTRACE_DISABLED_INTEGRATIONS", "x,b*")
    for name in ("a", "b1"):
        world.library(name)
    starter.install_hook()
    assert (world.use("a"), world.use("b1")) == ("ours, theirs", "theirs")
    assert activation.status()[1] == ("b1", "skipped", "disabled by b*")


@pytest.mark.parametrize(
    ("version", "result"),
    [
        ("__version__ = '1.9'", "theirs"),
        ("__version__ = '2.1'", "ours, theirs"),
        ("__version__ = '3.0'", "theirs"),
        ("__version__ = (1, 9)", "ours, theirs"),
        ("def __getattr__(name): raise SystemExit", "ours, theirs"),
    ],
)
def test_versions_out_of_range_are_skipped_with_one_line(
    world: World, version: str, result: str, capfd: pytest.CaptureFixture[str]
) -> None:
    world.library("a", text=f"{LIBRARY}{version}\n", requires="lib-a>=2,<3")
    starter.install_hook()
    assert world.use("a") == result
    err = capfd.readouterr().err
    if result == "theirs":
        have = version.split("'")[1]
        assert err == (
            f"autotrace: a is not traced: lib_a {have} is installed, lib-a>=2,<3 can be traced\n"
        )
        assert world.states == {"a": "skipped"}
    else:
        assert err == ""


def test_problems_of_the_configuration_are_one_line_each(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTOTRACE_CLIENT_SAMPLING", "lots")
    monkeypatch.setenv("AUTOTRACE_SERVICE_NAM", "shop")
    world.library("a")
    starter.install_hook()
    assert world.use("a") == "ours, theirs"
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("autotrace: ") for line in lines)
    assert any("AUTOTRACE_CLIENT_SAMPLING" in line and "lots" in line for line in lines)
    assert any("AUTOTRACE_SERVICE_NAME" in line for line in lines)


def test_a_library_imported_by_an_integration_is_patched_after_it(world: World) -> None:
    order: list[str] = []

    def outer(module: ModuleType, patches: Patches) -> None:
        order.append("outer begins")
        world.use("inner")
        order.append("outer ends")

    world.library("outer", outer)
    world.library("inner", lambda module, patches: order.append("inner"))
    starter.install_hook()
    world.use("outer")
    assert order == ["outer begins", "outer ends", "inner"]


def test_a_thread_never_waits_for_another_threads_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The core, while it is built, may need a module whose import waits for the core."""
    begun, imported = threading.Event(), threading.Event()

    def configure(config: object) -> None:
        begun.set()
        assert imported.wait(10)

    monkeypatch.setattr(autotrace.integration, "configure", configure)
    world.library("a")
    world.library("b")
    starter.install_hook()
    first = threading.Thread(target=world.use, args=("a",))
    first.start()
    assert begun.wait(10)
    world.use("b")
    imported.set()
    first.join(10)
    assert world.states == {"a": "patched", "b": "patched"}


def test_the_module_and_the_function_have_one_name(world: World) -> None:
    from autotrace import start

    assert callable(start) and callable(autotrace.start)
    with pytest.raises(AttributeError, match="no attribute 'stop'"):
        autotrace.stop  # noqa: B018


def test_a_child_forked_during_a_start_can_start(world: World) -> None:
    with starter._busy:
        child = os.fork()
        if not child:
            os._exit(int(starter._busy.locked()))
        assert os.waitpid(child, 0)[1] == 0
