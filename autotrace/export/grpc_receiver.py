"""A server that takes spans over gRPC, and the rules of what is sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from autotrace.export import batches
from autotrace.export.attempts import attempt
from autotrace.export.judges import sent
from autotrace.export.receiver import Outcome, Patience

if TYPE_CHECKING:
    from autotrace.export.batches import Encode
    from autotrace.export.grpc_sender import GrpcAnswer, GrpcSender
    from autotrace.export.judges import Judge
    from autotrace.export.resource import Resource
    from autotrace.span import Span

    Post = Callable[[bytes, float], GrpcAnswer]

OK, RESOURCE_EXHAUSTED = 0, 8
# What gRPC servers take by default is 4 MiB.
LIMIT = 4_000_000


class GrpcReceiver:
    """Sends batches until they are accepted, refused or given up.

    `retried` are numbers of status codes after which the same message may be accepted later.
    """

    def __init__(
        self,
        sender: GrpcSender,
        post: Post,
        encode: Encode,
        resource: Resource,
        retried: frozenset[int],
        judge: Judge = sent,
    ) -> None:
        self._sender = sender
        self._post = post
        self._encode = encode
        self._resource = resource
        self._retried = retried
        self._judge = judge

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Sends the spans, in as many messages as their size needs."""

        def send(body: bytes, part: Sequence[Span]) -> Outcome:
            return self._send(body, len(part), patience)

        return batches.deliver(self._encode, spans, self._resource, LIMIT, send)

    def close(self) -> None:
        """Closes the channel."""
        self._sender.close()

    def _send(self, body: bytes, count: int, patience: Patience) -> Outcome:
        answer = attempt(lambda seconds: self._post(body, seconds), self._again, patience)
        if answer.code != OK:
            problem = f"{self._sender.address} answered {answer.problem}"
            return Outcome(failed=count, problem=problem)
        return self._judge(answer.body, count, self._sender.address)

    def _again(self, answer: GrpcAnswer) -> bool:
        # Who is exhausted and names no time is exhausted for good.
        asked = answer.code == RESOURCE_EXHAUSTED and bool(answer.retry_after)
        return answer.code in self._retried or asked
