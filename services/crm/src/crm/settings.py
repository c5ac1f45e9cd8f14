"""What the service can be told from outside, all of it by environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

KEEP_ALIVE_SECONDS = 75
"""How long a connection on which nothing is asked is kept: longer than proxies keep theirs, usually 60 s,
since one that sends a request as this side closes cannot know whether it was taken."""

LOG_LEVELS = ("debug", "info", "warning", "error")


class InvalidSettingError(ValueError):
    """An environment variable with a value that cannot be used; the message names both."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings; README.md has their table."""

    port: int
    customers_csv: Path
    database_url: str
    pubsub: str
    topic: str
    drain_seconds: float
    keep_alive_seconds: int
    log_level: str
    dapr_http_port: int
    dapr_api_token: str | None
    app_api_token: str | None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """The settings in `environ`, defaults for what it lacks. Raises InvalidSettingError."""
        log_level = environ.get("LOG_LEVEL", "info").lower()
        if log_level not in LOG_LEVELS:
            raise InvalidSettingError(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}")
        return cls(
            port=_port(environ, "CRM_PORT", 3005),
            customers_csv=Path(environ.get("CRM_CUSTOMERS_CSV", "customer-database.csv")),
            database_url=environ.get("CRM_DATABASE_URL", "sqlite://"),
            pubsub=environ.get("CRM_PUBSUB", "crm-pubsub"),
            topic=environ.get("CRM_TOPIC", "connection-mandates-topic"),
            drain_seconds=_seconds(environ, "CRM_DRAIN_SECONDS", 5.0),
            keep_alive_seconds=_whole(
                environ, "CRM_KEEP_ALIVE_SECONDS", KEEP_ALIVE_SECONDS, 3600, "whole number of seconds"
            ),
            log_level=log_level,
            dapr_http_port=_port(environ, "DAPR_HTTP_PORT", 3500),
            dapr_api_token=environ.get("DAPR_API_TOKEN"),
            app_api_token=environ.get("APP_API_TOKEN"),
        )


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    return _whole(environ, name, default, 65535, "port")  # TCP


def _whole(environ: Mapping[str, str], name: str, default: int, highest: int, what: str) -> int:
    text = environ.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= highest):
        raise InvalidSettingError(f"{name} must be a {what} from 1 to {highest}, not {text!r}")
    return int(text)


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, str(default))
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 60:  # more than any pod is given to stop
        raise InvalidSettingError(f"{name} must be a number of seconds from 0 to 60, not {text!r}")
    return seconds
