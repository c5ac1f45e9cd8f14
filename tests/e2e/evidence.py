"""What one needs to see after a failure: logs, events and state of every pod."""

from pathlib import Path

from cluster.target import Target


def collect(target: Target, folder: Path) -> None:
    """Write the logs of all containers, the events and the resources into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    words = target.words()
    overviews = {
        "pods.txt": ("get", "pods", "--all-namespaces", "--output=wide"),
        "events.txt": ("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"),
        "kafka.yaml": ("get", "kafka,kafkanodepool,kafkatopic,kafkauser", "--all-namespaces", "--output=yaml"),
        "dapr.yaml": (
            "get",
            "components,subscriptions,configurations,resiliencies",
            "--all-namespaces",
            "--output=yaml",
        ),
    }
    for name, verb in overviews.items():
        (folder / name).write_text(target.output(*words, *verb, timeout=20) or "kubectl gave no answer\n")
    listed = target.get("pods", "--all-namespaces") or {"items": []}
    for pod in listed["items"]:
        where = ("--namespace", pod["metadata"]["namespace"], pod["metadata"]["name"])
        for extra in ((), ("--previous",)):
            text = target.output(*words, "logs", *where, "--all-containers", "--tail=2000", *extra, timeout=20)
            if text:
                name = ".".join([*where[1:], *(word.strip("-") for word in extra), "log"])
                (folder / name).write_text(text)
