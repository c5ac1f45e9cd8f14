"""The state stores that a read model can be kept in, beside what Dapr does with them."""

from dataclasses import dataclass
from pathlib import Path

from cluster.failure import Failure
from cluster.target import Target
from offline.progress import step
from offline.versions import ROOT
from operate.pod import ask_in

K8S = ROOT / "k8s"


@dataclass(frozen=True)
class Store:
    """One state store.

    :param component: the Dapr component that names it.
    :param workload: the StatefulSet it runs as.
    :param manifests: what brings the store.
    :param binding: what declares the component, once the store is ready.
    :param listing: a script of sh for its pod that prints the keys that begin with $0, one a line.
    :param deletion: the same that deletes them.
    """

    component: str
    workload: str
    manifests: Path
    binding: Path
    listing: str
    deletion: str

    @property
    def pod(self) -> str:
        """Its one pod."""
        return f"{self.workload}-0"

    def is_there(self, target: Target) -> bool:
        """Tell whether the store is deployed."""
        return target.get("statefulset", self.workload) is not None

    def is_declared(self, target: Target) -> bool:
        """Tell whether Dapr knows it."""
        return target.get("component.dapr.io", self.component) is not None

    def ensure(self, target: Target) -> None:
        """Bring the store and its component, if they are missing, and wait until it is ready.

        :raises Failure: it does not become ready.
        """
        if not self.is_there(target):
            with step(f"bring {self.workload}"):
                target.kubectl("apply", "-k", self.manifests, log="rebuild")
        try:
            target.kubectl("rollout", "status", f"statefulset/{self.workload}", "--timeout=180s", log="rebuild")
        except Failure as failure:
            raise self._not_ready() from failure
        found = target.get("statefulset", self.workload) or {}
        if not found.get("status", {}).get("readyReplicas"):
            raise self._not_ready()
        if not self.is_declared(target):
            with step(f"declare {self.component}"):
                target.kubectl("apply", "-k", self.binding, log="rebuild")

    def undeclare(self, target: Target) -> None:
        """Take its component away: a sidecar does not start while the store of one of its components is missing.

        What is kept in the store stays; `ensure` declares it again.
        """
        target.kubectl("delete", "component.dapr.io", self.component, "--ignore-not-found", log="rebuild")

    def _not_ready(self) -> Failure:
        remedy = f"Look at kubectl describe statefulset/{self.workload} pod/{self.pod}, and run it again"
        return Failure(f"state store {self.component} is not ready: {self.workload} has no ready pod", remedy)

    def keys(self, target: Target, prefix: str) -> list[str]:
        """Return the keys that an app-id keeps there, without the prefix `app-id||`.

        :raises Failure: the store does not answer.
        """
        whole = f"{prefix}||"
        text = ask_in(target, self.pod, "sh", "-c", self.listing, whole)
        return [line.removeprefix(whole) for line in text.splitlines() if line.startswith(whole)]

    def forget(self, target: Target, prefix: str) -> None:
        """Delete all that an app-id keeps there.

        :raises Failure: the store does not answer.
        """
        ask_in(target, self.pod, "sh", "-c", self.deletion, f"{prefix}||")


# Dapr makes its table when a sidecar first uses the component: before that there are no keys.
_MARIADB = """
sql() { MYSQL_PWD="$MARIADB_PASSWORD" mariadb -BN --user="$MARIADB_USER" "$MARIADB_DATABASE" --execute="$1"; }
made=$(sql "SELECT COUNT(*) FROM information_schema.tables
            WHERE table_schema = DATABASE() AND table_name = 'state'") || exit
[ "$made" = 0 ] || """
STORES = {
    one.component: one
    for one in (
        Store(
            "statestore",
            "redis",
            K8S / "stores" / "redis",
            K8S / "dapr",
            'redis-cli -e --scan --count 1000 --pattern "$0*"',
            # In portions, that do not hold Redis up. Keys are encoded: none has a blank or a quote in it.
            'redis-cli -e --scan --count 1000 --pattern "$0*" | xargs -r -n 500 redis-cli -e UNLINK',
        ),
        Store(
            "durable-statestore",
            "mariadb",
            K8S / "stores" / "mariadb",
            K8S / "dapr" / "durable-statestore",
            f"{_MARIADB} sql \"SELECT id FROM state WHERE id LIKE '$0%'\"",  # noqa: S608  $0 is one of two app-ids
            f"{_MARIADB} sql \"DELETE FROM state WHERE id LIKE '$0%'\"",  # noqa: S608  $0 is one of two app-ids
        ),
    )
}


def store_of(component: str) -> Store:
    """Return the store of a component.

    :raises Failure: it is not one of those that are known here.
    """
    if component not in STORES:
        raise Failure(f"there is no state store {component}", f"It can be {' or '.join(STORES)}")
    return STORES[component]
