import socket

from parts.process import free_port


def test_a_port_is_given_once_though_nothing_listens_on_it_yet() -> None:
    given = [free_port() for _ in range(1_000)]
    assert len(set(given)) == len(given)


def test_a_port_that_something_listens_on_is_not_given() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        taken = server.getsockname()[1]
        assert taken not in [free_port() for _ in range(1_000)]
