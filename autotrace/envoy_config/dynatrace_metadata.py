"""What Dynatrace says of a process: files that its OneAgent or its operator in Kubernetes provides.

https://docs.dynatrace.com/docs/shortlink/enrichment-files
"""

from __future__ import annotations

# The first is there for whoever opens it only, and holds the path of another one.
POINTER = "dt_metadata_e617c525669e072eebe3d0f08212e8f2.properties"
FILES = (
    "/var/lib/dynatrace/enrichment/dt_metadata.properties",
    "/var/lib/dynatrace/enrichment/dt_host_metadata.properties",
)


def attributes() -> dict[str, str]:
    """What all the files say that are there, a later one over those before it."""
    found: dict[str, str] = {}
    for path in (_read(POINTER).strip(), *FILES):
        for line in _read(path).splitlines():
            pair = line.split("=")
            if len(pair) == 2 and all(pair):
                found[pair[0]] = pair[1]
    return found


def _read(path: str) -> str:
    if not path:
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
