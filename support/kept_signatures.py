"""Signatures inside a module, so that a dump of any level can be loaded again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from torch_mlir import ir

from stepwell.support.errors import ImportFailure
from stepwell.support.signature import Signature

ATTRIBUTE = "stepwell.signatures"
"""Module attribute: entry name -> signature as JSON."""


def keep_signatures(module: ir.Operation, signatures: Mapping[str, Signature]) -> None:
    """Write ``signatures`` into the ``builtin.module``."""
    with module.context:
        module.attributes[ATTRIBUTE] = ir.DictAttr.get(
            {name: ir.StringAttr.get(json.dumps(signature.to_json())) for name, signature in signatures.items()}
        )


def read_signatures(module: ir.Operation) -> dict[str, Signature]:
    """The signatures that :func:`keep_signatures` wrote, by entry; empty for a module from elsewhere.

    Raises:
        ImportFailure: the attribute is there and damaged.
    """
    if ATTRIBUTE not in module.attributes:
        return {}
    try:
        return {
            item.name: Signature.from_json(json.loads(ir.StringAttr(item.attr).value))
            for item in ir.DictAttr(module.attributes[ATTRIBUTE])
        }
    except (ValueError, KeyError, TypeError) as error:
        raise ImportFailure(f"the module's '{ATTRIBUTE}' attribute is damaged: {error}") from None
