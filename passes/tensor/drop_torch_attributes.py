"""drop-torch-attributes: nothing of the torch dialect stays behind when its operations are gone."""

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.support.walk import operations


@dataclass
class DropTorchAttributes(Pass):
    """Remove the ``torch.*`` attributes of functions, which only guide the lowering of torch operators."""

    name: ClassVar[str] = "drop-torch-attributes"
    summary: ClassVar[str] = "remove torch.* attributes from functions"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for inner in operations(op):
            if inner.name == "func.func":
                for name in [name for name in inner.attributes if str(_name(name)).startswith("torch.")]:
                    del inner.attributes[_name(name)]


def _name(item: object) -> str:
    """An attribute dictionary gives names or (name, value) pairs, depending on the bindings' version."""
    return str(getattr(item, "name", item))
