"""Envoy's child spans: whether an attempt has one, and whose ids it sends."""

from __future__ import annotations

from autotrace.attempt import CHILD, DOWNSTREAM, NOBODY, has_span, injected_from


def test_either_setting_is_enough() -> None:
    settings = [(False, False), (True, False), (False, True), (True, True)]
    assert [has_span(*each) for each in settings] == [False, True, True, True]


def test_whose_ids_are_sent() -> None:
    assert injected_from(True) == CHILD
    assert injected_from(False) == DOWNSTREAM
    assert injected_from(True, no_context_propagation=True) == NOBODY
