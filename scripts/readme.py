"""Each chart's README, made from its values with their comments, its schema, and those of the library chart.

`scripts/mandates exec python scripts/readme.py` writes them; tests/charts holds what is there against this.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHARTS = Path(__file__).parents[1] / "charts"
SERVICES = ("crm", "iot")
MARK = "<!-- From here on made by scripts/readme.py from values.yaml and values.schema.json. -->\n"


class Value(NamedTuple):
    """One line of the table: where it is set, what stands there, and what its comment says."""

    key: str
    default: object
    comment: str


def values(chart: str, at: str = "") -> Iterator[Value]:
    """Give the values of a chart as far as its schema names them, each with the comment above it.

    Args:
        chart: a folder of charts/.
        at: where they stand in the values of who uses the chart, as `service.`.
    """
    text = (CHARTS / chart / "values.yaml").read_text()
    node: yaml.Node | None = yaml.compose(text)
    if not isinstance(node, yaml.MappingNode):
        raise TypeError(f"charts/{chart}/values.yaml is no mapping")
    yield from _values(node, text.splitlines(), schema(chart), at)


def schema(chart: str) -> dict[str, Any]:
    """Give a chart's schema, its references resolved."""
    whole = json.loads((CHARTS / chart / "values.schema.json").read_text())

    def resolved(part: Any) -> Any:
        if isinstance(part, list):
            return [resolved(one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return resolved(whole["definitions"][part["$ref"].rpartition("/")[2]])
        return {key: resolved(value) for key, value in part.items()}

    return {key: resolved(value) for key, value in whole.items() if key != "definitions"}


def allowed(part: dict[str, Any]) -> str:
    """Say in a few words what a schema lets be set; of an object, its fields, with ? those that may be left out."""
    kind: str = part.get("type", "")
    if "enum" in part:
        return ", ".join("null" if one is None else f"`{one}`" for one in part["enum"])
    if not kind:
        return " or ".join(allowed(one) for one in part["oneOf"])
    if kind == "array":
        return f"list of {allowed(part['items'])}"
    if kind == "object":
        return _fields(part)
    bounds = [f"{word} {part[bound]}" for word, bound in (("from", "minimum"), ("to", "maximum")) if bound in part]
    return " ".join([kind, *bounds])


def _fields(part: dict[str, Any]) -> str:
    names = [name if name in part.get("required", ()) else f"{name}?" for name in part.get("properties", ())]
    return f"{{{', '.join(names)}}}" if names else "map"


def readme(chart: str) -> str:
    """Give the text that the README of a service's chart should be: what was written by hand, and the table."""
    written, _, _ = (CHARTS / chart / "README.md").read_text().partition(MARK)
    lines = ["| value | may be | default | |", "|---|---|---|---|"]
    mine = schema(chart)["properties"]
    shared = schema("service")["properties"]
    own = {value.key: value for value in values(chart)}
    lines += [_line(value, _part(mine, key)) for key, value in own.items() if not key.startswith("service.")]
    for value in values("service", "service."):
        here = own.get(value.key, value)
        here = here._replace(comment=here.comment or value.comment)
        lines.append(_line(here, _part(shared, value.key.removeprefix("service."))))
    return f"{written}{MARK}\n## Values\n" + "\n".join(lines) + "\n"


def _values(node: yaml.MappingNode, lines: list[str], schema: dict[str, Any], at: str) -> Iterator[Value]:
    for key, value in node.value:
        inner = schema.get("properties", {}).get(key.value, {})
        block = isinstance(value, yaml.MappingNode) and not value.flow_style
        comment = _comment(lines, key.start_mark.line)
        # Amounts of memory and CPU are told together.
        if block and key.value != "resources":
            yield from _values(value, lines, inner, f"{at}{key.value}.")
        else:
            default = yaml.constructor.SafeConstructor().construct_document(value)
            yield Value(f"{at}{key.value}", default, comment)


def _comment(lines: list[str], line: int) -> str:
    """The comment right above a line; what is set in there begins a line of its own."""
    first = line
    while first and re.match(r"\s*#", lines[first - 1]) and "# ---" not in lines[first - 1]:
        first -= 1
    words = (re.sub(r"^\s*# ?", "", one) for one in lines[first:line])
    return " ".join(re.sub("^  +", "<br>", one) for one in words)


def _part(properties: dict[str, Any], key: str) -> dict[str, Any]:
    head, _, rest = key.partition(".")
    part: dict[str, Any] = properties[head]
    return _part(part["properties"], rest) if rest else part


def _line(value: Value, part: dict[str, Any]) -> str:
    cells = (f"`{value.key}`", allowed(part), f"`{json.dumps(value.default)}`", value.comment)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    for name in sys.argv[1:] or SERVICES:
        (CHARTS / name / "README.md").write_text(readme(name))
