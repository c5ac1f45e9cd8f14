"""Who may talk to whom: the arrows of the picture in README.md, no other. (tests/e2e/test_security.py tries them.)"""

from itertools import chain
from typing import Any

import pytest

from .chart import SERVICES, Manifest, render
from .manifests import K8S, built, everything, folder

KAFKA = {"strimzi.io/cluster": "mandates", "strimzi.io/broker-role": "true"}


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    asked = [
        {"key": key, "operator": "In", "values": [value]} for key, value in selector.get("matchLabels", {}).items()
    ]
    assert all(one["operator"] == "In" for one in selector.get("matchExpressions", []))
    return all(labels.get(one["key"]) in one["values"] for one in [*asked, *selector.get("matchExpressions", [])])


def policies() -> list[Manifest]:
    charts = chain(render("crm", database="server", backup__schedule="15 2 * * *"), render("iot"))
    own = [one for one in charts if one["kind"] == "NetworkPolicy"]
    # Strimzi makes this one of what k8s/strimzi/kafka.yaml says.
    (listener,) = everything("Kafka")["mandates"]["spec"]["kafka"]["listeners"]
    strimzi = {
        "spec": {
            "podSelector": {"matchLabels": {"strimzi.io/cluster": "mandates"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": listener["networkPolicyPeers"], "ports": [{"port": listener["port"]}]}],
        }
    }
    return [*everything("NetworkPolicy").values(), built("stores/crm-mariadb", "NetworkPolicy"), *own, strimzi]


def allowed(policy: Manifest, way: str, peer: dict[str, str], port: int) -> bool:
    side, list_ = ("from", "ingress") if way == "Ingress" else ("to", "egress")
    for rule in policy["spec"].get(list_, []):
        if "ports" in rule and port not in [one["port"] for one in rule["ports"]]:
            continue
        if side not in rule or any(
            "namespaceSelector" not in one and matches(one["podSelector"], peer) for one in rule[side]
        ):
            return True
    return False


def reaches(one: dict[str, str], other: dict[str, str], port: int) -> bool:
    """Whether a pod with these labels may connect to one with those."""

    def side(of: dict[str, str], way: str, peer: dict[str, str]) -> bool:
        found = [p for p in policies() if way in p["spec"]["policyTypes"] and matches(p["spec"]["podSelector"], of)]
        assert found, f"nothing is said of {way} of {of}"
        return any(allowed(policy, way, peer, port) for policy in found)

    return side(one, "Egress", other) and side(other, "Ingress", one)


def named(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name}


PODS = {
    **{
        name: named(name) for name in ("crm", "iot", "redis", "mariadb", "crm-mariadb", "zipkin", "kafka-tools", "akhq")
    },
    "crm-backup": {"app.kubernetes.io/component": "backup-of-crm"},
    "kafka": KAFKA,
    "somebody": {"app": "somebody"},
}
PORTS = {"crm": 3005, "iot": 3008, "redis": 6379, "mariadb": 3306, "crm-mariadb": 3306, "zipkin": 9411, "kafka": 9093}
ARROWS = {
    *(("crm", "kafka"), ("iot", "kafka"), ("kafka-tools", "kafka"), ("akhq", "kafka"), ("kafka", "kafka")),
    *(
        ("iot", "redis"),
        ("iot", "mariadb"),
        ("crm", "crm-mariadb"),
        ("crm-backup", "crm-mariadb"),
        ("crm", "zipkin"),
        ("iot", "zipkin"),
    ),
}


def test_the_arrows_are_those_of_the_picture_and_no_others() -> None:
    # Brokers reach each other at the inner ports, by Strimzi's own policy.
    found = {
        (a, b) for a in PODS for b in PORTS if (a, b) != ("kafka", "kafka") and reaches(PODS[a], PODS[b], PORTS[b])
    }
    assert found == ARROWS - {("kafka", "kafka")}


def test_no_other_port_of_kafka_is_open_to_clients() -> None:
    for client in ("crm", "iot", "kafka-tools"):
        assert not any(reaches(PODS[client], KAFKA, port) for port in (9090, 9091, 9092, 8443))


@pytest.mark.parametrize("name", SERVICES)
def test_a_gateway_and_a_scraper_are_let_in_by_a_value(name: str) -> None:
    peer = {"podSelector": {"matchLabels": {"app": "somebody"}}}
    for value, ports in (("from", {SERVICES[name]}), ("scrapers", {SERVICES[name], 9090})):
        manifests = render(name, **{f"service__networkPolicy__{value}": [peer]})
        (policy,) = (m for m in manifests if m["kind"] == "NetworkPolicy" and m["metadata"]["name"] == name)
        assert {port for port in (SERVICES[name], 9090) if allowed(policy, "Ingress", PODS["somebody"], port)} == ports


@pytest.mark.parametrize("name", SERVICES)
def test_policies_can_be_left_out(name: str) -> None:
    assert not [m for m in render(name, service__networkPolicy__enabled=False) if m["kind"] == "NetworkPolicy"]


def test_nothing_is_open_that_no_policy_opens() -> None:
    (nothing, names) = folder(K8S / "network")[:2]
    assert nothing["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert names["spec"]["policyTypes"] == ["Egress"]
