"""Kubernetes' own strictness, without a cluster: an object held against the CRD of its kind."""

from typing import Any

import jsonschema
import yaml

from offline import plan

from .chart import Manifest

# Strimzi's are generated, Dapr's come with its chart; both where the project has built them.
FOLDERS = (plan.crds.out, plan.dapr.out / "chart" / "crds")


def definitions() -> dict[tuple[str, str], dict[str, Any]]:
    """Give the schemas by apiVersion and kind; none where the project has built nothing."""
    found = {}
    for file in (file for folder in FOLDERS if folder.is_dir() for file in sorted(folder.glob("*.yaml"))):
        for crd in (one for one in yaml.safe_load_all(file.read_text()) if one):
            spec = crd["spec"]
            for version in spec["versions"]:
                key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                found[key] = _strict(version["schema"]["openAPIV3Schema"])
    return found


def faults(manifest: Manifest, schema: dict[str, Any]) -> list[str]:
    """Say what the API server would refuse, or drop without a word: fields that the schema does not have."""
    errors = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


def _strict(schema: Any, *, top: bool = True) -> Any:
    """Let no field pass that is not named, but where the schema says that any may be there."""
    if isinstance(schema, list):
        return [_strict(one, top=False) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value, top=False) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        made["properties"] = {name: _strict(one, top=False) for name, one in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    if top:
        # The API server's own to check.
        made["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {}}
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("anyOf", None)
        made["type"] = ["integer", "string"]
    if schema.get("nullable"):
        made["type"] = [made["type"], "null"]
    return made
