"""Where a header is made and where it goes, for the formats that say so (SkyWalking's sw8)."""

from __future__ import annotations


class Hop:
    """One outbound exchange: who calls whom, out of which operation.

    `endpoint` is the path of the inbound call that causes it, `address` is `host:port` as called,
    `segment_id` names the spans of that inbound call together, `exit_span_id` this one among them.
    """

    __slots__ = ("address", "endpoint", "exit_span_id", "instance", "segment_id", "service")

    def __init__(
        self,
        service: str = "",
        instance: str = "",
        endpoint: str = "",
        address: str = "",
        segment_id: str = "",
        exit_span_id: int = 0,
    ) -> None:
        self.service = service
        self.instance = instance
        self.endpoint = endpoint
        self.address = address
        self.segment_id = segment_id
        self.exit_span_id = exit_span_id


NOWHERE = Hop()
