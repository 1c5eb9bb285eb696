"""``model.json`` of an artifact: written with a digest of itself; read back with version, digest and shape checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.backends.target import Target
from stepwell.driver.executable import WeightFacts
from stepwell.support.errors import ArtifactError
from stepwell.support.signature import Signature

FORMAT = 3
NAME = "model.json"

_AGAIN = "compile the artifact again"


@dataclass(frozen=True)
class Manifest:
    """What ``model.json`` says.

    Attributes:
        signatures: the boundary of each entry point.
        files: hash of every other file of the artifact; ``code`` names those that the target loads.
        layout, facts: as in :class:`stepwell.backends.base.Code`.
        weights: what the code knows about the weights.
    """

    target: Target
    signatures: dict[str, Signature]
    files: dict[str, str]
    code: list[str]
    layout: dict[str, int]
    facts: dict[str, Any]
    weights: WeightFacts


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` with its format and digest; ``content`` is plain data."""
    whole = {**content, "format": FORMAT}
    whole["digest"] = _digest(whole)
    (folder / NAME).write_text(json.dumps(whole, indent=1, sort_keys=True))


def read_content(folder: Path) -> dict[str, Any]:
    """What was given to :func:`write_manifest`, format and digest checked.

    Raises:
        ArtifactError: there is none, it is damaged, or another version wrote it.
    """
    path = folder / NAME
    if not path.is_file():
        raise ArtifactError(f"'{folder}' is no artifact: it has no {NAME}", hint="stepwell compile -o writes one")
    try:
        content = json.loads(path.read_text())
    except (ValueError, OSError):
        content = None
    if not isinstance(content, dict) or "format" not in content:
        raise ArtifactError(f"'{path}' is corrupt or truncated", hint=_AGAIN)
    if content.pop("format") != FORMAT:
        raise _other_format(folder, json.loads(path.read_text()))
    digest = content.pop("digest", None)
    if digest != _digest({**content, "format": FORMAT}):
        raise ArtifactError(f"'{path}' does not match the digest that it holds", hint=_AGAIN)
    return content


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact folder.

    Raises:
        ArtifactError: as :func:`read_content`, or something in it is not what it should be.
    """
    content = read_content(folder)
    try:
        target = Target(str(content["target"]["name"]), **content["target"]["options"])
        signatures = {name: Signature.from_json(data) for name, data in content["entries"].items()}
        weights = WeightFacts(**content["weights"])
        files, code = dict(content["files"]), list(content["code"])
        if any(Path(name).name != name for name in files) or not set(code) <= set(files):
            raise ValueError("files outside of the folder")
        return Manifest(target, signatures, files, code, dict(content["layout"]), dict(content["facts"]), weights)
    except (KeyError, TypeError, ValueError, AttributeError) as failure:
        raise ArtifactError(f"'{folder / NAME}' can't be understood: {failure}", hint=_AGAIN) from None


def _other_format(folder: Path, content: dict[str, Any]) -> ArtifactError:
    versions = content.get("versions")
    writer = versions.get("stepwell", "unknown") if isinstance(versions, dict) else "unknown"
    return ArtifactError(
        f"'{folder}' has artifact format {content['format']}, this version reads {FORMAT}",
        hint=f"it was written by stepwell {writer}: compile again",
    )


def _digest(content: dict[str, Any]) -> str:
    plain = json.loads(json.dumps(content))  # as it reads back: keys are text, and sorted as such
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
