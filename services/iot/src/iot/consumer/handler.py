"""Handling what is delivered: each message ends in the read model, on the dead-letter topic, or comes again."""

import logging
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Final, Literal, NamedTuple

from iot.consumer.dead_letters import DeadLetter, DeadLetters, dead_letter
from iot.consumer.message import Message, check_sequence, open_envelope, read
from iot.consumer.projector import Outcome, Projector
from iot.domain.document import UnreadableError
from iot.domain.mandate import UNKNOWN, Mandate
from iot.observability.metrics import Metrics
from iot.observability.tracing import traceparent, valid
from iot.readmodel.store import Store

LINES: Final = 20
"""More changes than this in one delivery are a rebuild, or a rush: one line of the log counts them."""

SET_BACK: Final = (
    "events came that are older by sequence than what was known: a clock was set back; scripts/announce mends it"
)

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What became of a message, in Dapr's words: done, or send it again.

    A `reason` beside SUCCESS: it is on the dead-letter topic.
    """

    status: Literal["SUCCESS", "RETRY"]
    reason: str = ""


class _Opened(NamedTuple):
    """What a message says, or its dead letter; and the traceparent that it bears."""

    said: Mandate | DeadLetter
    trace: str | None


class Handler:
    """Where messages go: a store and the place for dead letters."""

    def __init__(self, store: Store, dead_letters: DeadLetters, metrics: Metrics, max_ahead: float) -> None:
        """`max_ahead`: seconds that a sequence may be ahead of its record's time."""
        self._projector = Projector(store, metrics)
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._max_ahead = int(max_ahead * 1_000_000)

    async def handle(self, messages: Sequence[Message]) -> list[Answer]:
        """Takes messages, and says of each what became of it, in their order."""
        self._metrics.batch.observe(len(messages))
        now = time_ns() // 1_000_000
        opened = [self._open(message, now) for message in messages]
        if len(opened) == 1 and opened[0].trace:
            # Writing for many belongs to no one event's trace.
            traceparent.set(opened[0].trace)
        outcome = await self._projector.project(said for said, _ in opened if isinstance(said, Mandate))
        letters = [said for said, _ in opened if isinstance(said, DeadLetter)]
        unkept = await self._dead_letters.publish(letters) if letters else {}
        answers = [_answer(said, outcome, unkept) for said, _ in opened]
        _log_what_became(opened, outcome, unkept)
        self._count(opened, answers, outcome)
        return answers

    def _open(self, message: Message, now: int) -> _Opened:
        trace = None
        try:
            envelope = open_envelope(message.event)
            trace = valid(envelope.get("traceparent"))
            said = read(envelope, message.metadata)
            check_sequence(said, now, self._max_ahead)
            return _Opened(said, trace)
        except UnreadableError as error:
            return _Opened(dead_letter(message, str(error)), trace)

    def _count(self, opened: Sequence[_Opened], answers: Sequence[Answer], outcome: Outcome) -> None:
        dead = sum(answer.status == "SUCCESS" and bool(answer.reason) for answer in answers)
        retried = sum(answer.status == "RETRY" for answer in answers)
        applied = len(outcome.applied)
        stale = len(answers) - applied - dead - retried
        fates = {"applied": applied, "stale": stale, "dead-lettered": dead, "retried": retried}
        for fate, messages in fates.items():
            if messages:
                self._metrics.messages.labels(fate).inc(messages)
        self._metrics.events_set_back.inc(len(outcome.set_back))
        if not retried:
            last = {said.arrival.partition: said.arrival for said, _ in opened if isinstance(said, Mandate)}
            for arrival in last.values():
                if arrival != UNKNOWN:
                    self._metrics.handled(arrival)


def _answer(said: Mandate | DeadLetter, outcome: Outcome, unkept: Mapping[str, str]) -> Answer:
    if isinstance(said, DeadLetter):
        return Answer("RETRY", unkept[said.id]) if said.id in unkept else Answer("SUCCESS", said.reason)
    return Answer("RETRY", outcome.reason) if said.connection_id in outcome.unsettled else Answer("SUCCESS")


def _log_what_became(opened: Sequence[_Opened], outcome: Outcome, unkept: Mapping[str, str]) -> None:
    if outcome.unsettled:
        fields: dict[str, object] = {"connections": len(outcome.unsettled), "reason": outcome.reason}
        log.warning("mandates could not be stored, the broker is asked to send them again", extra=fields)
    if unkept:
        fields = {"letters": len(unkept), "reason": next(iter(unkept.values()))}
        log.warning("dead letters could not be kept, the broker is asked to send their originals again", extra=fields)
    if len(outcome.applied) > LINES:
        log.info("mandates applied", extra={"connections": len(outcome.applied)})
    elif outcome.applied and log.isEnabledFor(logging.INFO):
        traces = {said: trace for said, trace in opened if isinstance(said, Mandate)}
        for mandate in outcome.applied:
            log.info("mandate applied", extra=_told(mandate) | _traced(traces[mandate]))
    if len(outcome.set_back) > LINES:
        log.warning(SET_BACK, extra={"events": len(outcome.set_back)})
    else:
        for mandate, known in outcome.set_back:
            log.warning(SET_BACK, extra=_told(mandate) | {"known": known.sequence})
    for said, trace in opened:
        if isinstance(said, DeadLetter) and said.id not in unkept:
            fields = {"deadLetter": said.id, "reason": said.reason} | _traced(trace)
            log.error("a message that cannot be read is on the dead-letter topic", extra=fields)


def _told(mandate: Mandate) -> dict[str, object]:
    return {
        "connectionId": mandate.connection_id,
        "sequence": mandate.sequence,
        "partition": mandate.arrival.partition,
        "offset": mandate.arrival.offset,
    }


def _traced(trace: str | None) -> dict[str, object]:
    """The event's own trace, rather than that of the delivery that brought it."""
    if trace is None:
        return {}
    _, trace_id, span_id, *_ = trace.split("-")
    return {"traceId": trace_id, "spanId": span_id}
