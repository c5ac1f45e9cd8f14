"""Kafka from the first look to Ready, over a Kubernetes in memory whose pods the tests move."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from strimzi_double import certificates
from strimzi_double.kafka_reconciler import KafkaReconciler
from strimzi_double.resource import is_owned_by
from strimzi_double.work import Later

from .resources import READY, MemoryKube, kafka, pool, the_condition


class Scene:
    def __init__(self, *resources: dict[str, Any]) -> None:
        self.kube = MemoryKube(*resources)
        self.established: list[str] = []
        self._reconciler = KafkaReconciler(
            self.kube,  # type: ignore[arg-type]  # in memory
            "image",
            lambda _, cluster: self.established.append(cluster),
        )

    async def reconcile(self) -> dict[str, Any]:
        await self._reconciler.reconcile("ns", "c")
        return self.kube["Kafka", "c"]

    @property
    def pods(self) -> list[str]:
        return sorted(name for kind, name in self.kube.items if kind == "Pod")

    def start(self, *names: str) -> None:
        """What kubelet does."""
        for name in names or self.pods:
            status = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
            self.kube["Pod", name]["status"] = status


@pytest.fixture
async def scene() -> Scene:
    """A cluster that is ready."""
    made = Scene(kafka(), pool())
    await made.reconcile()
    made.start()
    await made.reconcile()
    return made


async def test_while_it_comes_up_it_says_so() -> None:
    scene = Scene(kafka(), pool())
    status = (await scene.reconcile())["status"]
    message = "Kafka cluster is being deployed"
    creating = {"type": "NotReady", "status": "True", "reason": "Creating", "message": message}
    assert the_condition({"status": status}) == creating
    assert status["observedGeneration"] == 0
    assert scene.pods == ["c-p-0", "c-p-1", "c-p-2"]
    assert scene.kube["KafkaNodePool", "p"]["status"] == {
        "clusterId": scene.kube["KafkaNodePool", "p"]["status"]["clusterId"],
        "nodeIds": [0, 1, 2],
        "roles": ["controller", "broker"],
        "replicas": 3,
        "observedGeneration": 1,
        "labelSelector": "strimzi.io/cluster=c,strimzi.io/kind=Kafka,strimzi.io/name=c-kafka,strimzi.io/pool-name=p",
    }
    scene.start("c-p-0", "c-p-1")
    assert the_condition(await scene.reconcile()) == creating, "two of three are not all"
    assert scene.established == []


async def test_when_all_pods_serve_it_is_ready(scene: Scene) -> None:
    status = scene.kube["Kafka", "c"]["status"]
    assert the_condition({"status": status}) == READY
    assert scene.established == ["c"]
    del status["conditions"]
    ca = scene.kube["Secret", "c-cluster-ca-cert"]["data"]
    assert set(ca) == {"ca.crt", "ca.p12", "ca.password"}
    plain, tls = status.pop("listeners")
    host = "c-kafka-bootstrap.ns.svc"
    assert plain == {
        "name": "plain",
        "bootstrapServers": f"{host}:9092",
        "addresses": [{"host": host, "port": 9092}],
    }
    (certificate,) = tls.pop("certificates")
    assert certificate.startswith("-----BEGIN CERTIFICATE-----")
    assert tls["bootstrapServers"] == f"{host}:9093"
    assert len(status.pop("clusterId")) == 22
    assert status == {
        "observedGeneration": 1,
        "clusterSecurity": {"authentication": {"type": "strimzi-mtls"}, "encryption": {"type": "strimzi-tls"}},
        "kafkaVersion": "4.3.1",
        "kafkaMetadataVersion": "4.3-IV0",
        "kafkaNodePools": [{"name": "p"}],
        "operatorLastSuccessfulVersion": "1.2.0",
    }


async def test_everything_strimzi_makes_is_there(scene: Scene) -> None:
    assert {
        ("Service", "c-kafka-bootstrap"),
        ("Service", "c-kafka-brokers"),
        ("Secret", "c-cluster-ca"),
        ("Secret", "c-cluster-ca-cert"),
        ("Secret", "c-clients-ca"),
        ("Secret", "c-clients-ca-cert"),
        ("NetworkPolicy", "c-network-policy-kafka"),
        ("PodDisruptionBudget", "c-kafka"),
        ("PersistentVolumeClaim", "data-0-c-p-0"),
    } <= set(scene.kube.items)


async def test_a_lost_pod_is_made_again(scene: Scene) -> None:
    before = scene.kube["Pod", "c-p-1"]["metadata"]["uid"]
    await scene.kube.delete(scene.kube["Pod", "c-p-1"])
    await scene.reconcile()
    assert scene.kube["Pod", "c-p-1"]["metadata"]["uid"] != before
    assert scene.established == ["c"], "told once"


async def test_a_changed_config_rolls_the_pods(scene: Scene) -> None:
    revision = "strimzi.io/revision"
    old = scene.kube["Pod", "c-p-0"]["metadata"]["annotations"][revision]
    broker = scene.kube["Kafka", "c"]["spec"]["kafka"]
    scene.kube.edit("Kafka", "c", kafka={**broker, "config": {"num.partitions": 2}})
    replaced: list[str] = []
    while scene.kube["Kafka", "c"]["status"]["observedGeneration"] == 1:
        before = set(scene.pods)
        await scene.reconcile()
        gone = before - set(scene.pods)
        assert len(gone) <= 1
        replaced += gone
        assert the_condition(scene.kube["Kafka", "c"]) == READY, "it serves all the time"
        scene.start()
    assert replaced == ["c-p-0", "c-p-1", "c-p-2"]
    assert scene.kube["Pod", "c-p-0"]["metadata"]["annotations"][revision] != old


async def test_keys_are_made_once(scene: Scene) -> None:
    before = {key: item for key, item in scene.kube.items.items() if key[0] == "Secret"}
    await scene.reconcile()
    assert before == {key: item for key, item in scene.kube.items.items() if key[0] == "Secret"}


async def test_a_lost_authority_is_replaced_and_the_brokers_with_it(scene: Scene) -> None:
    del scene.kube.items["Secret", "c-cluster-ca"]
    keystore = scene.kube["Secret", "c-p-0"]["data"]
    await scene.reconcile()
    assert scene.kube["Secret", "c-p-0"]["data"] != keystore
    assert scene.pods == ["c-p-1", "c-p-2"]


async def test_a_refused_edit_is_told_and_touches_nothing(scene: Scene) -> None:
    broker, pools = scene.kube["Kafka", "c"]["spec"]["kafka"], scene.kube["KafkaNodePool", "p"]["status"]
    scene.kube.edit("Kafka", "c", kafka={**broker, "config": {"num.partitions": "abc"}})
    status = (await scene.reconcile())["status"]
    condition = the_condition({"status": status})
    assert condition["type"] == "NotReady"
    assert condition["status"] == "True"
    assert condition["reason"] == "InvalidResourceException"
    assert status["observedGeneration"] == 2
    assert scene.kube["KafkaNodePool", "p"]["status"] == pools, "its pool is told nothing"
    assert scene.pods == ["c-p-0", "c-p-1", "c-p-2"]


async def test_a_cluster_without_pools() -> None:
    scene = Scene(kafka())
    condition = the_condition(await scene.reconcile())
    assert condition["reason"] == "InvalidConfigurationException"
    assert scene.pods == []


async def test_a_paused_cluster_is_left_alone(scene: Scene) -> None:
    pause = {"strimzi.io/pause-reconciliation": "true"}
    scene.kube["Kafka", "c"]["metadata"]["annotations"] = pause
    await scene.kube.delete(scene.kube["Pod", "c-p-1"])
    told = await scene.reconcile()
    assert the_condition(told) == {"type": "ReconciliationPaused", "status": "True"}
    assert scene.pods == ["c-p-0", "c-p-2"]


async def test_two_controllers_are_warned_of() -> None:
    scene = Scene(kafka(), pool(replicas=2))
    await scene.reconcile()
    scene.start()
    warning, ready = (await scene.reconcile())["status"]["conditions"]
    assert (warning["type"], warning["status"]) == ("Warning", "True")
    assert warning["reason"] == "KafkaKRaftControllerNodeCount"
    assert "use one or three" in warning["message"]
    assert ready["type"] == "Ready"


NEW = "99999999-7c1e-4a53-9c0e-000000000000"


async def test_a_new_cluster_waits_for_the_disks_of_the_old_pool_to_go(scene: Scene) -> None:
    for item in (scene.kube["Kafka", "c"], scene.kube["KafkaNodePool", "p"]):
        item["metadata"]["uid"] = NEW
        del item["status"]
    with pytest.raises(Later, match="data-0-c-p-0 of a former cluster"):
        await scene.reconcile()
    for node in range(3):
        del scene.kube.items["PersistentVolumeClaim", f"data-0-c-p-{node}"]
    await scene.reconcile()
    claim = scene.kube["PersistentVolumeClaim", "data-0-c-p-0"]
    assert is_owned_by(claim, scene.kube["KafkaNodePool", "p"])


async def test_a_kafka_made_anew_over_its_pools_keeps_the_id_that_their_disks_bear(scene: Scene) -> None:
    before = scene.kube["Kafka", "c"].pop("status")
    scene.kube["Kafka", "c"]["metadata"]["uid"] = NEW
    await scene.reconcile()
    assert scene.kube["KafkaNodePool", "p"]["status"]["clusterId"] == before["clusterId"]


async def test_a_new_cluster_has_an_authority_of_its_own(scene: Scene) -> None:
    before = scene.kube["Secret", "c-cluster-ca-cert"]["data"]["ca.crt"]
    scene.kube["Kafka", "c"]["metadata"]["uid"] = NEW
    for key in [key for key in scene.kube.items if key[0] in {"PersistentVolumeClaim", "Pod"}]:
        del scene.kube.items[key]
    await scene.reconcile()
    assert scene.kube["Secret", "c-cluster-ca-cert"]["data"]["ca.crt"] != before


async def test_an_authority_gets_another_certificate_when_a_person_asks(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "_SKEW", timedelta())  # some minutes later
    secrets = {name: dict(item["data"]) for (kind, name), item in scene.kube.items.items() if kind == "Secret"}
    metadata = scene.kube["Secret", "c-cluster-ca-cert"]["metadata"]
    assert metadata["annotations"] == {"strimzi.io/ca-cert-generation": "0"}
    metadata["annotations"]["strimzi.io/force-renew"] = "true"
    before = {name: scene.kube["Pod", name]["metadata"]["uid"] for name in scene.pods}
    for _ in range(2 * len(before)):
        await scene.reconcile()
        scene.start()
    assert all(scene.kube["Pod", name]["metadata"]["uid"] != uid for name, uid in before.items()), "each reads it anew"
    authority = scene.kube["Secret", "c-cluster-ca-cert"]
    assert authority["metadata"]["annotations"] == {"strimzi.io/ca-cert-generation": "1"}, "and once"
    changed = {name for name, data in secrets.items() if scene.kube["Secret", name]["data"] != data}
    assert changed == {"c-cluster-ca-cert", "c-cluster-operator-certs", *before}
