"""Why a field of Envoy's or Istio's has no effect in a process, in the words that users read."""

from __future__ import annotations

CONNECTIONS = "connections are made by the program and its libraries"
DISCOVERY = "what a control plane hands out is not fetched; the file is all that is read"
LISTENING = "the program's own server listens and speaks HTTP"
LOGS = "access logs are not written"
ROUTING = "requests are routed by the program"
HEADERS = "headers that are not part of tracing are left alone"
STATISTICS = "statistics are Envoy's own"
RUNNING = "about running Envoy itself"
MESH = "about running the mesh"
SECURITY = "certificates and access are not the agent's"
ADDRESS = "the address by which the receiver is reached is all that counts"
GONE = "Envoy itself does not act on it any more"
