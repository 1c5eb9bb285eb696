"""From lines of the SystemVerilog to the model's source lines."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stepwell.backends.hls.design import Design


def source_map(design: Design, sources: Mapping[str, str]) -> str:
    """JSON: file -> its line ranges, each with module, operation, and where in the model it comes from.

    A component is one module in one file; the top module joins all, so it stands for none of the model's lines.
    """
    kinds = {f"{component.name}.sv": component for component in design.components}
    files = {}
    for name, text in sources.items():
        entry: dict[str, object] = {"lines": [1, text.count("\n")], "module": name.removesuffix(".sv")}
        if name in kinds:
            entry |= {"operation": f"stream.{kinds[name].kind}", "source": kinds[name].location}
        files[name] = [entry]
    return json.dumps({"version": 1, "files": files}, indent=1, sort_keys=True) + "\n"
