"""librdkafka's answers: awaited, and its errors in the words of Kafka's Java client."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import Future
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from .admin import KafkaFailure

_T = TypeVar("_T")

# Where Java's name is not made of the error's name.
_JAVA_NAMES = {
    "INVALID_CONFIG": "InvalidConfigurationException",
    "REQUEST_TIMED_OUT": "TimeoutException",
    "TOPIC_ALREADY_EXISTS": "TopicExistsException",
    "TOPIC_EXCEPTION": "InvalidTopicException",
    "UNKNOWN_TOPIC_OR_PART": "UnknownTopicOrPartitionException",
}
_AWAY = {"_TIMED_OUT", "_TRANSPORT", "_ALL_BROKERS_DOWN", "_RESOLVE", "_TIMED_OUT_QUEUE"}


async def answer(future: Future[_T], call: str) -> _T:
    """What Kafka says to the call (its name in Java's admin client); KafkaFailure if it refuses."""
    try:
        return await asyncio.wrap_future(future)
    except KafkaException as error:
        raise _failure(error.args[0], call) from error


def no_answer(call: str) -> KafkaFailure:
    """The failure of a call that no broker answered in time."""
    message = f"Timed out waiting for a node assignment. Call: {call}"
    return KafkaFailure("TimeoutException", message)


def _failure(error: KafkaError, call: str) -> KafkaFailure:
    name = error.name()
    if name in _AWAY:
        return no_answer(call)
    words = re.split("_+", name.strip("_").lower())
    java = _JAVA_NAMES.get(name, "".join(map(str.capitalize, words)) + "Exception")
    said = error.str()
    # Without a message of the broker's, librdkafka says what the code means.
    generic = said.removeprefix("Broker: ")
    return KafkaFailure(java, said if said == generic else f"{generic}.")
