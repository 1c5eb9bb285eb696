// RUN: not stepwell-opt %s --tile=sizes=4,x 2>&1 | FileCheck %s --check-prefix=SIZES
// RUN: not stepwell-opt %s --tile=sizes=-4 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not stepwell-opt %s '--tile=sizes=4 loop=while' 2>&1 | FileCheck %s --check-prefix=LOOP
// RUN: not stepwell-opt %s '--tile=sizes=4 interchange=0/0' 2>&1 | FileCheck %s --check-prefix=LEVELS
// RUN: not stepwell-opt %s '--tile=sizes=4 loop=forall interchange=1,0' 2>&1 | FileCheck %s --check-prefix=FORALL
// RUN: not stepwell-opt %s --tile=size=4 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not stepwell-opt %s --unroll=factor=0 2>&1 | FileCheck %s --check-prefix=FACTOR
// RUN: not stepwell-opt %s --unroll=kind=while 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not stepwell-opt %s --unroll=nest=outer 2>&1 | FileCheck %s --check-prefix=NEST
// RUN: not stepwell-opt %s --vectorize=sizes=4,x 2>&1 | FileCheck %s --check-prefix=VECTOR
// RUN: not stepwell-opt %s --pad=sizes=4,-8 2>&1 | FileCheck %s --check-prefix=PAD
// RUN: not stepwell-opt %s '--pad=sizes=4,8 copies=true' 2>&1 | FileCheck %s --check-prefix=COPIES
// RUN: not stepwell-opt %s --hoist=what=invariants,loops 2>&1 | FileCheck %s --check-prefix=HOIST
// RUN: not stepwell-opt %s --hoist=loops=0 2>&1 | FileCheck %s --check-prefix=LOOPS
// RUN: not stepwell-opt %s --unroll-and-jam=factor=1 2>&1 | FileCheck %s --check-prefix=JAM

// SIZES: option 'sizes' of pass 'tile' takes integers, not '4,x'
// SIZES: commas between dimensions, slashes between levels
// NEGATIVE: option 'sizes' of pass 'tile' takes no negative numbers, not '-4'
// LOOP: option 'loop' of pass 'tile' takes for or forall, not 'while'
// LEVELS: tile has 2 levels of interchange and 1 of sizes
// FORALL: tile can't interchange a forall: its iterations have no order
// FORALL-NEXT: hint: leave its level empty, as in loop=forall/for interchange=/1,0,2
// FORALL-NOT: reproducer
// UNKNOWN: pass 'tile' has no option 'size'
// FACTOR: option 'factor' of pass 'unroll' takes a positive integer, not '0'
// KIND: option 'kind' of pass 'unroll' takes any, scf or affine, not 'while'
// NEST: option 'nest' of pass 'unroll' takes innermost or all, not 'outer'
// VECTOR: option 'sizes' of pass 'vectorize' takes a list of integer values separated by commas, not '4,x'
// PAD: option 'sizes' of pass 'pad' takes no negative numbers, not '4,-8'
// COPIES: option 'copies' of pass 'pad' goes without 'sizes'
// HOIST: option 'what' of pass 'hoist' takes pads, invariants, subsets, allocations, not 'loops'
// LOOPS: option 'loops' of pass 'hoist' takes 1 or more, not '0'
// JAM: option 'factor' of pass 'unroll-and-jam' takes 2 or more, not '1'
func.func @main() {
  return
}
