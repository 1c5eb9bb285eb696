"""Functions of affine loops as text: what :mod:`loop_cases` computes."""

from __future__ import annotations


def matmul(m: int, k: int, n: int) -> str:
    """Rows times columns of two inputs."""
    return f"""
func.func @main(%a: memref<{m}x{k}xi8>, %b: memref<{k}x{n}xi8>, %c: memref<{m}x{n}xi32>) {{
  %zero = arith.constant 0 : i32
  affine.for %i = 0 to {m} {{
    affine.for %j = 0 to {n} {{
      affine.store %zero, %c[%i, %j] : memref<{m}x{n}xi32>
      affine.for %k = 0 to {k} {{
        %x = affine.load %a[%i, %k] : memref<{m}x{k}xi8>
        %y = affine.load %b[%k, %j] : memref<{k}x{n}xi8>
        %s = affine.load %c[%i, %j] : memref<{m}x{n}xi32>
        %xe = arith.extsi %x : i8 to i32
        %ye = arith.extsi %y : i8 to i32
        %p = arith.muli %xe, %ye : i32
        %t = arith.addi %s, %p : i32
        affine.store %t, %c[%i, %j] : memref<{m}x{n}xi32>
      }}
    }}
  }}
  return
}}"""


FIR = """
func.func @main(%x: memref<1004xi8>, %w: memref<1000xi8>, %y: memref<5xi32>) {
  %zero = arith.constant 0 : i32
  affine.for %n = 0 to 5 {
    %sum = affine.for %k = 0 to 1000 iter_args(%s = %zero) -> i32 {
      %a = affine.load %x[%n + %k] : memref<1004xi8>
      %b = affine.load %w[-%k + 999] : memref<1000xi8>
      %ae = arith.extsi %a : i8 to i32
      %be = arith.extsi %b : i8 to i32
      %p = arith.muli %ae, %be : i32
      %t = arith.addi %s, %p : i32
      affine.yield %t : i32
    }
    affine.store %sum, %y[%n] : memref<5xi32>
  }
  return
}"""

CONVOLUTION = """
func.func @main(%x: memref<3x8x7xi8>, %w: memref<4x3x3x3xi8>, %y: memref<4x6x5xi32>) {
  %zero = arith.constant 0 : i32
  affine.for %f = 0 to 4 {
    affine.for %h = 0 to 6 {
      affine.for %v = 0 to 5 {
        affine.store %zero, %y[%f, %h, %v] : memref<4x6x5xi32>
        affine.for %c = 0 to 3 {
          affine.for %kh = 0 to 3 {
            affine.for %kw = 0 to 3 {
              %a = affine.load %x[%c, %h + %kh, %v + %kw] : memref<3x8x7xi8>
              %b = affine.load %w[%f, %c, %kh, %kw] : memref<4x3x3x3xi8>
              %s = affine.load %y[%f, %h, %v] : memref<4x6x5xi32>
              %ae = arith.extsi %a : i8 to i32
              %be = arith.extsi %b : i8 to i32
              %p = arith.muli %ae, %be : i32
              %t = arith.addi %s, %p : i32
              affine.store %t, %y[%f, %h, %v] : memref<4x6x5xi32>
            }
          }
        }
      }
    }
  }
  return
}"""

STENCIL = """
func.func @main(%x: memref<17xi16>, %y: memref<17xi16>) {
  %two = arith.constant 2 : i16
  affine.for %i = 0 to 17 {
    %v = affine.load %x[%i] : memref<17xi16>
    affine.store %v, %y[%i] : memref<17xi16>
  }
  affine.for %i = 1 to 16 {
    %l = affine.load %y[%i - 1] : memref<17xi16>
    %m = affine.load %x[%i] : memref<17xi16>
    %s = arith.addi %l, %m : i16
    %h = arith.shrsi %s, %two : i16
    affine.store %h, %y[%i] : memref<17xi16>
  }
  return
}"""

PORTS = """
func.func @main(%x: memref<9xi8>, %y: memref<3xi8>) {
  affine.for %i = 0 to 3 {
    %a = affine.load %x[%i] : memref<9xi8>
    %b = affine.load %x[%i * 2 + 1] : memref<9xi8>
    %c = affine.load %x[8] : memref<9xi8>
    %d = arith.maxsi %a, %b : i8
    %e = arith.xori %d, %c : i8
    affine.store %e, %y[%i] : memref<3xi8>
  }
  return
}"""

