// RUN: stepwell-opt %s --bound-shifts | FileCheck %s

// CHECK-LABEL: func.func @left(
// CHECK-SAME: %[[X:.*]]: i32, %[[N:.*]]: i32)
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK-DAG: %[[MOST:.*]] = arith.constant 31 : i32
// CHECK: %[[SOUND:.*]] = arith.cmpi ule, %[[N]], %[[MOST]]
// CHECK: %[[BY:.*]] = arith.select %[[SOUND]], %[[N]], %[[MOST]]
// CHECK: %[[S:.*]] = arith.shli %[[X]], %[[BY]]
// CHECK: %[[R:.*]] = arith.select %[[SOUND]], %[[S]], %[[ZERO]]
// CHECK: return %[[R]]
func.func @left(%x: i32, %n: i32) -> i32 {
  %0 = arith.shli %x, %n : i32
  return %0 : i32
}

// The sign is what is left of a number that is shifted away to the right.
// CHECK-LABEL: func.func @right(
// CHECK: %[[BY:.*]] = arith.select
// CHECK: %[[S:.*]] = arith.shrsi %{{.*}}, %[[BY]] : i64
// CHECK: return %[[S]]
func.func @right(%x: i64, %n: i64) -> i64 {
  %0 = arith.shrsi %x, %n : i64
  return %0 : i64
}

// A known amount is one that there is, or is bounded as well.
// CHECK-LABEL: func.func @known(
// CHECK: arith.shli %{{.*}}, %{{.*}} : i16
// CHECK-NEXT: arith.select
// CHECK-NOT: arith.select
// CHECK: arith.shrsi %{{.*}}, %c3_i16
// CHECK-NOT: arith.select
func.func @known(%x: i16) -> (i16, i16) {
  %c16 = arith.constant 16 : i16
  %c3 = arith.constant 3 : i16
  %0 = arith.shli %x, %c16 : i16
  %1 = arith.shrsi %x, %c3 : i16
  return %0, %1 : i16, i16
}

// CHECK-LABEL: func.func @sizes(
// CHECK-NOT: arith.select
// CHECK: return
func.func @sizes(%x: index, %n: index) -> index {
  %0 = arith.shli %x, %n : index
  return %0 : index
}
