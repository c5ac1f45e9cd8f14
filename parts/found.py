"""Where the programs are that the parts run."""

import os
import shutil
from pathlib import Path

SBIN = Path("/usr/sbin")
"""Where Debian puts servers; not on everybody's PATH."""


def mariadbd() -> str | None:
    """MariaDB's server, None where there is none: it may be installed while this process runs."""
    return shutil.which("mariadbd", path=f"{os.environ['PATH']}{os.pathsep}{SBIN}")


def daprd() -> str | None:
    """Dapr's sidecar, None where there is none."""
    return os.environ.get("DAPRD") or shutil.which("daprd")


def kafka_jars() -> str | None:
    """The folder with Kafka's jars, None where there is none."""
    return os.environ.get("KAFKA_JARS")


def missing(*, mariadb: bool = False) -> list[str]:
    """What is not there of the sidecar, the broker and, if asked for, MariaDB, and how to name it."""
    wanted = {
        "daprd, on the PATH or in DAPRD": Path(daprd() or "/nowhere").exists(),
        "Kafka's jars in the folder KAFKA_JARS": any(Path(kafka_jars() or "/nowhere").glob("kafka-server-*.jar")),
        "java": shutil.which("java"),
        "mariadbd": mariadbd() or not mariadb,
    }
    return [name for name, there in wanted.items() if not there]
