"""`python -m crm` runs the service until SIGTERM or SIGINT. Exits with 2 when a setting is wrong, 1 when the file or
the database cannot be used."""

import signal
import sys
from typing import Final, NoReturn


def _leave(*_: object) -> NoReturn:
    sys.exit(0)


# As the first process of a container it would not be ended by either before uvicorn, which has its own way, serves.
# Uvicorn raises the signal again when it has stopped: that, too, is a good end.
signal.signal(signal.SIGTERM, _leave)
signal.signal(signal.SIGINT, _leave)

# Only now: these take a second.
import uvicorn  # noqa: E402

from crm.observability import json_log  # noqa: E402
from crm.settings import InvalidSettingError, Settings  # noqa: E402

GRACE: Final = 10
"""Seconds for requests in hand after SIGTERM: `shutdownSeconds` of its chart counts them."""


def main() -> None:
    """Run the service."""
    try:
        settings = Settings.read()
    except InvalidSettingError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    json_log.configure(settings.log_level)
    from crm.main import app, failed  # noqa: PLC0415  it reads the settings, too

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1 if failed.is_set() else 0))
    uvicorn.run(
        app,
        host="",  # all addresses, of IPv6 and of IPv4 as far as there are
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_keep_alive=settings.keep_alive,
        timeout_graceful_shutdown=GRACE,
    )


if __name__ == "__main__":
    main()
