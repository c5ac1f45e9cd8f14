"""What goes in and out of the API, for OpenAPI.

The rules of a customer are those of domain/customer.py, and checked by them alone: they name each fault.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from crm.domain import customer
from crm.domain.announcement import AT_ONCE

MOLLY: Final[JsonDict] = {
    "firstName": "Molly",
    "lastName": "Peterson",
    "city": "Zeewolde",
    "connectionId": "928",
    "connectionMandate": "0",
}

_CONNECTION_ID: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": customer.CONNECTION_ID_LENGTH,
    "pattern": customer.CONNECTION_ID_PATTERN,
    "description": "No invisible characters, no blanks at the ends, and not shortened by a spreadsheet (8.7E+17).",
}
_LEVEL: Final = "Permission to read the meter: 0 none, 1 for the bill, 2 in real time."

Id = Annotated[str, Field(pattern="^[1-9][0-9]{0,17}$")]
SameId = Annotated[Id, Field(json_schema_extra={"readOnly": True})]
ConnectionId = Annotated[str, WithJsonSchema(_CONNECTION_ID)]
Level = Annotated[Literal["0", "1", "2"], Field(description=_LEVEL)]
GivenLevel = Annotated[Literal["0", "1", "2", 0, 1, 2], Field(description=_LEVEL)]
Sequence = Annotated[str, Field(pattern="^[0-9]{1,18}$")]
Text = Annotated[str, Field(max_length=customer.VALUE_LENGTH, pattern=r"^[^\u0000]*$")]

_NAMES: Final[JsonDict] = {"minLength": 1, "maxLength": customer.NAME_LENGTH, "pattern": customer.NAME_PATTERN}


def _properties(most: int, example: JsonDict, names: JsonDict | None = None) -> ConfigDict:
    """How many properties there may be and what names they may have, beside those that the model names."""
    extra: JsonDict = {"maxProperties": most, "propertyNames": _NAMES | (names or {}), "example": example}
    return ConfigDict(extra="allow", json_schema_extra=extra)


class Customer(BaseModel):
    """A customer; any other property is text."""

    model_config = _properties(customer.PROPERTIES + 1, {"customerId": "13", **MOLLY})
    __pydantic_extra__: dict[str, Text]

    customer_id: Id = Field(alias="customerId")
    connection_id: ConnectionId = Field(alias="connectionId")
    mandate: Level = Field(alias="connectionMandate")


class NewCustomer(BaseModel):
    """A customer whose id CRM will give."""

    model_config = _properties(customer.PROPERTIES, MOLLY, {"not": {"const": "customerId"}})
    __pydantic_extra__: dict[str, Text]

    connection_id: ConnectionId = Field(alias="connectionId")
    mandate: GivenLevel = Field(alias="connectionMandate")


class Details(BaseModel):
    """All of a customer but its id, which may repeat the one of the path."""

    model_config = _properties(customer.PROPERTIES, MOLLY)
    __pydantic_extra__: dict[str, Text]

    customer_id: SameId = Field(default_factory=str, alias="customerId")
    connection_id: ConnectionId = Field(alias="connectionId")
    mandate: GivenLevel = Field(alias="connectionMandate")


class Patch(BaseModel):
    """A JSON merge patch (RFC 7396) of a customer: what is given is replaced, what is null removed."""

    model_config = _properties(customer.PROPERTIES, {"connectionMandate": "2"})
    __pydantic_extra__: dict[str, Text | None]

    customer_id: SameId = Field(default_factory=str, alias="customerId")
    connection_id: ConnectionId = Field(default_factory=str, alias="connectionId")
    mandate: GivenLevel = Field(default_factory=lambda: "0", alias="connectionMandate")


class Announcement(BaseModel):
    """Which levels are to be told again."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"above": "1767225600000000", "connections": ["7733", "4512"]}}
    )

    above: Sequence = Field(description="The highest sequence on the topic: events get higher ones.")
    connections: list[ConnectionId] = Field(min_length=1, max_length=AT_ONCE)


class Announced(BaseModel):
    """They will be told."""

    announced: int = Field(description="Connections.")
    lastSequence: Sequence = Field(description="Of the last event.")  # noqa: N815  as it is in JSON
    waiting: int = Field(description="Events in the outbox.")


class Status(BaseModel):
    """What a probe says."""

    status: str


class FieldFault(BaseModel):
    """What is wrong with one field."""

    field: str
    reason: str


class ProblemDetails(BaseModel):
    """An error, RFC 9457."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str = Field(description="What was wrong, and what to do.")
    errors: list[FieldFault] = Field(default=[], description="In which fields, where there are such.")
