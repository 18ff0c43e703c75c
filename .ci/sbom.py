"""Prints what an installation of handinger-tui consists of, as CycloneDX JSON: `python .ci/sbom.py VERSION`.

Read from the environment of the interpreter that runs it, which needs the dependencies but not the program.
"""

from __future__ import annotations

import json
import sys
import tomllib
import uuid
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def needed(lines: list[str]) -> list[str]:
    """The names of the packages that these requirements mean on this machine."""
    requirements = map(Requirement, lines)
    return [
        canonicalize_name(one.name)
        for one in requirements
        if one.marker is None or one.marker.evaluate({"extra": ""})
    ]


def components(names: list[str]) -> dict[str, dict[str, Any]]:
    """The packages and all that they need, by name."""
    found: dict[str, dict[str, Any]] = {}
    while names:
        name = names.pop()
        if name in found:
            continue
        package = distribution(name)
        found[name] = {
            "type": "library",
            "name": name,
            "version": package.version,
            "purl": f"pkg:pypi/{name}@{package.version}",
            "bom-ref": f"{name}@{package.version}",
        }
        names += needed(package.requires or [])
    return dict(sorted(found.items()))


def document(version: str) -> dict[str, Any]:
    """The bill of materials; the same packages give the same one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    parts = [*components(needed(project["dependencies"])).values()]
    serial = uuid.uuid5(NAMESPACE, json.dumps([version, parts]))
    program = {"type": "application", "name": project["name"], "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": {**program, "licenses": [{"license": {"id": project["license"]}}]}},
        "components": parts,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(sys.argv[1]), indent=2) + "\n")
