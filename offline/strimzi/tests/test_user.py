from __future__ import annotations

from typing import Any

import pytest

from strimzi_double import user as users
from strimzi_double.resource import Refusal

from .resources import kafka, user


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"authentication": {"type": "tls"}}, "authentication.type tls"),
        ({"authentication": None}, "authentication.type None"),
        ({"quotas": {}}, "KafkaUser.spec.quotas"),
        ({"template": {}}, "KafkaUser.spec.template"),
    ],
)
def test_what_the_stand_in_does_not_do_is_named(spec: dict[str, Any], named: str) -> None:
    with pytest.raises(Refusal, match=named) as caught:
        users.check(user(**spec), kafka())
    assert caught.value.reason == "InvalidResourceException"


def test_acls_need_a_cluster_that_obeys_them() -> None:
    open_to_all = kafka(authorization=None)
    users.check(user(), open_to_all)
    with pytest.raises(Refusal, match=r"has no spec\.kafka\.authorization"):
        users.check(user(acls=[]), open_to_all)


def test_the_secret_is_found_by_its_labels() -> None:
    secret = users.user_secret(user(), "p")
    labels = secret["metadata"]["labels"]
    assert labels["strimzi.io/kind"] == "KafkaUser"
    assert labels["strimzi.io/cluster"] == "c"


def test_two_new_passwords_differ() -> None:
    assert users.kept_or_new_password(None) != users.kept_or_new_password(None)
