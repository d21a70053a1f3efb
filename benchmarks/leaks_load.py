"""The program that `python -m benchmarks leaks` watches; it knows nothing of tracing.

`python -m benchmarks.leaks_load FRAMEWORK CLIENT PORT N` prints the memory of the process, in
bytes, when it is warm and N requests later.
"""

from __future__ import annotations

import gc
import resource
import sys
from pathlib import Path

from benchmarks.load import BETWEEN_FLUSHES, flush, request_of

# After these an allocator has seen most of what it will be asked for at once.
WARM_UP = 20_000


def _resident() -> int:
    """The bytes of this process that are in memory, when nothing is left to be collected."""
    flush()
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    """Warms up, then watches."""
    framework, client, port, number = sys.argv[1:]
    request = request_of(framework, "browser", client, int(port))

    def requests(times: int) -> None:
        for made in range(times):
            request()
            if made % BETWEEN_FLUSHES == 0:
                flush()

    requests(min(int(number), WARM_UP))
    warm = _resident()
    requests(int(number))
    print(warm, _resident())


if __name__ == "__main__":
    main()
