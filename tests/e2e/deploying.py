"""CRM with other values than `make up` gives it."""

from cluster.target import Target
from offline.versions import ROOT


def deploy(target: Target, *values: str) -> None:
    """Deploy CRM with these values beside those that it has, and wait until it runs with them."""
    sets = [f"--set={value}" for value in values]
    where = ("--kube-context", target.context, "--namespace", target.namespace)
    target.run("helm", "upgrade", "crm", ROOT / "charts" / "crm", *where, "--reuse-values", *sets, log="helm")
    target.kubectl("rollout", "status", "deployment/crm", "--timeout=120s")
