"""The two read models, and the bar that shows how one is filled."""

from pathlib import Path

import pytest

from cluster.failure import Failure
from operate import release
from operate.bar import drawn
from operate.readmodel import ReadModel, reader_in
from operate.store import STORES, store_of


class TestReadModel:
    def test_the_other_one(self) -> None:
        there, back = ReadModel("iot", "statestore"), ReadModel("iot-green", "durable-statestore")
        assert there.beside("durable-statestore") == back
        assert back.beside("statestore") == there

    def test_a_deployment(self) -> None:
        container = {
            "name": "iot",
            "image": "host:5000/mandates/iot:1",
            "env": [{"name": "IOT_STATESTORE", "value": "s"}],
        }
        template = {"metadata": {"annotations": {"dapr.io/app-id": "iot-green"}}, "spec": {"containers": [container]}}
        deployment = {"metadata": {"name": "iot"}, "spec": {"replicas": 3, "template": template}}
        found = reader_in(deployment)
        assert (found.read_model, found.replicas) == (ReadModel("iot-green", "s"), 3)

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("host:5000/mandates/iot:1", {"repository": "host:5000/mandates/iot", "tag": "1", "digest": ""}),
            ("host:5000/iot@sha256:aa", {"repository": "host:5000/iot", "digest": "sha256:aa"}),
        ],
    )
    def test_a_rebuild_runs_the_image_that_answers(self, name: str, values: dict[str, str]) -> None:
        assert release.image(name) == values

    def test_the_next_deployment_keeps_it(self, tmp_path: Path) -> None:
        values = tmp_path / "values.yaml"
        values.write_text(release.VALUES.read_text())
        model = ReadModel("iot-green", "durable-statestore")
        assert release.keep(model, values)
        assert not release.keep(model, values)
        changed = [
            line for line in values.read_text().splitlines() if line not in release.VALUES.read_text().splitlines()
        ]
        assert changed == ["stateStore: durable-statestore", "readModel: iot-green"]

    def test_an_unknown_store(self) -> None:
        with pytest.raises(Failure, match=r"no state store x\. It can be statestore or durable-statestore"):
            store_of("x")

    def test_stores_name_what_is_there(self) -> None:
        for one in STORES.values():
            assert one.manifests.is_dir()
            assert one.binding.is_dir()


def test_the_bar() -> None:
    assert drawn(50, 100, 10, "events") == "    ████████████············  50 of 100 events  10/s  5 s left"
    assert drawn(0, 0, 0, "events") == "    ████████████████████████  0 of 0 events"


def test_a_deployment_of_another_chart() -> None:
    container = {"name": "iot", "image": "i:1", "env": []}
    template = {"metadata": {"annotations": {"dapr.io/app-id": "iot"}}, "spec": {"containers": [container]}}
    with pytest.raises(Failure, match="deployment iot is not of this checkout's chart"):
        reader_in({"metadata": {"name": "iot"}, "spec": {"replicas": 1, "template": template}})
