"""Functions with imperfect nests, indices that divide, many reads of a memory: what :mod:`loop_cases` computes."""

from __future__ import annotations

SIBLINGS = """
func.func @main(%x: memref<6x8xi8>, %y: memref<6x8xi32>, %z: memref<6xi32>) {
  %zero = arith.constant 0 : i32
  affine.for %i = 0 to 6 {
    affine.store %zero, %z[%i] : memref<6xi32>
    affine.for %j = 0 to 8 {
      %a = affine.load %x[%i, %j] : memref<6x8xi8>
      %e = arith.extsi %a : i8 to i32
      %s = affine.load %z[%i] : memref<6xi32>
      %t = arith.addi %s, %e : i32
      affine.store %t, %z[%i] : memref<6xi32>
    }
    %m = affine.load %z[%i] : memref<6xi32>
    affine.for %j = 0 to 8 {
      %a = affine.load %x[%i, %j] : memref<6x8xi8>
      %e = arith.extsi %a : i8 to i32
      %p = arith.muli %e, %m : i32
      affine.store %p, %y[%i, %j] : memref<6x8xi32>
    }
  }
  return
}"""

DEEP_SIBLINGS = """
func.func @main(%x: memref<4x5xi8>, %y: memref<4x5xi16>) {
  %t = memref.alloc() : memref<5xi16>
  affine.for %i = 0 to 4 {
    affine.for %k = 0 to 3 {
      affine.for %j = 0 to 5 {
        %a = affine.load %x[%i, %j] : memref<4x5xi8>
        %e = arith.extsi %a : i8 to i16
        affine.store %e, %t[%j] : memref<5xi16>
      }
      affine.for %j = 0 to 4 {
        %a = affine.load %t[%j] : memref<5xi16>
        %b = affine.load %t[%j + 1] : memref<5xi16>
        %c = arith.addi %a, %b : i16
        affine.store %c, %t[%j + 1] : memref<5xi16>
      }
    }
    affine.for %j = 0 to 5 {
      %a = affine.load %t[-%j + 4] : memref<5xi16>
      affine.store %a, %y[%i, %j] : memref<4x5xi16>
    }
  }
  return
}"""

TRIANGLE = """
func.func @main(%x: memref<7x7xi8>, %v: memref<7xi8>, %y: memref<7xi32>) {
  %zero = arith.constant 0 : i32
  affine.for %i = 0 to 7 {
    affine.store %zero, %y[%i] : memref<7xi32>
    affine.for %j = 0 to affine_map<(d0) -> (d0)>(%i) {
      %a = affine.load %x[%i, %j] : memref<7x7xi8>
      %b = affine.load %v[%i - %j - 1] : memref<7xi8>
      %ae = arith.extsi %a : i8 to i32
      %be = arith.extsi %b : i8 to i32
      %p = arith.muli %ae, %be : i32
      %s = affine.load %y[%i] : memref<7xi32>
      %t = arith.addi %s, %p : i32
      affine.store %t, %y[%i] : memref<7xi32>
    }
  }
  return
}"""

TRIANGLES = """
#same = affine_map<(d0) -> (d0)>
#next = affine_map<(d0) -> (d0 + 1)>
func.func @main(%a: memref<6x6xi8>, %b: memref<6x6xi8>, %y: memref<6x6xi32>) {
  %zero = arith.constant 0 : i32
  affine.for %i = 0 to 6 {
    affine.for %j = 0 to #next(%i) {
      %r = affine.for %k = #same(%j) to #next(%i) iter_args(%s = %zero) -> i32 {
        %l = affine.load %a[%i, %k] : memref<6x6xi8>
        %u = affine.load %b[%k, %j] : memref<6x6xi8>
        %le = arith.extsi %l : i8 to i32
        %ue = arith.extsi %u : i8 to i32
        %p = arith.muli %le, %ue : i32
        %t = arith.addi %s, %p : i32
        affine.yield %t : i32
      }
      affine.store %r, %y[%i, %j] : memref<6x6xi32>
      affine.store %r, %y[%j, %i] : memref<6x6xi32>
    }
  }
  return
}"""

