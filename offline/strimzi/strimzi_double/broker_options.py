"""Values in spec.kafka.config, checked before a broker would die of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

# The operator sets these itself. Real Strimzi ignores them in spec.kafka.config with a line
# in its log; here they are refused.
_FORBIDDEN_PREFIXES = (
    "listeners",
    "advertised.",
    "broker.",
    "listener.",
    "inter.broker.listener.name",
    "sasl.",
    "ssl.",
    "security.",
    "password.",
    "log.dir",
    "authorizer.",
    "super.user",
    "node.id",
    "process.roles",
    "controller",
    "metadata.log.dir",
)
_ALLOWED_ANYWAY = (
    "controller.quorum.election.backoff.max.ms",
    "controller.quorum.election.timeout.ms",
    "controller.quorum.fetch.timeout.ms",
    "ssl.cipher.suites",
    "ssl.enabled.protocols",
    "ssl.protocol",
)
_BITS = {"short": 16, "int": 32, "long": 64}


def text(value: object) -> str:
    """A YAML value as Kafka's properties spell it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def faults(config: Mapping[str, object]) -> list[str]:
    """What is wrong with each option, in Strimzi's words; options Kafka does not know pass."""
    found = []
    for name, value in config.items():
        if name.startswith(_FORBIDDEN_PREFIXES) and name not in _ALLOWED_ANYWAY:
            found.append(f"{name} is set by the operator and cannot be changed")
        elif (kind := _options().get(name)) and (fault := _fault(text(value), *kind)):
            found.append(f"{name} has value {fault}")
    return found


def _fault(value: str, kind: str, *limits: str) -> str | None:
    match kind:
        case "boolean":
            return None if value in {"true", "false"} else f"'{value}' which is not a boolean"
        case "string":
            allowed = limits[0].split(",")
            options = ", ".join(allowed)
            said = f"'{value}' which is not one of the allowed options: [{options}]"
            return None if value in allowed else said
        case _:
            return _number_fault(value, kind, *limits)


def _number_fault(value: str, kind: str, low: str, high: str) -> str | None:
    try:
        number = float(value) if kind == "double" else int(value)
    except ValueError:
        number = None
    if number is None or (kind in _BITS and not _fits(int(number), _BITS[kind])):
        return f"'{value}' which is not {'an' if kind == 'int' else 'a'} {kind}"
    if low != "-" and number < float(low):
        return f"{value} which less than the minimum value {low}"
    if high != "-" and number > float(high):
        return f"{value} which greater than the maximum value {high}"
    return None


def _fits(number: int, bits: int) -> bool:
    bound: int = 2 ** (bits - 1)
    return -bound <= number < bound


@cache
def _options() -> dict[str, list[str]]:
    lines = files(__package__).joinpath("broker_options.txt").read_text().splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return {name: kind for name, *kind in rows}
