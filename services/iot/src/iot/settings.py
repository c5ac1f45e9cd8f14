"""The settings: environment variables, read once at start."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Settings:
    """Each with its default; README.md has the table."""

    port: int = 3008
    statestore: str = "statestore"
    pubsub: str = "iot-pubsub"
    dead_letter_topic: str = "connection-mandates-dead-letter"
    state_timeout: float = 2.0
    dapr_grpc_port: int = 50001
    log_level: str = "info"
    app_api_token: str = field(default="", repr=False)
    delivery_timeout: float = 30.0
    max_sequence_ahead: float = 3600.0
    keep_alive: float = 75.0


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings that an environment says; ValueError names the variable that is wrong."""
    default = Settings()
    return Settings(
        port=_port(environment, "IOT_PORT", default.port),
        statestore=environment.get("IOT_STATESTORE") or default.statestore,
        pubsub=environment.get("IOT_PUBSUB") or default.pubsub,
        dead_letter_topic=environment.get("IOT_DEAD_LETTER_TOPIC") or default.dead_letter_topic,
        app_api_token=environment.get("APP_API_TOKEN", "").strip(),
        state_timeout=_seconds(environment, "IOT_STATE_TIMEOUT_SECONDS", default.state_timeout, 60),
        delivery_timeout=_seconds(environment, "IOT_DELIVERY_TIMEOUT_SECONDS", default.delivery_timeout, 60),
        max_sequence_ahead=_seconds(environment, "IOT_MAX_SEQUENCE_AHEAD_SECONDS", default.max_sequence_ahead, DAY),
        keep_alive=_seconds(environment, "IOT_KEEP_ALIVE_SECONDS", default.keep_alive, DAY),
        dapr_grpc_port=_port(environment, "DAPR_GRPC_PORT", default.dapr_grpc_port),
        log_level=_level(environment, "LOG_LEVEL", default.log_level),
    )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 2**16):
        raise ValueError(f"{name}={text!r} is not a port")
    return int(text)


def _seconds(environment: Mapping[str, str], name: str, default: float, most: int) -> float:
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= most:
        raise ValueError(f"{name}={text!r} is not seconds, over 0 and at most {most}")
    return value


def _level(environment: Mapping[str, str], name: str, default: str) -> str:
    text = environment.get(name) or default
    if text.upper() not in logging.getLevelNamesMapping():
        raise ValueError(f"{name}={text!r} is not a log level, such as debug, info, error")
    return text
