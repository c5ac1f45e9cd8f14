"""The commands by which docs/operations.md upgrades everything, here to the versions that run: each of them works."""

import re
from textwrap import dedent

import pytest

from offline.versions import ROOT, version

from . import life
from .machine import Machine

pytestmark = pytest.mark.parametrize("machine", [("podman", False)], indirect=True, ids=["podman"], scope="module")

# The words of a step that stand for something else here -> what that is.
HERE = {
    # This cluster has its brokers in the small form.
    "k8s/production/strimzi": "k8s/strimzi",
    # The charts as they are in the checkout, and the images that were built from it.
    "oci://REGISTRY/charts/iot --version NEW": "charts/iot",
    "oci://REGISTRY/charts/crm --version NEW": "charts/crm",
    " --set service.image.digest=sha256:...": "",
}


def steps() -> list[str]:
    """The block of commands of each step, in order."""
    text = (ROOT / "docs" / "operations.md").read_text()
    chapter = text.split("\n## Upgrades\n")[1].split("\n## ")[0]
    return [dedent(block) for block in re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)]


@pytest.mark.long
def test_every_command_of_an_upgrade_does_what_it_should(machine: Machine) -> None:
    life.up(machine)
    metadata = machine.run(life.WITH_TOOLS + "kubectl get kafka mandates -o jsonpath={.status.kafkaMetadataVersion}")
    versions = [version("platform", "strimzi"), version("platform", "kafka"), metadata, version("platform", "dapr"), ""]
    for step, new in zip(steps(), versions, strict=True):
        for words, ours in HERE.items():
            step = step.replace(words, ours)  # noqa: PLW2901  the same step, said for this cluster
        said = machine.run(f"set -euo pipefail; {life.WITH_TOOLS}\n{step.replace('NEW', new)}")
        assert "scripts/audit" not in step or "None differ" in said
