"""A lit configuration for projects that test passes with ``stepwell-opt`` and FileCheck; this project uses it too.

A ``lit.cfg.py`` of a user's project::

    from stepwell.support.lit import configure

    configure(config, lit_config, __file__, name="my-project")
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

_FILECHECK = ("FileCheck", *(f"FileCheck-{version}" for version in range(30, 17, -1)))
_ENVIRONMENT = ("HOME", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "FILECHECK_OPTS")


def configure(config: Any, lit_config: Any, cfg_file: str, *, name: str, options: str = "") -> None:
    """Fill in lit's ``config``: ``.mlir`` files are tests; RUN lines may use stepwell-opt, FileCheck and not.

    Args:
        config, lit_config: as lit hands them to ``lit.cfg.py``.
        cfg_file: its ``__file__``; tests lie below its folder, their scratch files in ``Output`` there.
        name: name of the test suite.
        options: put behind every ``stepwell-opt``, such as ``--load my_pass.py``.
    """
    from lit.formats import ShTest

    root = Path(cfg_file).resolve().parent
    config.name = name
    config.test_format = ShTest(execute_external=False)
    config.suffixes = [".mlir"]
    config.excludes = ["Inputs", "Output", "lit.cfg.py"]
    config.test_source_root = str(root)
    config.test_exec_root = str(root / "Output")
    for variable in _ENVIRONMENT:
        if variable in os.environ:
            config.environment[variable] = os.environ[variable]
    config.environment.setdefault("FILECHECK_OPTS", "--enable-var-scope --allow-unused-prefixes=false")
    opt = f"{sys.executable} -m stepwell.driver.opt {options}".strip()
    for tool, command in (("stepwell-opt", opt), ("FileCheck", _filecheck(lit_config))):
        config.substitutions.append((rf"(?<![\w./-]){re.escape(tool)}(?![\w./-])", command))


def _filecheck(lit_config: Any) -> str:
    for name in _FILECHECK:
        path = shutil.which(name)
        if path is not None:
            return path
    lit_config.fatal("FileCheck was not found; on Debian: apt-get install llvm-22-tools")
    raise AssertionError("lit_config.fatal returned")
