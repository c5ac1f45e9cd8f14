"""The charts as they are used: with the library chart packed into each."""

import pytest

from .chart import CHARTS, SERVICES, helm


@pytest.fixture(scope="session", autouse=True)
def _library() -> None:
    for name in SERVICES:
        helm("dependency", "build", str(CHARTS / name))
