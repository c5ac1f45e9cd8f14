"""A kind cluster of one control plane and three workers, each a zone of its own."""

from dataclasses import replace
from ipaddress import IPv4Network, ip_address
from typing import Any

from cluster.target import Target
from cluster.way import Way
from offline.progress import step

ZONES = ("a", "b", "c")
PODS = "10.244.0.0/16"


def config(way: Way) -> dict[str, Any]:
    """kind's configuration of it."""
    workers = [{"role": "worker", "labels": {"topology.kubernetes.io/zone": zone}} for zone in ZONES]
    return way.cluster_config() | {"nodes": [{"role": "control-plane"}, *workers]}


def connect(target: Target, way: Way) -> None:
    """Where kind's own network is not there, give each node its pods' addresses, and the way to those of the others.

    Again after a node was stopped: it has forgotten.
    """
    if way.name != "build":
        return
    nodes = (target.get("nodes") or {"items": []})["items"]
    networks = {one["metadata"]["name"]: (one["spec"]["podCIDR"], _address(one)) for one in nodes}
    with step("a network over all nodes"):
        for node, (own, _) in networks.items():
            conflist = "/etc/cni/net.d/10-bridge.conflist"
            lines = [
                f"sed -i -e 's|10.244.[0-9]*.0/24|{own}|' -e 's|\"ipMasq\": true|\"ipMasq\": false|' {conflist}",
                f"iptables -t nat -C POSTROUTING -s {own} ! -d {PODS} -j MASQUERADE 2>/dev/null"
                f" || iptables -t nat -A POSTROUTING -s {own} ! -d {PODS} -j MASQUERADE",
                *(f"ip route replace {cidr} via {host}" for name, (cidr, host) in networks.items() if name != node),
            ]
            on_node(target, way, node, " && ".join(lines))
        _place_again(target, {node: IPv4Network(cidr) for node, (cidr, _) in networks.items()})


def _place_again(target: Target, networks: dict[str, IPv4Network]) -> None:
    """Pods from before have addresses of no node, or of another one."""
    for pod in (target.get("pods", "--all-namespaces") or {"items": []})["items"]:
        name, where, address = pod["metadata"]["name"], pod["metadata"]["namespace"], pod["status"].get("podIP")
        if not address or pod["spec"].get("hostNetwork"):
            continue
        if ip_address(address) not in networks[pod["spec"]["nodeName"]]:
            replace(target, namespace=where).kubectl("delete", "pod", name, "--wait=false", log="nodes")


def on_node(target: Target, way: Way, node: str, line: str) -> None:
    """Run a line of shell on a node."""
    target.run(way.engine, "exec", node, "sh", "-c", line, log="nodes")


def _address(node: dict[str, Any]) -> str:
    (address,) = (one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP")
    return str(address)
