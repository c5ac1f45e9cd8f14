"""The settings: environment variables, read once at start."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MAX_SECONDS: Final = 60


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


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings that an environment says; ValueError names the variable that is wrong."""
    default = Settings()
    return Settings(
        port=_port(environment, "IOT_PORT", default.port),
        statestore=environment.get("IOT_STATESTORE") or default.statestore,
        pubsub=environment.get("IOT_PUBSUB") or default.pubsub,
        dead_letter_topic=environment.get("IOT_DEAD_LETTER_TOPIC") or default.dead_letter_topic,
        state_timeout=_seconds(environment, "IOT_STATE_TIMEOUT_SECONDS", default.state_timeout),
        dapr_grpc_port=_port(environment, "DAPR_GRPC_PORT", default.dapr_grpc_port),
        log_level=_level(environment, "LOG_LEVEL", default.log_level),
    )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 2**16):
        raise ValueError(f"{name}={text!r} is not a port")
    return int(text)


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= MAX_SECONDS:
        raise ValueError(f"{name}={text!r} is not seconds, over 0 and at most {MAX_SECONDS}")
    return value


def _level(environment: Mapping[str, str], name: str, default: str) -> str:
    text = environment.get(name) or default
    if text.upper() not in logging.getLevelNamesMapping():
        raise ValueError(f"{name}={text!r} is not a log level, such as debug, info, error")
    return text
