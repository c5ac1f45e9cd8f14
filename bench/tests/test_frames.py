"""Calls are told from the bytes that pass, wherever these are cut."""

import pytest

from bench.frames import Call, Grpc, Http

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, END_STREAM = 0, 1, 4, 1


def frame(kind: int, stream: int, content: bytes = b"", flags: int = 0) -> bytes:
    return len(content).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + content


def test_a_request_and_its_answer_in_pieces() -> None:
    seen = Http()
    seen.asked(b"POST / HTTP/1.1\r\n", 1)
    seen.asked(b"\r\nbody", 2)
    assert [*seen.answered(b"HTTP/1.1 200 OK\r\n", 3)] == [Call(1, 3)]
    assert [*seen.answered(b"\r\nbody", 4)] == []


@pytest.mark.parametrize("size", [1, 7, 9, 1000])
def test_calls_over_grpc(size: int) -> None:
    seen = Grpc()
    asked = PREFACE + frame(SETTINGS, 0, bytes(12)) + frame(HEADERS, 1, b"path") + frame(DATA, 1, b"one", END_STREAM)
    answered = (
        frame(SETTINGS, 0) + frame(HEADERS, 1, b"200") + frame(DATA, 1, b"11") + frame(HEADERS, 1, b"", END_STREAM)
    )
    for at in range(0, len(asked), size):
        seen.asked(asked[at : at + size], 1)
    seen.asked(frame(HEADERS, 3, b"path", END_STREAM), 2)
    first = [call for at in range(0, len(answered), size) for call in seen.answered(answered[at : at + size], 5)]
    assert first == [Call(1, 5)]
    assert [*seen.answered(frame(HEADERS, 3, b"", END_STREAM), 6)] == [Call(2, 6)]
