"""The read model: which one there is, by the two names it is known by, and the release that serves it."""

from dataclasses import dataclass
from typing import Any

from cluster.failure import Failure
from cluster.target import Target

APP_IDS = ("iot", "iot-green")
LIVE = "iot"
REBUILD = "iot-rebuild"


@dataclass(frozen=True)
class ReadModel:
    """A read model: all that one consumer group has read, in one store.

    :param app_id: Dapr's app-id: the consumer group, and the prefix of the keys.
    :param store: the state component.
    """

    app_id: str
    store: str

    def __str__(self) -> str:
        return f"{self.app_id} in {self.store}"

    def beside(self, store: str) -> "ReadModel":
        """Return the one that can be filled while this one serves."""
        return ReadModel(next(one for one in APP_IDS if one != self.app_id), store)


@dataclass(frozen=True)
class Reader:
    """A Deployment of IoT: what it reads into, and how it runs.

    :param image: repository and tag.
    :param replicas: how many are asked for.
    """

    name: str
    read_model: ReadModel
    image: str
    replicas: int


def reader(target: Target, name: str) -> Reader | None:
    """Return the Deployment of a release, None when there is none.

    The Deployment and not the release is asked: it is what runs, also after a helm that was killed.
    """
    found = target.get("deployment", name)
    return None if found is None else reader_in(found)


def live(target: Target) -> Reader:
    """Return the Deployment that answers.

    :raises Failure: there is none, or nothing runs of it.
    """
    found = reader(target, LIVE)
    if found is None:
        raise Failure(f"there is no deployment {LIVE}", "Run make up")
    if found.replicas == 0:
        raise Failure(
            f"deployment {LIVE} is scaled to 0, so that nothing answers that could be followed",
            f"kubectl scale deployment/{LIVE} --replicas=1, and run it again",
        )
    return found


def reader_in(deployment: dict[str, Any]) -> Reader:
    """Read a Deployment.

    :raises Failure: it is of a chart before there were two read models.
    """
    name, template = deployment["metadata"]["name"], deployment["spec"]["template"]
    container = next(one for one in template["spec"]["containers"] if one["name"] == name)
    env = {one["name"]: one.get("value", "") for one in container["env"]}
    app_id, store = template["metadata"]["annotations"]["dapr.io/app-id"], env.get("IOT_STATESTORE")
    if app_id not in APP_IDS or not store:
        raise Failure(f"deployment {name} is not of this checkout's chart", "Run make up, and then this again")
    read_model = ReadModel(app_id, store)
    return Reader(name, read_model, container["image"], deployment["spec"]["replicas"])