MIXED = """
func.func @main(%x: memref<5x4xi8>, %y: memref<5x4xi16>, %z: memref<4xi32>) {
  %zero = arith.constant 0 : i32
  %three = arith.constant 3 : i32
  %one = arith.constant 1 : i8
  %bound = arith.constant -5 : i8
  %t = memref.alloc() : memref<4x5xi8>
  affine.for %i = 0 to 5 {
    affine.for %j = 0 to 4 {
      %a = affine.load %x[%i, %j] : memref<5x4xi8>
      %n = arith.shrui %a, %one : i8
      %c = arith.cmpi ult, %a, %bound : i8
      %s = arith.select %c, %n, %a : i8
      affine.store %s, %t[%j, %i] : memref<4x5xi8>
      %w = arith.extui %n : i8 to i16
      %ij = affine.apply affine_map<(d0, d1) -> (d0 * 4 - d1)>(%i, %j)
      %k = arith.index_cast %ij : index to i16
      %m = arith.muli %w, %k : i16
      affine.store %m, %y[%i, %j] : memref<5x4xi16>
    }
  }
  affine.for %j = 0 to 4 {
    affine.store %zero, %z[%j] : memref<4xi32>
    affine.for %i = 0 to 5 {
      %a = affine.load %t[%j, %i] : memref<4x5xi8>
      %e = arith.extsi %a : i8 to i32
      %s = affine.load %z[%j] : memref<4xi32>
      %q = arith.subi %s, %e : i32
      affine.store %q, %z[%j] : memref<4xi32>
    }
    %r = affine.load %z[%j] : memref<4xi32>
    %u = arith.shli %r, %three : i32
    affine.store %u, %z[%j] : memref<4xi32>
  }
  return
}"""

CONSTANTS = """
memref.global "private" constant @table : memref<4xi16> = dense<[3, -1, 700, -32768]>
func.func @main(%x: memref<4xi16>, %y: memref<4xi16>) {
  %low = memref.alloc() : memref<4xi1>
  %table = memref.get_global @table : memref<4xi16>
  affine.for %i = 0 to 4 {
    %a = affine.load %x[%i] : memref<4xi16>
    %b = affine.load %table[-%i + 3] : memref<4xi16>
    %c = arith.cmpi slt, %a, %b : i16
    affine.store %c, %low[%i] : memref<4xi1>
  }
  affine.for %i = 0 to 4 {
    %a = affine.load %x[-%i + 3] : memref<4xi16>
    %b = math.absi %a : i16
    %c = affine.load %low[%i] : memref<4xi1>
    %d = arith.select %c, %a, %b : i16
    affine.store %d, %y[%i] : memref<4xi16>
  }
  return
}"""

BORDER = """
func.func @main(%x: memref<4x4xi8>, %y: memref<4x4xi16>) {
  %seven = arith.constant 7 : i8
  %padded = memref.alloc() : memref<6x6xi8>
  affine.for %i = 0 to 6 {
    affine.for %j = 0 to 6 {
      affine.store %seven, %padded[%i, %j] : memref<6x6xi8>
    }
  }
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 4 {
      %0 = affine.load %x[%i, %j] : memref<4x4xi8>
      affine.store %0, %padded[%i + 1, %j + 1] : memref<6x6xi8>
    }
  }
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 4 {
      %0 = affine.load %padded[%i, %j] : memref<6x6xi8>
      %1 = affine.load %padded[%i + 2, %j + 2] : memref<6x6xi8>
      %2 = arith.extsi %0 : i8 to i16
      %3 = arith.extsi %1 : i8 to i16
      %4 = arith.addi %2, %3 : i16
      affine.store %4, %y[%i, %j] : memref<4x4xi16>
    }
  }
  return
}"""

SCALAR = """
func.func @main(%x: memref<1xi8>, %y: memref<1xi8>) {
  %a = affine.load %x[0] : memref<1xi8>
  %b = arith.muli %a, %a : i8
  affine.store %b, %y[0] : memref<1xi8>
  return
}"""
