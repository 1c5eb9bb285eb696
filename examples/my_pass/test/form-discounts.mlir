// RUN: stepwell-opt %s --form-discounts | FileCheck %s
// RUN: stepwell-opt %s --form-discounts=largest=5 | FileCheck %s --check-prefix=SMALL
// RUN: stepwell-opt %s --form-discounts --canonicalize --lower-discounts | FileCheck %s --check-prefix=LOWERED

// CHECK-LABEL: func.func @ten_percent(
// CHECK-SAME: %[[AMOUNT:.*]]: i64
// CHECK: %[[REDUCED:.*]] = "price.discount"(%[[AMOUNT]]) {percent = 10 : i64} : (i64) -> i64
// CHECK: return %[[REDUCED]]
// SMALL-LABEL: func.func @ten_percent(
// SMALL-NOT: price.discount
// LOWERED-LABEL: func.func @ten_percent(
// LOWERED-NOT: price.discount
// LOWERED: %[[FACTOR:.*]] = arith.constant 90 : i64
// LOWERED: %[[PRODUCT:.*]] = arith.muli %{{.*}}, %[[FACTOR]]
// LOWERED: arith.divsi %[[PRODUCT]]
func.func @ten_percent(%amount: i64) -> i64 {
  %ninety = arith.constant 90 : i64
  %hundred = arith.constant 100 : i64
  %product = arith.muli %amount, %ninety : i64
  %reduced = arith.divsi %product, %hundred : i64
  return %reduced : i64
}

// A price that grows is no discount, and neither is a part of a thousand.
// CHECK-LABEL: func.func @not_a_discount(
// CHECK-NOT: price.discount
func.func @not_a_discount(%amount: i64) -> (i64, i64) {
  %more = arith.constant 110 : i64
  %hundred = arith.constant 100 : i64
  %thousand = arith.constant 1000 : i64
  %product = arith.muli %amount, %more : i64
  %grown = arith.divsi %product, %hundred : i64
  %part = arith.divsi %product, %thousand : i64
  return %grown, %part : i64, i64
}
