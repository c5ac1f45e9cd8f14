"""Files of customers to begin with, and the requests that wrk makes."""

from pathlib import Path

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
