"""`python -m crm` starts the service."""

import signal
import sys
from typing import NoReturn


def _leave(*_: object) -> NoReturn:
    sys.exit(0)


# As the first process of a container it would not be ended by either before the server, which has its
# own way, listens. Before the imports, too: they take a second.
signal.signal(signal.SIGTERM, _leave)
signal.signal(signal.SIGINT, _leave)

from crm.main import main  # noqa: E402

sys.exit(main())
