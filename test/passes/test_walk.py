"""What walks over operations find, and in which order."""

from torch_mlir import ir

from stepwell.dialects.context import make_context
from stepwell.support.walk import named, operations, outermost

TEXT = """
func.func @main(%n: index, %m: memref<?xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.parallel (%i) = (%zero) to (%n) step (%one) {
    scf.for %j = %zero to %n step %one {
      scf.parallel (%k) = (%zero) to (%n) step (%one) {
        scf.reduce
      }
    }
    scf.reduce
  }
  scf.for %j = %zero to %n step %one {
    scf.parallel (%k) = (%zero) to (%n) step (%one) {
      scf.reduce
    }
  }
  return
}
"""


def test_named_finds_inner_ones_first_and_no_others():
    with make_context():
        root = ir.Module.parse(TEXT).operation
        loops = named(root, "scf.parallel", "scf.for")
        assert loops == [op for op in operations(root) if op.name in ("scf.parallel", "scf.for")]
        assert [op.name for op in loops] == ["scf.parallel", "scf.for", "scf.parallel", "scf.parallel", "scf.for"]
        assert named(root, "scf.while") == []


def test_outermost_stops_at_what_it_finds_but_not_at_the_root():
    with make_context():
        root = ir.Module.parse(TEXT).operation
        first, second = outermost(root, "scf.parallel")
        inner, middle, around, last, _ = named(root, "scf.parallel", "scf.for")
        assert (first, second) == (around, last)
        assert outermost(around, "scf.parallel") == [inner]
        assert outermost(around, "scf.for") == [middle]
        assert outermost(inner, "scf.parallel") == []
