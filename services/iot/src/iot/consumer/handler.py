"""Handling what is delivered: each message ends in the read model, on the dead-letter topic, or comes again."""

import logging
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Final, Literal, NamedTuple

from iot.consumer.dead_letters import DeadLetter, DeadLetters, dead_letter
from iot.consumer.message import Message, check_sequence, open_envelope, read
from iot.consumer.projector import Outcome, Projector, SetBack
from iot.domain.document import UnreadableError
from iot.domain.mandate import UNKNOWN, Mandate
from iot.observability.metrics import Metrics
from iot.observability.tracing import traceparent, valid
from iot.readmodel.store import Store

Status = Literal["SUCCESS", "RETRY"]
"""Dapr's: done; send it again."""

LINES: Final = 20
"""More changes than this in one delivery are a rebuild, or a rush: one line of the log counts them."""

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What became of a message. A `reason` beside SUCCESS: it is on the dead-letter topic."""

    status: Status
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
        _log_changes(outcome, opened)
        _log_set_back(outcome.set_back)
        self._metrics.events_set_back.inc(len(outcome.set_back))
        _log_letters(opened, unkept)
        answers = [_answer(said, outcome, unkept) for said, _ in opened]
        self._count(opened, answers, outcome)
        return answers

    def _open(self, message: Message, now: int) -> _Opened:
        trace = None
        try:
            envelope = open_envelope(message.event)
            parent = envelope.get("traceparent")
            trace = valid(parent)
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
            self._metrics.messages.labels(fate).inc(messages)
        if retried:
            return
        last = {said.arrival.partition: said.arrival for said, _ in opened if isinstance(said, Mandate)}
        for arrival in last.values():
            if arrival != UNKNOWN:
                self._metrics.handled(arrival)


def _answer(said: Mandate | DeadLetter, outcome: Outcome, unkept: Mapping[str, str]) -> Answer:
    if isinstance(said, DeadLetter):
        return Answer("RETRY", unkept[said.id]) if said.id in unkept else Answer("SUCCESS", said.reason)
    return Answer("RETRY", outcome.reason) if said.connection_id in outcome.unsettled else Answer("SUCCESS")


def _log_changes(outcome: Outcome, opened: Sequence[_Opened]) -> None:
    if outcome.unsettled:
        log.warning(
            "mandates could not be stored, the broker is asked to send them again",
            extra={"connections": len(outcome.unsettled), "reason": outcome.reason},
        )
    if len(outcome.applied) > LINES:
        log.info("mandates applied", extra={"connections": len(outcome.applied)})
    elif outcome.applied and log.isEnabledFor(logging.INFO):
        traces = {said: trace for said, trace in opened if isinstance(said, Mandate)}
        for mandate in outcome.applied:
            position = {"partition": mandate.arrival.partition, "offset": mandate.arrival.offset}
            _log_traced(
                logging.INFO,
                "mandate applied",
                traces[mandate],
                connectionId=mandate.connection_id,
                sequence=mandate.sequence,
                **position,
            )


def _log_set_back(set_back: Sequence[SetBack]) -> None:
    message = (
        "events came that are older by sequence than what was known: a clock was set back; scripts/announce mends it"
    )
    if len(set_back) > LINES:
        log.warning(message, extra={"events": len(set_back)})
        return
    for mandate, known in set_back:
        fields = {
            "connectionId": mandate.connection_id,
            "sequence": mandate.sequence,
            "known": known.sequence,
            "partition": mandate.arrival.partition,
            "offset": mandate.arrival.offset,
        }
        log.warning(message, extra=fields)


def _log_letters(opened: Sequence[_Opened], unkept: Mapping[str, str]) -> None:
    if unkept:
        log.warning(
            "dead letters could not be published, the broker is asked to send their originals again",
            extra={"letters": len(unkept), "reason": next(iter(unkept.values()))},
        )
    for said, trace in opened:
        if isinstance(said, DeadLetter) and said.id not in unkept:
            message = "a message that cannot be read is on the dead-letter topic"
            _log_traced(logging.ERROR, message, trace, deadLetter=said.id, reason=said.reason)


def _log_traced(level: int, message: str, trace: str | None, **fields: object) -> None:
    _, trace_id, span_id, *_ = trace.split("-") if trace else ("", "", "")
    log.log(level, message, extra=fields | ({"traceId": trace_id, "spanId": span_id} if trace else {}))
