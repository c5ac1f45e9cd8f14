"""What a connection takes: on the topic, in the stores of the read model, and in CRM's database."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import customers, events
from bench.report import Row, Subject
from parts.crm import Crm
from parts.daprd import Daprd
from parts.iot import Platform
from parts.kafka import Kafka
from parts.mariadb import MariaDb
from parts.process import free_port, until
from parts.redis import Redis

CONNECTIONS = 50_000
_LAST = f"c-{CONNECTIONS}"
_OF_A_TABLE = "SELECT data_length + index_length FROM information_schema.tables WHERE table_schema = DATABASE()"
_APPLIED = 'iot_messages_total{fate="applied"}'


def _measure(folder: Path) -> Iterator[Row]:
    with ExitStack() as running:
        broker = running.enter_context(Kafka(folder / "kafka"))
        redis = running.enter_context(Redis(folder / "redis"))
        (folder / "topic").mkdir()
        platform = Platform(broker, folder / "topic", running, redis)
        replica = platform.add("iot")
        before = int(redis.command("INFO", "memory").split("used_memory:")[1].split()[0])
        database = running.enter_context(MariaDb(folder / "crm-mariadb"))
        port = free_port()
        sidecar = running.enter_context(Daprd(folder / "crm-sidecar", "crm", port, broker.address))
        settings = {
            "CRM_DATABASE_URL": database.url,
            "CRM_CUSTOMERS_CSV": str(customers.write(folder / "customers.csv", CONNECTIONS)),
            "CRM_TOPIC": platform.topic,
            "DAPR_HTTP_PORT": str(sidecar.http_port),
        }
        crm = running.enter_context(Crm(folder / "crm", settings, port))
        until(crm.ready, "all customers are stored", 300, every=0.2)
        until(lambda: replica.iot.level(_LAST) == "1", "IoT knows the last", 300, every=0.2)
        until(lambda: redis.command("DBSIZE") == str(CONNECTIONS), "IoT knows all", 60, every=0.2)
        log = sum(file.stat().st_size for file in folder.glob(f"kafka/**/{platform.topic}-*/*.log"))
        yield Row("an event on the topic, one replica", [log / CONNECTIONS], "bytes")
        used = int(redis.command("INFO", "memory").split("used_memory:")[1].split()[0]) - before
        yield Row("a connection in Redis, in memory", [used / CONNECTIONS], "bytes")
        yield Row("a customer in CRM's MariaDB", [_size(database, "customers") / CONNECTIONS], "bytes")
        yield Row("all of CRM's MariaDB", [_size(database) / CONNECTIONS], "bytes a customer")
        dump = subprocess.run(
            ["mariadb-dump", *_where(database), "--single-transaction", "--no-tablespaces", "crm"],
            check=True,
            capture_output=True,
        )
        yield Row("a customer in a backup", [len(dump.stdout) / CONNECTIONS], "bytes")
        yield Row("the sidecar of IoT, after it", [replica.sidecar.memory()[1]], "MB")
        yield Row("the sidecar of CRM, after it", [sidecar.memory()[1]], "MB")
        (folder / "mariadb-topic").mkdir()
        store = running.enter_context(MariaDb(folder / "iot-mariadb"))
        other = Platform(broker, folder / "mariadb-topic", running, store)
        second = other.add("iot")
        events.put(other, CONNECTIONS, CONNECTIONS)
        until(lambda: second.iot.metric(_APPLIED) == CONNECTIONS, "IoT has stored all", 300, every=0.5)
        yield Row("a connection in IoT's MariaDB", [_size(store, "state") / CONNECTIONS], "bytes")


def _where(database: MariaDb) -> list[str]:
    return ["--host=127.0.0.1", f"--port={database.port}", "--user=crm", "--password=crm"]


def _said(database: MariaDb, statement: str) -> str:
    words = ["mariadb", *_where(database), "--skip-column-names", "--execute", statement, "crm"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def _size(database: MariaDb, *tables: str) -> int:
    """Bytes of these tables with their indexes, of all when none is named."""
    total = 0
    for table in tables or _said(database, "SHOW TABLES").split():
        _said(database, f"ANALYZE TABLE {table}")
        total += int(_said(database, f"{_OF_A_TABLE} AND table_name = '{table}'"))
    return total


SUBJECT = Subject("What a connection takes", _measure)
