"""The cluster that a command works on, and the programs that talk to it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.command import log_file, output, run

NAMESPACE = "mandates"
"""Where the services and what they stand on live: k8s/namespace.yaml."""
# The variables by which Helm and Skaffold are told the namespace; kubectl has none.
NAMESPACE_OF = ("HELM_NAMESPACE", "SKAFFOLD_NAMESPACE")


@dataclass(frozen=True)
class Target:
    """A kind cluster by name.

    :param name: kind's name of it; its kubectl context is `kind-NAME`.
    :param kubeconfig: the file that has, or gets, this context.
    :param env: variables for the programs: PATH with the pinned tools, container engine.
    :param namespace: where the services and what they stand on live.
    """

    name: str
    kubeconfig: Path
    env: Mapping[str, str] = field(default_factory=dict)
    namespace: str = NAMESPACE

    @property
    def context(self) -> str:
        """Name of the kubectl context."""
        return f"kind-{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables for any program that works on this cluster, whatever namespace is current in the kubeconfig."""
        where = {"KUBECONFIG": str(self.kubeconfig)}
        return {**os.environ, **self.env, **where, **dict.fromkeys(NAMESPACE_OF, self.namespace)}

    def words(self, *words: str | Path) -> list[str]:
        """Return the words of a kubectl command on this cluster."""
        return ["kubectl", "--context", self.context, "--namespace", self.namespace, *map(str, words)]

    def run(self, *words: str | Path, log: str, stdin: str | None = None, timeout: float | None = None) -> None:
        """Run a program to its end.

        :param log: name of the log, without folder and suffix.
        :raises Failure: as `cluster.command.run`.
        """
        path = log_file(f"{self.name}-{log}")
        run(words, log=path, env=self.environment, stdin=stdin, timeout=timeout)

    def output(self, *words: str | Path, timeout: float | None = None) -> str | None:
        """Return what a program prints, or None if it fails."""
        return output(words, env=self.environment, timeout=timeout)

    def kubectl(self, *words: str | Path, log: str = "kubectl", stdin: str | None = None) -> None:
        """Run kubectl on this cluster.

        :raises Failure: as `cluster.command.run`.
        """
        self.run(*self.words(*words), log=log, stdin=stdin)

    def get(self, *words: str, timeout: float = 20) -> dict[str, Any] | None:
        """Return what `kubectl get ... -o json` prints, or None when there is no such thing."""
        text = self.output(*self.words("get", *words, "-o", "json"), timeout=timeout)
        return json.loads(text) if text else None


def developer() -> Target:
    """Return the cluster of this machine's user: `mandates`, or what CLUSTER names, in the user's kubeconfig."""
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    config = Path(first) if first else Path.home() / ".kube" / "config"
    return Target(os.environ.get("CLUSTER", "mandates"), config)