BAND = """
func.func @main(%x: memref<9x9xi8>, %y: memref<9x9xi8>) {
  %c = arith.constant 3 : i8
  affine.for %i = 0 to 9 {
    affine.for %j = 0 to 9 {
      affine.store %c, %y[%i, %j] : memref<9x9xi8>
    }
  }
  affine.for %i = 0 to 9 {
    affine.for %j = max affine_map<(d0) -> (d0 - 2, 0)>(%i) to min affine_map<(d0) -> (d0 + 2, 9)>(%i) {
      %a = affine.load %x[%i, %j] : memref<9x9xi8>
      affine.store %a, %y[%j, %i] : memref<9x9xi8>
    }
  }
  return
}"""

LEAST = """
func.func @main(%x: memref<6x6xi8>, %y: memref<6xi16>) {
  %most = arith.constant 1000 : i16
  affine.for %i = 0 to 6 {
    %least = affine.for %j = affine_map<(d0) -> (d0 + 1)>(%i) to 6 iter_args(%s = %most) -> i16 {
      %a = affine.load %x[%j, %i] : memref<6x6xi8>
      %e = arith.extsi %a : i8 to i16
      %t = arith.minsi %s, %e : i16
      affine.yield %t : i16
    }
    affine.store %least, %y[%i] : memref<6xi16>
  }
  return
}"""

JOINED = """
func.func @main(%x: memref<4x6xi8>, %y: memref<3x8xi8>) {
  affine.for %i = 0 to 24 {
    %a = affine.load %x[%i floordiv 6, %i mod 6] : memref<4x6xi8>
    affine.store %a, %y[%i floordiv 8, %i mod 8] : memref<3x8xi8>
  }
  return
}"""

HALVES = """
func.func @main(%x: memref<4x6xi8>, %y: memref<12x2xi8>) {
  affine.for %i = 0 to 24 {
    %a = affine.load %x[%i floordiv 6, %i mod 6] : memref<4x6xi8>
    affine.store %a, %y[%i floordiv 2, %i mod 2] : memref<12x2xi8>
  }
  return
}"""

GRAM = """
func.func @main(%x: memref<6x5xi8>, %y: memref<6x6xi32>) {
  %zero = arith.constant 0 : i32
  affine.for %i = 0 to 6 {
    affine.for %j = 0 to 6 {
      %r = affine.for %k = 0 to 5 iter_args(%s = %zero) -> i32 {
        %a = affine.load %x[%i, %k] : memref<6x5xi8>
        %b = affine.load %x[%j, %k] : memref<6x5xi8>
        %ae = arith.extsi %a : i8 to i32
        %be = arith.extsi %b : i8 to i32
        %p = arith.muli %ae, %be : i32
        %t = arith.addi %s, %p : i32
        affine.yield %t : i32
      }
      affine.store %r, %y[%i, %j] : memref<6x6xi32>
    }
  }
  return
}"""

CROWD = """
func.func @main(%x: memref<11xi8>, %y: memref<6xi8>) {
  affine.for %i = 0 to 6 {
    %0 = affine.load %x[%i + 0] : memref<11xi8>
    %1 = affine.load %x[%i + 1] : memref<11xi8>
    %2 = affine.load %x[%i + 2] : memref<11xi8>
    %3 = affine.load %x[%i + 3] : memref<11xi8>
    %4 = affine.load %x[%i + 4] : memref<11xi8>
    %5 = affine.load %x[%i + 5] : memref<11xi8>
    %s1 = arith.addi %0, %1 : i8
    %s2 = arith.addi %s1, %2 : i8
    %s3 = arith.addi %s2, %3 : i8
    %s4 = arith.addi %s3, %4 : i8
    %s5 = arith.addi %s4, %5 : i8
    affine.store %s5, %y[%i] : memref<6xi8>
  }
  return
}"""
