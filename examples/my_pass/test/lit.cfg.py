"""Run with ``lit examples/my_pass/test``: the five lines that a project of yours needs."""

from pathlib import Path

from stepwell.support.lit import configure

PLUGIN = Path(__file__).resolve().parent.parent / "my_pass.py"
configure(config, lit_config, __file__, name="my-pass", options=f"--load {PLUGIN}")  # noqa: F821  lit defines both
