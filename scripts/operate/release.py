"""Helm's releases of the IoT chart: the one that answers, and the one that fills a read model."""

import json
import re
from pathlib import Path

import yaml

from cluster.failure import Failure
from cluster.target import Target
from offline.versions import ROOT
from operate.readmodel import LIVE, REBUILD, Reader, ReadModel

CHART = ROOT / "charts" / "iot"
VALUES = CHART / "values.yaml"
LOG = "rebuild"


def mend(target: Target) -> None:
    """Take away what a killed helm left: it would refuse every later change of that release.

    What is under way of an installation or an upgrade is taken out of helm's books, and nothing else: the
    pods stay, and the next upgrade takes them over. An uninstallation is brought to its end.
    """
    listed = target.output("helm", "list", "--kube-context", target.context, "--all", "--output", "json", timeout=30)
    for one in json.loads(listed or "[]"):
        if one["name"] not in (LIVE, REBUILD):
            continue
        if one["status"].startswith("pending"):
            books = f"owner=helm,name={one['name']},status={one['status']}"
            target.kubectl("delete", "secret", "--selector", books, log=LOG)
        elif one["status"] == "uninstalling":
            uninstall(target)


def install_rebuild(target: Target, like: Reader, read_model: ReadModel) -> None:
    """Start one replica, in all else as the one that answers, that reads into another read model.

    :raises Failure: it does not become ready.
    """
    # What is asked from outside is the one that answers.
    own = {"replicas": 1, **dict.fromkeys(("autoscaling", "disruptionBudget", "ingress", "httpRoute"))}
    own["image"] = image(like.image)
    text = target.output("helm", "get", "values", LIVE, "--kube-context", target.context, "--output", "yaml")
    values = yaml.safe_load(text or "") or {}
    values |= {"readModel": read_model.app_id, "stateStore": read_model.store}
    values["service"] = {**values.get("service", {}), **own}
    _chart(target)
    _upgrade(target, REBUILD, "--install", "--values", "-", stdin=yaml.safe_dump(values))


def switch(target: Target, answering: Reader, read_model: ReadModel) -> None:
    """Let the release that answers use another read model: pod by pod, and with all else as it is.

    :raises Failure: the new pods do not become ready; the old ones then go on answering.
    """
    # As many as there are now, whoever scaled them. (With autoscaling the chart does not read it.)
    words = [
        f"readModel={read_model.app_id}",
        f"stateStore={read_model.store}",
        f"service.replicas={answering.replicas}",
    ]
    _chart(target)
    _upgrade(target, LIVE, "--reset-then-reuse-values", "--set", ",".join(words))


def uninstall(target: Target) -> None:
    """Take away the release that filled the read model.

    :raises Failure: it does not go.
    """
    words = ("--kube-context", target.context, "--ignore-not-found", "--wait", "--timeout=2m")
    target.run("helm", "uninstall", REBUILD, *words, log=LOG)
    target.kubectl("wait", "--for=delete", "pod", f"--selector=app.kubernetes.io/instance={REBUILD}", log=LOG)


def keep(read_model: ReadModel, values: Path = VALUES) -> bool:
    """Write the two names into the chart's values, for the next deployment; tell whether that changed them."""
    text = values.read_text()
    written = re.sub(r"(?m)^stateStore: .*$", f"stateStore: {read_model.store}", text)
    written = re.sub(r"(?m)^readModel: .*$", f"readModel: {read_model.app_id}", written)
    if written == text:
        return False
    values.write_text(written)
    return True


def image(name: str) -> dict[str, str]:
    """Name an image as the chart's values do: by its digest where it has one."""
    if "@" in name:
        repository, _, digest = name.partition("@")
        return {"repository": repository, "digest": digest}
    repository, _, tag = name.rpartition(":")
    return {"repository": repository, "tag": tag, "digest": ""}


def _chart(target: Target) -> None:
    target.run("helm", "dependency", "build", "--skip-refresh", CHART, log=LOG)


def _upgrade(target: Target, name: str, *words: str, stdin: str | None = None) -> None:
    common = ("--kube-context", target.context, "--wait", "--timeout=4m")
    try:
        target.run("helm", "upgrade", name, CHART, *words, *common, log=LOG, stdin=stdin)
    except Failure as failure:
        raise Failure(
            f"the new pods of {name} do not become ready, those before go on: {failure}",
            f"Look at kubectl logs deploy/{name} --all-containers, and run it again, or scripts/rebuild --forget",
        ) from failure
