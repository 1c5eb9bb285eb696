import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_mlir import ir

from stepwell.backends.interpreter.interpreter import Interpreter
from stepwell.dialects.context import make_context

sys.path.insert(0, str(Path(__file__).parent))  # for what stands beside the tests

Run = Callable[..., list[np.ndarray[Any, Any]]]


@pytest.fixture(scope="session")
def context() -> ir.Context:
    return make_context(torch=False, allow_unregistered=True)


@pytest.fixture
def run(context: ir.Context) -> Run:
    """Run ``@main`` of an IR text on arguments."""

    def run_text(text: str, *arguments: Any, **options: Any) -> list[np.ndarray[Any, Any]]:
        module = ir.Module.parse(text, context)
        with context:
            return Interpreter(module, **options).run("main", list(arguments))

    return run_text
