// RUN: stepwell-opt %s --lower-discounts --split-input-file --verify-diagnostics

func.func @too_much(%amount: i64) -> i64 {
  // expected-error@below {{a discount of 120 percent can't be given}}
  %0 = "price.discount"(%amount) {percent = 120 : i64} : (i64) -> i64
  return %0 : i64
}

// -----

func.func @not_cents(%amount: f32) -> i64 {
  // expected-error@below {{expected 'i64' but got 'f32'}}
  %0 = "price.discount"(%amount) {percent = 20 : i64} : (f32) -> i64
  return %0 : i64
}
