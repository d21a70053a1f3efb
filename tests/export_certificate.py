"""A certificate for receivers on the loopback, signed by itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def make_certificate(folder: Path) -> tuple[str, str]:
    """The files of a certificate for 127.0.0.1 and of its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing: TLS was not tried")
    made, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    alternative = ["-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", *words.split(), *alternative, "-keyout", key, "-out", made]
    subprocess.run(command, check=True, capture_output=True)
    return made, key
