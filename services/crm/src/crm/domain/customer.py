"""A customer, and what its properties must be wherever they come from: a request or the CSV."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

MANDATES = ("0", "1", "2")
"""Levels of permission to read a meter: none, for the bill, in real time (seed.md)."""

CONNECTION_ID_LENGTH = 128
"""Characters; the width of the column, far above any meter number."""

PROPERTIES, NAME_LENGTH, VALUE_LENGTH = 50, 64, 1000
"""At most: how many there are beside the id, and characters of a name and of a value. Without them a
customer could grow with each patch."""

LAST_ID = 10**18 - 1
"""The highest that `parsed_id` reads, so that no customer is given one by whom nobody can name them."""

_INVISIBLE = (
    # Unicode's categories Cc and Cf, and its line and paragraph separators: Unicode 16, whatever Python knows.
    r"\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
_SHORTENED = "[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+"
NAME_PATTERN = rf"^[^{_INVISIBLE}]*$"
CONNECTION_ID_PATTERN = rf"^(?!{_SHORTENED}$)[^\s{_INVISIBLE}]([^{_INVISIBLE}]*[^\s{_INVISIBLE}])?$"
"""The same for Python and for JSON Schema. What str.isprintable says depends on Python's version."""

_HIDDEN = re.compile(f"[{_INVISIBLE}]")
_SCIENTIFIC = re.compile(_SHORTENED)
_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_UNFIT = re.compile("[\ud800-\udfff\0]")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: the property it is about and the reason, for a person to read."""

    field: str
    reason: str


class InvalidCustomerError(ValueError):
    """Properties that make no customer; `faults` names every one of them."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.reason}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Details:
    """All of a customer but its id: text by property name, connectionId and connectionMandate
    always among them. Made by `validated`."""

    properties: Mapping[str, str]

    @property
    def connection_id(self) -> str:
        """Names the meter's connection."""
        return self.properties["connectionId"]

    @property
    def mandate(self) -> str:
        """One of MANDATES."""
        return self.properties["connectionMandate"]

    @classmethod
    def of(cls, document: str) -> Self:
        """The details in the JSON text that `document` once made."""
        properties = json.loads(document)
        del properties["customerId"]
        return cls(properties)

    def document(self, customer_id: int) -> str:
        """The customer as JSON text, the way it is stored and answered."""
        named = {"customerId": str(customer_id), **self.properties}
        return json.dumps(named, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Patch:
    """A JSON merge patch (RFC 7396) of a customer's properties: None removes one, any other value
    replaces it. Whether a customer comes of it is known only when it is applied."""

    properties: Mapping[str, object]

    def applied(self, details: Details) -> Details:
        """What becomes of `details`. Raises InvalidCustomerError."""
        merged = {**details.properties, **self.properties}
        return validated({name: value for name, value in merged.items() if value is not None})


def parsed_id(text: str) -> int | None:
    """The id in `text`, a decimal number from 1 without leading zeros, or None if it is none.

    One spelling per id, so that `/customers/07` or `/customers/__proto__` is simply unknown.
    """
    return int(text) if _ID.fullmatch(text) else None


def disguised(text: str) -> str | None:
    """Why `text` is not the id that it seems to be: nobody sees what is in it, or a spreadsheet has rewritten it."""
    if not _is_plain(text) and (hidden := _HIDDEN.search(text)):
        return f"must have no invisible character, such as its U+{ord(hidden[0]):04X}"
    if text != text.strip():
        return "must have no blank at its ends"
    if _SCIENTIFIC.fullmatch(text):
        return f"must have all its digits: a spreadsheet has shortened it to {text[:40]}; format its column as text"
    return None


def _is_plain(text: str) -> bool:
    """Whether all of `text` is visible ASCII or blanks: most is, and this is known much sooner than the rest."""
    return text.isascii() and text.isprintable()


def validated(raw: Mapping[str, object]) -> Details:
    """The details in `raw`; a mandate may also be the integer 0, 1 or 2.

    Raises InvalidCustomerError.
    """
    properties = {
        name: _text_of_mandate(value) if name == "connectionMandate" else value for name, value in raw.items()
    }
    if faults := tuple(_faults(properties)):
        raise InvalidCustomerError(faults)
    return Details({name: value for name, value in properties.items() if isinstance(value, str)})


def _text_of_mandate(value: object) -> object:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number and value in range(len(MANDATES)) else value


def _faults(properties: Mapping[str, object]) -> Iterator[Fault]:
    if len(properties) > PROPERTIES:
        yield Fault("properties", f"must be {PROPERTIES} at most, not {len(properties)}")
        return
    for name in ("connectionId", "connectionMandate"):
        if name not in properties:
            yield Fault(name, "is missing")
    for name, value in properties.items():
        if reason := reason_against_name(name):
            yield Fault(ascii(name[:NAME_LENGTH]), reason)
        elif reason := _reason_against(name, value):
            yield Fault(name, reason)


def reason_against_name(name: str) -> str | None:
    """Why a property may not have this name."""
    if 1 <= len(name) <= NAME_LENGTH and (_is_plain(name) or not (_HIDDEN.search(name) or _UNFIT.search(name))):
        return None
    return f"a property needs a name of 1 to {NAME_LENGTH} characters, no invisible ones among them"


def _reason_against(name: str, value: object) -> str | None:
    if name == "connectionMandate":
        return None if value in MANDATES else f"must be 0, 1 or 2, not {_shown(value)}"
    if not isinstance(value, str):
        return f"must be text, not {_shown(value)}"
    if name == "connectionId":
        return _reason_against_connection_id(value)
    if len(value) > VALUE_LENGTH:
        return f"must have {VALUE_LENGTH} characters at most, not {len(value)}"
    # Half of a surrogate pair is allowed in JSON, but it has no UTF-8; at a NUL many a program stops.
    return "has a lone surrogate or a NUL" if _UNFIT.search(value) else None


def _reason_against_connection_id(value: str) -> str | None:
    if not 1 <= len(value) <= CONNECTION_ID_LENGTH:
        return f"must have 1 to {CONNECTION_ID_LENGTH} characters, not {len(value)}"
    return disguised(value) or ("has a lone surrogate" if _UNFIT.search(value) else None)


def _shown(value: object) -> str:
    """`value` as JSON, at most 40 characters of it, escaped so that it can go into any log."""
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:39] + "…"  # said in the docstring
