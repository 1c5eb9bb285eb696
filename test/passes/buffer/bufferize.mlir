// RUN: stepwell-opt %s --bufferize --split-input-file | FileCheck %s

// A state is updated in its own memory; the output is a buffer allocated here.
// CHECK-LABEL: func.func @state_in_place
// CHECK-SAME: (%[[CACHE:arg[0-9]+]]: memref<8x4xf32> {stepwell.state = "cache"}, %[[X:arg[0-9]+]]: memref<4xf32> {stepwell.input = "x"}, %[[AT:arg[0-9]+]]: index)
func.func @state_in_place(%cache: tensor<8x4xf32> {stepwell.state = "cache"}, %x: tensor<4xf32> {stepwell.input = "x"}, %at: index)
    -> (tensor<8x4xf32> {stepwell.state = "cache"}, tensor<8x4xf32> {stepwell.output = "0"}) {
  // CHECK: %[[ROW:.*]] = memref.subview %[[CACHE]][%[[AT]], 0] [1, 4] [1, 1]
  // CHECK: memref.copy %[[X]], %[[ROW]]
  // CHECK: %[[OUT:.*]] = memref.alloc() {alignment = 64 : i64} : memref<8x4xf32>
  // CHECK: linalg.exp ins(%[[CACHE]] : memref<8x4xf32>) outs(%[[OUT]] : memref<8x4xf32>)
  // CHECK-NOT: memref.copy
  // CHECK: return %[[CACHE]], %[[OUT]]
  %new = tensor.insert_slice %x into %cache[%at, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<8x4xf32>
  %empty = tensor.empty() : tensor<8x4xf32>
  %out = linalg.exp ins(%new : tensor<8x4xf32>) outs(%empty : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %new, %out : tensor<8x4xf32>, tensor<8x4xf32>
}

// -----

// Two states that change places: neither copy may see the other.
// CHECK-LABEL: func.func @swapped_states
// CHECK-SAME: (%[[A:arg[0-9]+]]: memref<4xf32> {stepwell.state = "a"}, %[[B:arg[0-9]+]]: memref<4xf32> {stepwell.state = "b"})
func.func @swapped_states(%a: tensor<4xf32> {stepwell.state = "a"}, %b: tensor<4xf32> {stepwell.state = "b"})
    -> (tensor<4xf32> {stepwell.state = "a"}, tensor<4xf32> {stepwell.state = "b"}) {
  // CHECK-DAG: memref.copy %[[B]], %[[OLD_B:alloc.*]] :
  // CHECK-DAG: memref.copy %[[A]], %[[OLD_A:alloc.*]] :
  // CHECK: memref.copy %[[OLD_B]], %[[A]]
  // CHECK: memref.copy %[[OLD_A]], %[[B]]
  // CHECK: return %[[A]], %[[B]]
  return %b, %a : tensor<4xf32>, tensor<4xf32>
}

// -----

// Inputs and parameters are never written, even where writing in place would save a buffer.
// CHECK-LABEL: func.func @inputs_are_read_only
// CHECK-SAME: (%[[X:arg[0-9]+]]: memref<4xf32> {stepwell.input = "x"}, %[[W:arg[0-9]+]]: memref<4xf32> {stepwell.parameter = "w"})
func.func @inputs_are_read_only(%x: tensor<4xf32> {stepwell.input = "x"}, %w: tensor<4xf32> {stepwell.parameter = "w"})
    -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK-NOT: outs(%[[X]]
  // CHECK-NOT: outs(%[[W]]
  %0 = linalg.add ins(%x, %w : tensor<4xf32>, tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.mul ins(%x, %w : tensor<4xf32>, tensor<4xf32>) outs(%w : tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// A result that is an argument, a view or returned twice gets a buffer of its own.
// CHECK-LABEL: func.func @outputs_are_fresh
// CHECK-SAME: (%[[X:arg[0-9]+]]: memref<4xf32>
func.func @outputs_are_fresh(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<2x2xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK: %[[SUM:.*]] = memref.alloc() {{.*}} : memref<4xf32>
  // CHECK: linalg.add
  // CHECK: memref.copy %[[X]], %[[COPY:alloc.*]] :
  // CHECK: memref.copy %expand_shape, %[[SQUARE:alloc.*]] : memref<2x2xf32> to memref<2x2xf32>
  // CHECK: memref.copy %[[SUM]], %[[AGAIN:alloc.*]] :
  // CHECK: return %[[COPY]], %[[SQUARE]], %[[SUM]], %[[AGAIN]]
  %square = tensor.expand_shape %x [[0, 1]] output_shape [2, 2] : tensor<4xf32> into tensor<2x2xf32>
  %empty = tensor.empty() : tensor<4xf32>
  %sum = linalg.add ins(%x, %x : tensor<4xf32>, tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  return %x, %square, %sum, %sum : tensor<4xf32>, tensor<2x2xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// Each accumulator is filled; none is a copy of another.
// CHECK-LABEL: func.func @shared_fill
func.func @shared_fill(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  // CHECK-COUNT-2: linalg.fill
  // CHECK-NOT: memref.copy
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %0 = linalg.matmul ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = linalg.matmul ins(%x, %0 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// What an iteration yields goes back into the buffer that it was given.
// CHECK-LABEL: func.func @loop
// CHECK-SAME: (%[[X:arg[0-9]+]]: memref<4xf32>
func.func @loop(%x: tensor<4xf32>, %n: index) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: %[[STATE:.*]] = memref.alloc() {{.*}} : memref<4xf32>
  // CHECK: memref.copy %[[X]], %[[STATE]]
  // CHECK: scf.for
  // CHECK-NOT: iter_args
  // CHECK: linalg.exp ins(%[[STATE]] : memref<4xf32>) outs(%[[NEXT:.*]] : memref<4xf32>)
  // CHECK: memref.copy %[[NEXT]], %[[STATE]]
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x) -> (tensor<4xf32>) {
    %empty = tensor.empty() : tensor<4xf32>
    %1 = linalg.exp ins(%y : tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

// Both branches write to one buffer made before them.
// CHECK-LABEL: func.func @branch
// CHECK-SAME: (%[[X:arg[0-9]+]]: memref<4xf32>
func.func @branch(%x: tensor<4xf32>, %condition: i1) -> tensor<4xf32> {
  // CHECK: %[[PLACE:.*]] = memref.alloc() {{.*}} : memref<4xf32>
  // CHECK: scf.if
  // CHECK:   linalg.exp ins(%[[X]] : memref<4xf32>) outs(%[[PLACE]] : memref<4xf32>)
  // CHECK: } else {
  // CHECK:   memref.copy %[[X]], %[[PLACE]]
  %0 = scf.if %condition -> (tensor<4xf32>) {
    %empty = tensor.empty() : tensor<4xf32>
    %1 = linalg.exp ins(%x : tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %1 : tensor<4xf32>
  } else {
    scf.yield %x : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

// What is at the buffer level already stays as it is.
// CHECK-LABEL: func.func @buffers
// CHECK-NEXT: linalg.exp
// CHECK-NEXT: return
func.func @buffers(%x: memref<4xf32>, %y: memref<4xf32>) {
  linalg.exp ins(%x : memref<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

// One empty tensor that two operations write to one after the other: a buffer each.
// CHECK-LABEL: func.func @shared_empty
// CHECK-SAME: (%[[X:arg[0-9]+]]: memref<4xf32>
func.func @shared_empty(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: %[[ONE:.*]] = memref.alloc() {{.*}} : memref<4xf32>
  // CHECK: linalg.exp ins(%[[X]] : memref<4xf32>) outs(%[[ONE]] : memref<4xf32>)
  // CHECK: %[[OTHER:.*]] = memref.alloc() {{.*}} : memref<4xf32>
  // CHECK: linalg.tanh ins(%[[ONE]] : memref<4xf32>) outs(%[[OTHER]] : memref<4xf32>)
  // CHECK-NOT: memref.copy
  // CHECK: return %[[OTHER]]
  %empty = tensor.empty() : tensor<4xf32>
  %one = linalg.exp ins(%x : tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  %other = linalg.tanh ins(%one : tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  return %other : tensor<4xf32>
}

// -----

#id = affine_map<(i) -> (i)>

// The last to read a value element by element works in its place; so does nobody whose operand is read behind it.
// CHECK-LABEL: func.func @in_place
// CHECK: %[[ONE:.*]] = memref.alloc() {{.*}} : memref<4xf32>
// CHECK: linalg.exp {{.*}} outs(%[[ONE]]
// CHECK: %[[OTHER:.*]] = memref.alloc() {{.*}} : memref<4xf32>
// CHECK: linalg.generic {{.*}} ins(%[[ONE]] : memref<4xf32>) outs(%[[OTHER]]
// CHECK: linalg.generic {{.*}} ins(%[[ONE]], %[[OTHER]] : memref<4xf32>, memref<4xf32>) outs(%[[ONE]]
// CHECK-NOT: memref.copy
// CHECK: return %[[ONE]]
func.func @in_place(%x: tensor<4xf32>) -> tensor<4xf32> {
  %empty = tensor.empty() : tensor<4xf32>
  %one = linalg.exp ins(%x : tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  %two = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%one : tensor<4xf32>) outs(%empty : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  %three = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%one, %two : tensor<4xf32>, tensor<4xf32>) outs(%empty : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  return %three : tensor<4xf32>
}

// -----

// The body of a loop allocates nothing that was made ahead of it.
// CHECK-LABEL: func.func @shared_with_loop
func.func @shared_with_loop(%x: tensor<4xf32>, %n: index) -> (tensor<4xf32>, tensor<f32>) {
  // CHECK: memref.alloc() {{.*}} : memref<4xf32>
  // CHECK: scf.for
  // CHECK-NOT: memref.alloc
  // CHECK: linalg.tanh
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0.0> : tensor<f32>
  %empty = tensor.empty() : tensor<4xf32>
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero) -> (tensor<f32>) {
    %e = linalg.exp ins(%x : tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
    %r = linalg.reduce ins(%e : tensor<4xf32>) outs(%s : tensor<f32>) dimensions = [0]
      (%in: f32, %init: f32) {
        %t = arith.addf %in, %init : f32
        linalg.yield %t : f32
      }
    scf.yield %r : tensor<f32>
  }
  %out = linalg.tanh ins(%x : tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  return %out, %sum : tensor<4xf32>, tensor<f32>
}

// -----

#at = affine_map<(i) -> (i)>

// An operation that writes to two tensors, each of which another one writes to as well.
// CHECK-LABEL: func.func @two_shared_empties
func.func @two_shared_empties(%x: tensor<4xf32>, %n: tensor<4xi32>)
    -> (tensor<4xf32>, tensor<4xi32>, tensor<4xf32>, tensor<4xi32>) {
  // CHECK-COUNT-4: memref.alloc()
  // CHECK-NOT: memref.copy
  %float = tensor.empty() : tensor<4xf32>
  %int = tensor.empty() : tensor<4xi32>
  %exp = linalg.exp ins(%x : tensor<4xf32>) outs(%float : tensor<4xf32>) -> tensor<4xf32>
  %twice = linalg.add ins(%n, %n : tensor<4xi32>, tensor<4xi32>) outs(%int : tensor<4xi32>) -> tensor<4xi32>
  %both:2 = linalg.generic {indexing_maps = [#at, #at, #at], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%float, %int : tensor<4xf32>, tensor<4xi32>) {
  ^bb0(%a: f32, %unread: f32, %unread_too: i32):
    %whole = arith.fptosi %a : f32 to i32
    %negated = arith.negf %a : f32
    linalg.yield %negated, %whole : f32, i32
  } -> (tensor<4xf32>, tensor<4xi32>)
  return %exp, %twice, %both#0, %both#1 : tensor<4xf32>, tensor<4xi32>, tensor<4xf32>, tensor<4xi32>
}
