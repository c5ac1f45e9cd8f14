"""What can be set from outside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The operator's settings, each an environment variable with the prefix STRIMZI_DOUBLE_.

    kafka_image: image of the broker pods, with Kafka 4.3.1 in /opt/kafka.
    resync_seconds: time between two passes over every resource; 120 is real Strimzi's.
    kafka_timeout_seconds: how long a request waits for a broker that is away; real Strimzi
        gives up after about 40 s.
    log_level: LOG_LEVEL (no prefix), as everywhere in this project.
    """

    kafka_image: str = "mandates/kafka:4.3.1"
    resync_seconds: float = 120
    kafka_timeout_seconds: float = 40
    log_level: str = "INFO"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; ValueError if a number is none."""

        def value(name: str, default: object) -> str:
            return environment.get(f"STRIMZI_DOUBLE_{name}", str(default))

        return cls(
            kafka_image=value("KAFKA_IMAGE", cls.kafka_image),
            resync_seconds=float(value("RESYNC_SECONDS", cls.resync_seconds)),
            kafka_timeout_seconds=float(value("KAFKA_TIMEOUT_SECONDS", cls.kafka_timeout_seconds)),
            log_level=environment.get("LOG_LEVEL", cls.log_level).upper(),
        )
