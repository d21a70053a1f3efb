"""The container of this process, by which Datadog's agent finds its tags.

https://docs.datadoghq.com/containers/guide/ ; outside of containers there is nothing to say.
"""

from __future__ import annotations

import os
import re

CGROUPS = "/proc/self/cgroup"
ROOT = "/sys/fs/cgroup"
# Docker's and containerd's ids, ECS's tasks, and Garden's.
_id = re.compile(r"([0-9a-f]{64}|[0-9a-f]{32}-\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){4})(?:\.scope)?$")
# The inode of a host's own root is always the same one.
_HOST_NAMESPACE = 0xEFFFFFFB


def container_headers(cgroups: str = CGROUPS, root: str = ROOT) -> dict[str, str]:
    """The headers that name the container, empty where it is not known."""
    try:
        with open(cgroups, encoding="ascii", errors="replace") as file:
            lines = [line.strip() for line in file]
    except OSError:
        return {}
    for line in lines:
        match = _id.search(line.rpartition("/")[2])
        if match:
            return {
                "Datadog-Container-ID": match[1],
                "Datadog-Entity-ID": f"ci-{match[1]}",
            }
    return _by_inode(lines, root)


def _by_inode(lines: list[str], root: str) -> dict[str, str]:
    """In a namespace of its own a container only sees where its control group begins."""
    try:
        if os.stat("/proc/self/ns/cgroup").st_ino == _HOST_NAMESPACE:
            return {}
        for line in lines:
            controllers, _, path = line.partition(":")[2].partition(":")
            if controllers in ("", "memory"):
                inode = os.stat(os.path.join(root, controllers, path.lstrip("/"))).st_ino
                return {"Datadog-Entity-ID": f"in-{inode}"}
    except OSError:
        return {}
    return {}
