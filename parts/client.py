"""One client of CRM, that goes on with another replica when its own is gone."""

from collections.abc import Sequence
from typing import Self

import httpx

from parts.process import until

PATIENCE = 20.0
"""Seconds after which a client takes its request for lost."""

State = tuple[str, str]
"""What a customer has: connection and mandate."""


class RefusedError(Exception):
    """A change that was answered, but not accepted."""


class BrokenOffError(Exception):
    """A change whose connection broke: who was asked is gone, and either did it or will never."""


class NoAnswerError(Exception):
    """A change that nobody answered in time: who was asked may do it at any time, when it wakes up."""


class Client:
    """As a context: it talks to the replica of CRM with its number among `urls`."""

    def __init__(self, urls: Sequence[str], number: int) -> None:
        self._urls = urls
        self._http = httpx.Client(base_url=urls[number % len(urls)], timeout=PATIENCE)

    def create(self, connection: str, mandate: str) -> str:
        """The id of a new customer. Raises httpx.HTTPError."""
        answer = self._http.post("/customers", json=_body(connection, mandate)).raise_for_status()
        return str(answer.json()["customerId"])

    def change(self, customer_id: str, wanted: State) -> None:
        """Change a customer. Raises RefusedError, BrokenOffError, NoAnswerError."""
        try:
            answer = self._http.post(f"/customers/{customer_id}", json=_body(*wanted))
        except httpx.TimeoutException as error:
            raise NoAnswerError from error
        except httpx.TransportError as error:
            raise BrokenOffError from error
        if not answer.is_success:
            raise RefusedError(f"{answer.status_code} {answer.text}")

    def state(self, customer_id: str) -> State:
        """What a customer has, as the first replica says that answers; it is the one to talk to from now on."""

        def look() -> State | None:
            for url in [str(self._http.base_url), *self._urls]:
                try:
                    found = httpx.get(f"{url.rstrip('/')}/customers/{customer_id}", timeout=2).raise_for_status().json()
                except (httpx.TransportError, httpx.HTTPStatusError):
                    continue
                self._http.base_url = httpx.URL(url)
                return found["connectionId"], found["connectionMandate"]
            return None

        return until(look, f"somebody says what customer {customer_id} has", 120)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


def _body(connection: str, mandate: str) -> dict[str, str]:
    return {"firstName": "Noor", "city": "Delft", "connectionId": connection, "connectionMandate": mandate}
