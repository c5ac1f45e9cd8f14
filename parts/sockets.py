"""What is under way between processes of this machine, by what their sockets hold."""

from collections.abc import Iterator
from pathlib import Path

_ESTABLISHED = "01"


def unread_by(port: int) -> int:
    """Bytes sent to a server at this port that it has not read yet: because it is paused, say."""
    return sum(unread for local, _, unread in _rows() if local == port)


def unread_from(port: int) -> int:
    """Bytes that a server at this port has sent, and its clients have not read yet."""
    return sum(unread for _, remote, unread in _rows() if remote == port)


def _rows() -> Iterator[tuple[int, int, int]]:
    """Local port, remote port and unread bytes of each connection, IPv4 and IPv6."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, remote, state, queues, *_ = line.split()
            if state == _ESTABLISHED:
                yield _port(local), _port(remote), int(queues.partition(":")[2], 16)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
