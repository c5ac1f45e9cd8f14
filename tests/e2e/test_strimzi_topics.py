"""Topics by resource: what is done at once, what is refused and in which words, what is left alone."""

import pytest
from kubernetes import client

from broker import describe
from cluster.target import Target
from polling import poll_until
from resources import READY, Json, Resources

AT_ONCE = 2  # seconds


@pytest.fixture
def resources(custom: client.CustomObjectsApi) -> Resources:
    return Resources(custom)


def refused(reason: str, message: str) -> Json:
    return {"type": "Ready", "status": "False", "reason": reason, "message": message}


def test_a_topic_follows_its_resource_until_it_goes_with_it(target: Target, resources: Resources) -> None:
    spec = {"partitions": 4, "replicas": 2, "config": {"cleanup.policy": "compact", "retention.ms": 3600000}}
    with resources.made("KafkaTopic", "e2e-follows", spec) as name:
        assert resources.observed("KafkaTopic", name, 5) == READY
        made = describe(target, name)
        assert made
        assert made.topic_id == resources.status("KafkaTopic", name)["topicId"]
        assert len(made.replicas) == 4
        assert made.config.items() >= {"cleanup.policy": "compact", "retention.ms": "3600000"}.items()

        config = {"cleanup.policy": ["compact", "delete"], "retention.ms": None, "segment.ms": 60000}
        resources.change("KafkaTopic", name, {"partitions": 8, "config": config})
        assert resources.observed("KafkaTopic", name, AT_ONCE) == READY
        changed = describe(target, name)
        assert changed
        assert changed.topic_id == made.topic_id
        assert len(changed.replicas) == 8
        assert changed.config.items() >= {"cleanup.policy": "compact,delete", "segment.ms": "60000"}.items()
        assert "retention.ms" not in changed.config
    assert describe(target, name) is None


def test_fewer_partitions_are_refused_but_the_rest_of_the_edit_is_done(target: Target, resources: Resources) -> None:
    with resources.made("KafkaTopic", "e2e-shrinks", {"partitions": 8, "replicas": 2}) as name:
        assert resources.observed("KafkaTopic", name, 5) == READY
        resources.change("KafkaTopic", name, {"partitions": 4, "config": {"segment.ms": 60000}})
        answer = resources.observed("KafkaTopic", name, AT_ONCE)
        assert answer == refused("NotSupported", "Decreasing partitions not supported")
        kept = describe(target, name)
        assert kept
        assert len(kept.replicas) == 8
        assert kept.config["segment.ms"] == "60000"

        resources.change("KafkaTopic", name, {"partitions": 8})
        assert resources.observed("KafkaTopic", name, AT_ONCE) == READY


def test_what_kafka_refuses_is_told_in_kafka_s_words(target: Target, resources: Resources) -> None:
    unknown = "org.apache.kafka.common.errors.InvalidConfigurationException: Unknown topic config name: no.such"
    with resources.made("KafkaTopic", "e2e-unknown", {"config": {"no.such": 1}}) as name:
        assert resources.observed("KafkaTopic", name, 5) == refused("KafkaError", unknown)
        assert describe(target, name) is None

        resources.change("KafkaTopic", name, {"config": {"no.such": None, "retention.ms": "abc"}})
        answer = resources.observed("KafkaTopic", name, AT_ONCE)
        assert answer["reason"] == "KafkaError"
        assert "Invalid value abc for configuration retention.ms: Not a number of type LONG" in answer["message"]

        resources.change("KafkaTopic", name, {"config": {"retention.ms": None}})
        assert resources.observed("KafkaTopic", name, AT_ONCE) == READY


def test_a_topic_of_another_cluster_is_left_alone(target: Target, resources: Resources) -> None:
    with (
        resources.made("KafkaTopic", "e2e-foreign", {"partitions": 1}, cluster="other") as foreign,
        # Made later: when it is ready, the one before it has been passed over.
        resources.made("KafkaTopic", "e2e-own", {"partitions": 1}) as own,
    ):
        poll_until(lambda: resources.status("KafkaTopic", own), f"{own} has a status", seconds=5)
        assert resources.status("KafkaTopic", foreign) == {}
        left = resources.get("KafkaTopic", foreign)
        assert left
        assert not left["metadata"].get("finalizers")
        assert describe(target, foreign) is None
