"""The lab's walk: customers, their mandates, and what IoT knows of them, also after it was away."""

from kubernetes import client

from cluster.target import NAMESPACE, Target
from curl import service
from polling import poll_until

MOLLY = {
    "firstName": "Molly",
    "lastName": "Peterson",
    "city": "Zeewolde",
    "connectionId": "928",
    "connectionMandate": "0",
}
CORINNE = {"firstName": "Corinne", "lastName": "Lopez", "city": "Enschede", "connectionId": "7733"}
MARKUS = {"firstName": "Markus", "lastName": "Berg", "city": "Maassluis", "connectionId": "4512"}


def scale(api: client.ApiClient, replicas: int) -> None:
    client.AppsV1Api(api).patch_namespaced_deployment_scale("iot", NAMESPACE, {"spec": {"replicas": replicas}})


def pods_of_iot(core: client.CoreV1Api) -> list[client.V1Pod]:
    pods: list[client.V1Pod] = core.list_namespaced_pod(NAMESPACE, label_selector="app.kubernetes.io/name=iot").items
    return pods


def ready(pod: client.V1Pod) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or [])


def test_crm_knows_its_customers(target: Target) -> None:
    with service(target, "crm") as crm:
        assert crm.curl("?customerId=4242").status == 404
        second = crm.curl("?customerId=2")
        assert second.status == 200
        assert second.json["customerId"] == "2"
        everybody = crm.curl("/")
        assert everybody.status == 200
        assert everybody.json["2"] == second.json


def test_a_new_customer_gets_the_next_id_and_iot_learns_of_the_connection(target: Target) -> None:
    with service(target, "crm") as crm, service(target, "iot") as iot:
        highest = max(int(key) for key in crm.curl("/").json)
        created = crm.post("/customers", MOLLY)
        assert created.status == 201
        assert created.json["customerId"] == str(highest + 1)
        assert crm.curl(f"?customerId={highest + 1}").json == created.json
        poll_until(lambda: iot.curl("?connectionId=928").status == 200, "IoT knows 928", seconds=5)
        assert iot.curl("?connectionId=928").json == {"connectionId": "928", "connectionMandate": "0"}


def test_iot_answers_by_the_lab_s_rules(target: Target) -> None:
    with service(target, "iot") as iot:
        assert iot.curl("/").status == 400
        assert iot.curl("?connectionId=nosuch").status == 404


def test_a_change_is_visible_within_a_second(target: Target) -> None:
    with service(target, "crm") as crm, service(target, "iot") as iot:
        # Both sidecars connect to a broker when they first need it: the first change after a start takes longer.
        for level in "01":
            assert crm.post("/customers/7", {**CORINNE, "connectionMandate": level}).status in (200, 201)
            poll_until(
                lambda level=level: (  # type: ignore[misc]
                    iot.curl("?connectionId=7733").json == {"connectionId": "7733", "connectionMandate": level}
                ),
                f"IoT says {level} for 7733",
                seconds=10,
            )
        assert crm.post("/customers/7", {**CORINNE, "connectionMandate": "2"}).status in (200, 201)
        poll_until(
            lambda: iot.curl("?connectionId=7733").json["connectionMandate"] == "2", "IoT says 2 for 7733", seconds=1
        )


def test_what_iot_knows_outlives_it_and_what_it_missed_reaches_it(
    target: Target, api: client.ApiClient, core: client.CoreV1Api
) -> None:
    with service(target, "crm") as crm:
        assert crm.post("/customers/5", {**MARKUS, "connectionMandate": "0"}).status in (200, 201)
        scale(api, 0)
        poll_until(lambda: not pods_of_iot(core), "IoT is stopped", seconds=60)

        assert crm.post("/customers/5", {**MARKUS, "connectionMandate": "2"}).status in (200, 201)
        assert crm.curl("?customerId=5").json["connectionMandate"] == "2"

    scale(api, 1)
    poll_until(lambda: [pod for pod in pods_of_iot(core) if ready(pod)], "IoT is back", seconds=60)
    with service(target, "iot") as iot:
        assert iot.curl("?connectionId=7733").json["connectionMandate"] == "2"
        poll_until(
            lambda: iot.curl("?connectionId=4512").json["connectionMandate"] == "2", "IoT says 2 for 4512", seconds=15
        )
