"""Where the service listens."""

import socket
from typing import Final

BACKLOG: Final = 2048


def listening(port: int) -> socket.socket:
    """A socket at a port of all addresses: IPv6 and IPv4, or IPv4 alone where the kernel has no other.

    Raises OSError when the port is taken.
    """
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
        except OSError:
            pass  # the kernel knows IPv6 and has it turned off, or the port is taken: that is told next
    return socket.create_server(("0.0.0.0", port), backlog=BACKLOG)  # noqa: S104  a pod is reached from outside
