"""`python -m autotrace` is the `autotrace` command."""

from __future__ import annotations

from autotrace.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
