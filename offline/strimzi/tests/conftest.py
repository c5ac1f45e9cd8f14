from __future__ import annotations

from collections.abc import Iterator

import pytest

from strimzi_double import certificates

from .broker import Broker, running_broker

AUTHORITY_BITS = certificates.AUTHORITY_BITS


@pytest.fixture
def _as_large_as_strimzi_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "AUTHORITY_BITS", AUTHORITY_BITS)


@pytest.fixture(scope="session", autouse=True)
def _small_authorities() -> Iterator[None]:
    # Of which tests make many.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificates, "AUTHORITY_BITS", 2048)
        yield


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for the session; tests use topics and users of their own."""
    folder = tmp_path_factory.mktemp("broker", numbered=True)
    with running_broker(folder) as running:
        yield running
