"""A topic can be counted whatever its broker goes through."""

from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from parts.topic import Topic


def _topic(*answers: object) -> Topic:
    topic = Topic.__new__(Topic)
    topic.name = "counted"
    topic._beginning = [TopicPartition("counted", 0, 0)]
    topic._reader = Mock(**{"get_watermark_offsets.side_effect": answers})
    return topic


@pytest.mark.parametrize(
    "code",
    [
        *(KafkaError._DESTROY_BROKER, KafkaError._UNKNOWN_PARTITION, KafkaError._TRANSPORT),
        *(KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION),
    ],
)
def test_an_answer_of_a_moment_is_waited_out(code: int) -> None:
    assert _topic(KafkaException(KafkaError(code)), (0, 12)).count() == 12


def test_any_other_error_is_told() -> None:
    with pytest.raises(KafkaException):
        _topic(KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)), (0, 12)).count()
