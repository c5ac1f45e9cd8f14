"""CRM's customers outlive it in a file and on a database server, where replicas share them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client

from cluster.target import NAMESPACE, Target
from curl import Service, service
from deploying import deploy
from offline.versions import ROOT
from polling import poll_until
from shell import follow, shell
from verbs import copied

EMMA = {"firstName": "Emma", "lastName": "Visser", "city": "Delft", "connectionMandate": "1"}


@pytest.fixture
def restored(target: Target) -> Iterator[None]:
    yield
    deploy(target, "database=memory", "service.replicas=1", "backup.schedule=")
    target.kubectl("delete", "job", "crm-backup-now", "crm-restore-now", "--ignore-not-found")
    target.kubectl("delete", "pvc", "crm-data", "--ignore-not-found")
    target.kubectl("delete", "-k", str(ROOT / "k8s" / "stores" / "crm-mariadb"), "--ignore-not-found")
    target.kubectl("delete", "pvc", "data-crm-mariadb-0", "crm-backup", "--ignore-not-found")


def pods(core: client.CoreV1Api) -> list[client.V1Pod]:
    listed = core.list_namespaced_pod(NAMESPACE, label_selector="app.kubernetes.io/name=crm").items
    return [pod for pod in listed if pod.metadata.deletion_timestamp is None]


def ready(pod: client.V1Pod) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or [])


def kill(core: client.CoreV1Api, pod: client.V1Pod) -> None:
    """As a node that loses its power: without a word to the process."""
    core.delete_namespaced_pod(pod.metadata.name, NAMESPACE, grace_period_seconds=0)


def created(crm: Service, connection: str) -> str:
    answer = crm.post("/customers", {**EMMA, "connectionId": connection})
    assert answer.status == 201, answer.text
    customer_id: str = answer.json["customerId"]
    return customer_id


def iot_says(target: Target, connection: str, level: str, seconds: float) -> None:
    with service(target, "iot") as iot:
        expected = {"connectionId": connection, "connectionMandate": level}
        poll_until(
            lambda: (answer := iot.curl(f"?connectionId={connection}")).status == 200 and answer.json == expected,
            f"IoT says {level} for {connection}",
            seconds=seconds,
        )


@pytest.mark.usefixtures("restored")
def test_in_a_file_a_change_outlives_the_pod_and_is_not_announced_again(target: Target, core: client.CoreV1Api) -> None:
    deploy(target, "database=file")
    with service(target, "crm") as crm:
        customer_id = created(crm, "file-1")
    iot_says(target, "file-1", "1", seconds=20)
    (pod,) = pods(core)
    kill(core, pod)
    poll_until(lambda: [other for other in pods(core) if ready(other)], "another pod is ready", seconds=120)
    with service(target, "crm") as crm:
        kept = crm.curl(f"/customers/{customer_id}")
        assert kept.json == {**EMMA, "connectionId": "file-1", "customerId": customer_id}
        assert crm.post(f"/customers/{customer_id}", {**EMMA, "connectionId": "file-1", "connectionMandate": "2"})
    iot_says(target, "file-1", "2", seconds=150)  # a lease of the killed pod runs out first


@pytest.mark.usefixtures("restored")
def test_on_a_server_two_replicas_share_the_customers_and_one_of_them_announces(
    target: Target, core: client.CoreV1Api, tmp_path: Path
) -> None:
    """And every secret of theirs is changed meanwhile, as docs/operations.md says."""
    target.kubectl("apply", "-k", str(ROOT / "k8s" / "stores" / "crm-mariadb"))
    target.kubectl("rollout", "status", "statefulset/crm-mariadb", "--timeout=180s")
    deploy(target, "database=server", "service.replicas=2")
    first, second = pods(core)
    ids = []
    for number, pod in enumerate((first, second)):
        with service(target, "crm", pod=pod.metadata.name) as crm:
            ids.append(int(created(crm, f"server-{number}")))
    assert ids[1] == ids[0] + 1
    for number, pod in enumerate((second, first)):  # each knows what the other has taken
        with service(target, "crm", pod=pod.metadata.name) as crm:
            assert crm.curl(f"/customers/{ids[number]}").json["connectionId"] == f"server-{number}"
    iot_says(target, "server-0", "1", seconds=20)
    iot_says(target, "server-1", "1", seconds=20)
    with shell(target, tmp_path) as operator:
        follow(operator, "CRM's MariaDB")
        follow(operator, "The tokens of the sidecars", about="crm")
    first, second = pods(core)
    kill(core, first)
    with service(target, "crm", pod=second.metadata.name) as crm:
        assert created(crm, "server-2") == str(ids[1] + 1)
    iot_says(target, "server-2", "1", seconds=150)


@pytest.mark.usefixtures("restored")
def test_a_backup_is_brought_back_and_then_all_know_what_it_knew(target: Target, tmp_path: Path) -> None:
    """By the commands of docs/operations.md."""
    target.kubectl("apply", "-k", str(ROOT / "k8s" / "stores" / "crm-mariadb"))
    target.kubectl("rollout", "status", "statefulset/crm-mariadb", "--timeout=180s")
    deploy(target, "database=server", "backup.schedule=15 2 * * *")
    tree = copied(tmp_path / "tree")
    with service(target, "crm") as crm:
        customer_id = created(crm, "backup-1")
    with shell(target, tree) as operator:
        said = follow(operator, "CRM's database")
        assert re.search(r"/backup/crm-\d{8}T\d{6}Z\.sql\.gz$", said.strip())
        with service(target, "crm") as crm:
            change = {**EMMA, "connectionId": "backup-1", "connectionMandate": "2"}
            assert crm.post(f"/customers/{customer_id}", change).status == 200
            created(crm, "backup-2")
        iot_says(target, "backup-1", "2", seconds=20)
        iot_says(target, "backup-2", "1", seconds=20)
        said = follow(operator, "Restore CRM")
        assert "None differ" in said
    with service(target, "crm") as crm:
        assert crm.curl(f"/customers/{customer_id}").json["connectionMandate"] == "1"
        assert crm.curl(f"/customers/{int(customer_id) + 1}").status == 404
    iot_says(target, "backup-1", "1", seconds=5)
    iot_says(target, "backup-2", "0", seconds=5)
