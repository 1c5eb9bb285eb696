"""lit tests: every .mlir file below this folder."""

from stepwell.support.lit import configure

configure(config, lit_config, __file__, name="stepwell")  # noqa: F821  lit defines both
