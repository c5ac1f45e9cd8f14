"""What can be set, what reaches the service, and what is refused with which words."""

import tomllib
from pathlib import Path

import pytest

from cluster.secret import fresh

from .chart import CHARTS, ROOT, Manifest, RefusedError, helm, read, render, the
from .manifests import built, values


def settings(chart: str, **values: object) -> dict[str, object]:
    (container,) = the("Deployment", render(chart, **values))["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}


def test_crm_by_default() -> None:
    """Without CRM_DATABASE_URL: the service's own default holds."""
    assert settings("crm") == {
        "APP_API_TOKEN": {"secretKeyRef": {"name": "crm-app-token", "key": "token"}},
        "CRM_PORT": "3005",
        "CRM_PUBSUB": "crm-pubsub",
        "CRM_TOPIC": "connection-mandates-topic",
        "LOG_LEVEL": "info",
    }


def test_crm_with_a_file() -> None:
    assert settings("crm", database="file")["CRM_DATABASE_URL"] == "sqlite:////data/crm.db"
    manifests = render("crm", database="file", fileSize="1Gi", service__claims={"/more": "2Mi"})
    sizes = {
        claim["metadata"]["name"]: claim["spec"]["resources"]["requests"]["storage"]
        for claim in manifests
        if claim["kind"] == "PersistentVolumeClaim"
    }
    assert sizes == {"crm-data": "1Gi", "crm-more": "2Mi"}
    (container,) = the("Deployment", manifests)["spec"]["template"]["spec"]["containers"]
    assert {"name": "data", "mountPath": "/data"} in container["volumeMounts"]


def test_crm_with_a_server() -> None:
    """The Secret is the one that `make up` makes for k8s/stores/crm-mariadb."""
    reference = settings("crm", database="server")["CRM_DATABASE_URL"]
    assert reference == {"secretKeyRef": values("crm")["databaseSecret"]}
    secret = fresh()[reference["secretKeyRef"]["name"]]
    assert secret[reference["secretKeyRef"]["key"]].startswith("mysql+pymysql://")


def test_crm_with_customers_of_ones_own(tmp_path: Path) -> None:
    """A file of the installer's, without a checkout; another one is read by new pods."""
    file = tmp_path / "mine.csv"

    def installed(text: str) -> list[Manifest]:
        file.write_text(text)
        return read(helm("template", "--skip-tests", "crm", str(CHARTS / "crm"), f"--set-file=customers={file}"))

    head = "customerId,firstName,lastName,street,postalCode,city,connectionId,connectionMandate\n"
    manifests = installed(head)
    assert the("ConfigMap", manifests)["data"] == {"customers.csv": head}
    spec = the("Deployment", manifests)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert {"name": "CRM_CUSTOMERS_CSV", "value": "/files/customers.csv"} in container["env"]
    assert {"name": "files", "mountPath": "/files", "readOnly": True} in container["volumeMounts"]
    assert {"name": "files", "configMap": {"name": "crm-files"}} in spec["volumes"]
    assert (
        len(
            {
                the("Deployment", installed(text))["spec"]["template"]["metadata"]["annotations"]["checksum/files"]
                for text in (head, head + "1,A,B,C,1,D,7,2\n")
            }
        )
        == 2
    )


def test_crm_s_server_is_backed_up_by_the_clock_and_brought_back_when_asked() -> None:
    server = {"database": "server", "service__nodeSelector": {"disk": "fast"}}
    assert [m for m in render("crm", **server) if m["kind"] == "CronJob"] == []
    manifests = render("crm", backup__schedule="15 2 * * *", **server)
    jobs = {m["metadata"]["name"]: m["spec"] for m in manifests if m["kind"] == "CronJob"}
    assert {name: (job["schedule"], job["suspend"]) for name, job in jobs.items()} == {
        "crm-backup": ("15 2 * * *", False),
        "crm-restore": ("15 2 * * *", True),
    }
    labels = {"app.kubernetes.io/component": "backup-of-crm"}
    (policy,) = (m["spec"] for m in manifests if m["kind"] == "NetworkPolicy" and m["metadata"]["name"] == "crm-backup")
    assert policy["podSelector"]["matchLabels"] == labels
    (taken,) = built("stores/crm-mariadb", "NetworkPolicy")["spec"]["ingress"]
    found = [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()]
    assert {"podSelector": {"matchExpressions": found}} in taken["from"]
    claim, scripts = the("PersistentVolumeClaim", manifests), the("ConfigMap", manifests)
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    reference = values("crm")["databaseSecret"]
    secret = fresh()[reference["name"]]
    images = tomllib.loads((ROOT / "versions.toml").read_text())["images"]
    for job in jobs.values():
        spec = job["jobTemplate"]["spec"]["template"]["spec"]
        assert spec["nodeSelector"] == {"disk": "fast"}
        assert spec["securityContext"]["runAsNonRoot"] is True
        (container,) = spec["containers"]
        assert container["image"] == images["mariadb"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["command"][-1].removeprefix("/scripts/") in scripts["data"]
        env = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
        assert env["MYSQL_PWD"]["secretKeyRef"]["name"] == reference["name"]
        assert env["MYSQL_PWD"]["secretKeyRef"]["key"] in secret
        assert f"{env['USER']}:" in secret["url"]
        assert secret["url"].endswith(f"@{env['HOST']}:3306/{env['DATABASE']}")
        (volume,) = (v for v in spec["volumes"] if v["name"] == "backup")
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_iot_by_default() -> None:
    assert settings("iot") == {
        "APP_API_TOKEN": {"secretKeyRef": {"name": "iot-app-token", "key": "token"}},
        "IOT_PORT": "3008",
        "IOT_STATESTORE": "statestore",
        "IOT_PUBSUB": "iot-pubsub",
        "IOT_DEAD_LETTER_TOPIC": "connection-mandates-dead-letter",
        "LOG_LEVEL": "info",
    }


def test_iot_with_the_durable_store() -> None:
    assert settings("iot", stateStore="durable-statestore")["IOT_STATESTORE"] == "durable-statestore"


@pytest.mark.parametrize("name", ["iot", "iot-green"])
def test_the_read_model_is_the_app_id(name: str) -> None:
    template = the("Deployment", render("iot", readModel=name))["spec"]["template"]
    assert template["metadata"]["annotations"]["dapr.io/app-id"] == name


@pytest.mark.parametrize("database", ["memory", "file"])
def test_a_store_of_one_pod_is_never_opened_by_two(database: str) -> None:
    spec = the("Deployment", render("crm", database=database))["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_replicas_may_share_a_server() -> None:
    spec = the("Deployment", render("crm", database="server", service__replicas=2))["spec"]
    assert (spec["replicas"], spec["strategy"]) == (2, {"type": "RollingUpdate"})


def test_reads_go_on_while_a_new_version_starts() -> None:
    assert the("Deployment", render("iot"))["spec"]["strategy"] == {"type": "RollingUpdate"}


REFUSALS = [
    # chart, value, what it is set to, words of the refusal
    ("crm", "databse", "file", ["databse"]),
    ("crm", "database", "mariadb", ["database", "memory", "file", "server"]),
    ("crm", "fileSize", "big", ["fileSize"]),
    ("crm", "databaseSecret", {"name": "", "key": "url"}, ["databaseSecret", "name"]),
    ("crm", "service__autoscaling", {"minReplicas": 1, "maxReplicas": 2, "cpu": 80}, ["autoscaling", "null"]),
    ("crm", "service__disruptionBudget", {"minAvailable": 1}, ["disruptionBudget", "null"]),
    ("crm", "pubsub", "", ["pubsub"]),
    ("crm", "topic", "no spaces", ["topic"]),
    ("crm", "service__replicas", 2, ["replicas", "maximum"]),
    ("crm", "service__strategy", "RollingUpdate", ["strategy", "null"]),
    ("iot", "statestore", "statestore", ["statestore"]),
    ("iot", "stateStore", "", ["stateStore"]),
    ("iot", "readModel", "iot-blue", ["readModel", "iot-green"]),
    ("iot", "service__dapr__appId", "iot-green", ["appId"]),
    ("iot", "service__autoscaling", {"maxReplicas": 4}, ["autoscaling", "minReplicas"]),
    ("iot", "service__disruptionBudget", {"least": 1}, ["disruptionBudget", "least"]),
    ("iot", "service__replicas", -1, ["replicas"]),
    ("iot", "service__replicas", "two", ["replicas", "string"]),
    ("iot", "service__replica", 2, ["replica"]),
    ("iot", "service__strategy", "Rolling", ["strategy"]),
    ("iot", "service__port", 80, ["port"]),
    ("iot", "service__port", None, ["port"]),
    ("iot", "service__logLevel", "verbose", ["logLevel", "debug"]),
    ("iot", "service__image__repository", "", ["repository"]),
    ("iot", "service__image__tag", 8.2, ["tag", "string"]),
    ("iot", "service__image__name", "x", ["name"]),
    ("iot", "service__resources__limits__memory", "lots", ["memory"]),
    ("iot", "service__resources__limit", {}, ["limit"]),
    ("iot", "service__dapr__logLevel", "warning", ["logLevel", "warn"]),
    ("iot", "service__dapr__configuration", "mandates", ["configuration"]),
    ("iot", "service__claims", {"data": "1Mi"}, ["claims", "data"]),
    ("iot", "service__podAnnotations", {"a": 1}, ["podAnnotations", "string"]),
    ("iot", "service__drainSeconds", 0, ["drainSeconds"]),
    ("iot", "service__image__digest", "sha256:abc", ["digest"]),
    ("iot", "service__imagePullSecrets", ["registry"], ["imagePullSecrets", "object"]),
    ("iot", "service__nodeSelector", {"ssd": True}, ["nodeSelector", "string"]),
    ("iot", "service__tolerations", [{"effect": "Never"}], ["tolerations", "effect"]),
    ("iot", "service__affinity", {"podAffinty": {}}, ["podAffinty"]),
    ("iot", "service__topologySpreadConstraints", [{"maxSkew": 1}], ["topologyKey"]),
    ("iot", "service__extraEnv", [{"name": "A"}], ["extraEnv", "value"]),
    ("iot", "service__extraEnv", [{"name": "A-B", "value": "1"}], ["extraEnv", "name"]),
    ("iot", "service__podLabels", {"a": 1}, ["podLabels", "string"]),
    ("iot", "service__ingress", {"className": "nginx"}, ["ingress", "host"]),
    ("iot", "service__ingress", {"host": "h", "paths": ["/mandates"]}, ["ingress", "paths"]),
    ("iot", "service__httpRoute", {"hostnames": ["h"]}, ["httpRoute", "parentRefs"]),
    ("iot", "service__podMonitor", {"interval": 30}, ["podMonitor", "string"]),
    ("crm", "customers", ["a"], ["customers", "string"]),
    ("crm", "backup__schedule", "daily", ["backup", "schedule"]),
    ("crm", "backup__schedule", "@daily", ["backup", "schedule"]),
]


@pytest.mark.parametrize(("chart", "value", "to", "words"), REFUSALS, ids=[f"{r[0]}-{r[1]}={r[2]}" for r in REFUSALS])
def test_refused(chart: str, value: str, to: object, words: list[str]) -> None:
    with pytest.raises(RefusedError) as refusal:
        render(chart, **{value: to})
    message = str(refusal.value)
    assert "values don't meet the specifications of the schema" in message
    assert [word for word in words if word not in message] == [], message
