"""Files of customers to begin with, and changes of them: for wrk, and one by one."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

_COLUMNS = "customerId,firstName,lastName,street,postalCode,city,connectionId,connectionMandate\n"

# One event for each request: the mandate is always another than before.
CHANGE = """
local levels = {}
local headers = {["Content-Type"] = "application/json"}
function request()
  local id = math.random(%(customers)d)
  levels[id] = ((levels[id] or 1) + 1) %% 3
  return wrk.format("POST", "/customers/" .. id, headers, string.format(
    '{"firstName":"Noor","lastName":"Visser","street":"Kade 7","postalCode":"2611 AB","city":"Delft",' ..
    '"connectionId":"c-%%d","connectionMandate":"%%d"}', id, levels[id]))
end
"""
NEW = """
local made = 0
local headers = {["Content-Type"] = "application/json"}
function request()
  made = made + 1
  return wrk.format("POST", "/customers", headers, string.format(
    '{"firstName":"Noor","lastName":"Visser","street":"Kade 7","postalCode":"2611 AB","city":"Delft",' ..
    '"connectionId":"n-%%d","connectionMandate":"1"}', made))
end
"""


def write(file: Path, customers: int) -> Path:
    """A CSV of so many customers, each on a connection of its own, c-ID."""
    with file.open("w", encoding="utf-8") as rows:
        rows.write(_COLUMNS)
        for id_ in range(1, customers + 1):
            rows.write(f"{id_},Noor,Visser,Kade 7,2611 AB,Delft,c-{id_},1\n")
    return file


class Change(NamedTuple):
    """A request to the command side, POST of `body` to `path`, and the query whose answer then has `told`."""

    path: str
    body: bytes
    query: str
    told: bytes


def changes(customers: int) -> Iterator[Change]:
    """Changes without end, about one customer of so many after the other: the mandate is always another than before."""
    for number in count():
        customer, level = number % customers + 1, str(number // customers % 2 * 2)
        body = {"firstName": "Noor", "city": "Delft", "connectionId": f"c-{customer}", "connectionMandate": level}
        told = f'"connectionMandate":"{level}"'.encode()
        yield Change(f"/customers/{customer}", json.dumps(body).encode(), f"/?connectionId=c-{customer}", told)
