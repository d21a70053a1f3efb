"""Replaced functions look and behave as those they stand for, and can be put back."""

from __future__ import annotations

import functools
import inspect
import pickle
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from autotrace.patches import Patches

calls: list[str] = []


def make(original: Callable[..., Any]) -> Callable[..., Any]:
    def around(*args: Any, **kwargs: Any) -> Any:
        calls.append(original.__qualname__)
        return original(*args, **kwargs)

    return around


class Base:
    def method(self, a: int, *, b: str = "b") -> str:
        """The original's own words."""
        return f"{type(self).__name__} {a} {b}"

    @staticmethod
    def static(a: int) -> int:
        return a

    @classmethod
    def of_class(cls, a: int) -> str:
        return f"{cls.__name__} {a}"


class Child(Base):
    def method(self, a: int, *, b: str = "b") -> str:
        return "child of " + super().method(a, b=b)


class Heir(Base):
    pass


def function(a: int, b: int = 2) -> int:
    return a + b


function.note = "kept"  # type: ignore[attr-defined]

HERE = sys.modules[__name__]
PLACES: list[tuple[ModuleType | type, str]] = [
    (Base, "method"),
    (Base, "static"),
    (Base, "of_class"),
    (Heir, "method"),
    (Heir, "static"),
    (Heir, "of_class"),
    (HERE, "function"),
]


@pytest.fixture
def patches() -> Any:
    calls.clear()
    patches = Patches()
    yield patches
    patches.rollback()


def test_each_kind_of_function_is_called_through(patches: Patches) -> None:
    for owner, attribute in PLACES[:3] + PLACES[6:]:
        patches.replace(owner, attribute, make)
    assert Base().method(1, b="c") == "Base 1 c"
    assert (Base.static(1), Base().static(1)) == (1, 1)
    assert (Base.of_class(1), Child.of_class(1)) == ("Base 1", "Child 1")
    assert function(1) == 3
    assert Child().method(1) == "child of Child 1 b"
    assert calls == [
        "Base.method", "Base.static", "Base.static", "Base.of_class", "Base.of_class",
        "function", "Base.method",
    ]  # fmt: skip


@pytest.mark.parametrize(("owner", "attribute"), PLACES)
def test_signature_kind_and_names_stay(
    owner: ModuleType | type, attribute: str, patches: Patches
) -> None:
    def looks() -> list[object]:
        found = getattr(owner, attribute)
        return [
            inspect.signature(found),
            inspect.isfunction(found),
            inspect.ismethod(found),
            found.__name__,
            found.__qualname__,
            found.__module__,
            found.__doc__,
            getattr(found, "note", None),
            type(inspect.getattr_static(owner, attribute)),
            inspect.getsource(found),
        ]

    before = looks()
    patches.replace(owner, attribute, make)
    assert looks() == before


@pytest.mark.parametrize(("owner", "attribute"), PLACES)
def test_rollback_restores_the_very_objects(owner: ModuleType | type, attribute: str) -> None:
    before = dict(vars(owner))
    patches = Patches()
    patches.replace(owner, attribute, make)
    assert dict(vars(owner)) != before
    patches.rollback()
    after = dict(vars(owner))
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)


def test_functions_and_instances_are_pickled_by_name(patches: Patches) -> None:
    patches.replace(HERE, "function", make)
    patches.replace(Base, "method", make)
    assert pickle.loads(pickle.dumps(function)) is function
    assert type(pickle.loads(pickle.dumps(Base()))) is Base


def test_a_second_patch_changes_nothing(patches: Patches) -> None:
    patches.replace(Base, "method", make)
    first = Base.method
    patches.replace(Base, "method", make)
    Patches().replace(Base, "method", make)
    Patches().replace(Heir, "method", make)
    assert Base.method is first and "method" not in vars(Heir)
    Heir().method(1)
    assert calls == ["Base.method"]


def test_a_function_under_somebody_elses_wrapper_is_not_patched_twice(
    patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.replace(Base, "method", make)
    theirs = functools.wraps(Base.method)(lambda *args, **kwargs: "theirs")
    monkeypatch.setattr(Base, "method", theirs)
    patches.replace(Base, "method", make)
    assert vars(Base)["method"] is theirs


def test_rollback_leaves_what_somebody_else_put_over_ours(
    patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Base.method
    patches.replace(Base, "method", make)
    monkeypatch.setattr(Base, "method", theirs := lambda self: "theirs")
    patches.rollback()
    assert vars(Base)["method"] is theirs
    monkeypatch.setattr(Base, "method", original)


@pytest.mark.parametrize(
    ("owner", "attribute", "error"),
    [
        (Base, "missing", AttributeError),
        (HERE, "calls", TypeError),
        (HERE, "Base", TypeError),
        (int, "bit_length", TypeError),
    ],
)
def test_what_cannot_be_patched_raises(
    owner: ModuleType | type, attribute: str, error: type[Exception], patches: Patches
) -> None:
    with pytest.raises(error):
        patches.replace(owner, attribute, make)
