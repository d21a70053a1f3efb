"""`autotrace config`: what it prints, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotrace.cli import main
from tests.test_envoy_config import FIXTURES


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("AUTOTRACE_", "OTEL_")):
            monkeypatch.delenv(name)


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    return str(path)


def test_show_prints_each_setting_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("yaml")
    file = str(FIXTURES / "istio_proxy.yaml")
    assert main(["config", "show", file]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert f"random_sampling = 1\n    {file}:9 meshConfig" in printed.out
    assert '"build"' in printed.out


def test_show_hides_what_is_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(
        tmp_path,
        '{"otlp_headers": {"authorization": "hush"}, "otlp_endpoint": "http://u:hush@c/x"}',
    )
    assert main(["config", "show", file]) == 0
    printed = capsys.readouterr()
    assert "otlp_headers = (hidden: authorization)" in printed.out
    assert "otlp_endpoint = http://...@c/x" in printed.out
    assert "hush" not in printed.out + printed.err


def test_show_prints_problems_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, '{"mode": "trase"}')
    assert main(["config", "show", file]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"{file}: mode='trase': unknown; did you mean trace? trace is used.\n"


@pytest.mark.parametrize("command", ["show", "lint"])
def test_a_file_that_cannot_be_read_fails(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", command, str(tmp_path / "none.yaml")]) == 1
    printed = capsys.readouterr()
    assert "cannot be read (No such file or directory)" in printed.out + printed.err


def test_lint_ends_with_1_where_something_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("yaml")
    file = written(tmp_path, "tracing: {verbos: true}\ncodec_type: AUTO\n")
    assert main(["config", "lint", file]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{file}:1 tracing.verbos: no such field; did you mean verbose?",
        f"{file}:2 codec_type: ignored: the program's own server listens and speaks HTTP.",
        "1 problem, 1 ignored field",
    ]


def test_lint_ends_with_0_where_fields_are_only_ignored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("yaml")
    assert main(["config", "lint", str(FIXTURES / "envoy_zipkin.yaml")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 problems, 14 ignored fields"


def test_a_file_is_looked_at_without_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTOTRACE_ZONE", "environment")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "environment")
    assert main(["config", "show", written(tmp_path, '{"zone": "file"}')]) == 0
    printed = capsys.readouterr().out
    assert "zone = file" in printed
    assert "environment" not in printed


def test_without_a_file_it_is_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, '{"zone": "file", "exporter": []}')
    monkeypatch.setenv("AUTOTRACE_CONFIG", file)
    monkeypatch.setenv("AUTOTRACE_MODE", "propagate")
    assert main(["config", "show"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "mode = propagate",
        "    AUTOTRACE_MODE",
        "zone = file",
        f"    {file}: zone",
        "exporter = (nothing)",
        f"    {file}: exporter",
    ]
    monkeypatch.setenv("AUTOTRACE_MOD", "off")
    assert main(["config", "lint"]) == 1
    assert "did you mean AUTOTRACE_MODE?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], 2), (["shw"], 2), (["show", "a", "b"], 2), (["lint", "--all"], 2), (["--help"], 0)],
)
def test_what_it_cannot_do_it_says(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", *arguments]) == code
    printed = capsys.readouterr()
    assert "usage: autotrace config show [FILE]" in printed.out + printed.err
