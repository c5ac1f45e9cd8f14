"""Runs the stand-in until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime

import kopf

from . import VERSION
from .events import register
from .kube import Kube
from .operator import Operator
from .settings import Settings

_HEALTH = "http://0.0.0.0:8080/healthz"
_BANNER = (
    f"THIS IS A TEST DOUBLE: it stands in for the Strimzi {VERSION} operators on machines that "
    "cannot pull their images. It is not Strimzi and not for production."
)


class _JsonLines(logging.Formatter):
    """One JSON object a line, as everywhere in this project."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _login() -> kopf.ConnectionInfo:
    settings = kopf.OperatorSettings()
    info = kopf.login_with_service_account(settings=settings)
    info = info or kopf.login_with_kubeconfig(settings=settings)
    if info is None:
        raise kopf.LoginError("neither a service account nor a kubeconfig is here")
    return info


async def _run(settings: Settings) -> None:
    async with Kube(_login) as kube:
        operator = Operator(kube, settings)
        resync = asyncio.create_task(operator.pass_over_everything(), name="resync")
        try:
            await kopf.operator(
                registry=_registry(operator),
                settings=_kopf_settings(),
                clusterwide=True,
                standalone=True,
                liveness_endpoint=_HEALTH,
            )
        finally:
            resync.cancel()
            await operator.work.close()


def _registry(operator: Operator) -> kopf.OperatorRegistry:
    registry = register(operator)

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.ConnectionInfo:
        return _login()

    return registry


def _kopf_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    return settings


def main() -> None:
    """Set up logging, say what this is, and run."""
    settings = Settings.from_environment()
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    # Kopf and its watches tell every event they see.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # Every probe of the kubelet would be a line.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger(__package__).warning(_BANNER)
    asyncio.run(_run(settings))


if __name__ == "__main__":
    main()
