import itertools

import ml_dtypes
import numpy as np
import pytest
import torch

from stepwell.support.errors import ExecutionError

RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def test_matmul_adds_to_its_output(run):
    text = """func.func @main(%a: tensor<3x?xf32>, %b: tensor<?x5xf32>, %c: tensor<3x5xf32>) -> tensor<3x5xf32> {
      %0 = linalg.matmul ins(%a, %b : tensor<3x?xf32>, tensor<?x5xf32>) outs(%c : tensor<3x5xf32>) -> tensor<3x5xf32>
      return %0 : tensor<3x5xf32>
    }"""
    a, b, c = floats(3, 4), floats(4, 5), floats(3, 5)
    before = c.copy()
    assert np.allclose(run(text, a, b, c)[0], c + a @ b, atol=1e-6)
    assert (c == before).all()


def test_matmul_of_disagreeing_dynamic_shapes_is_an_error(run):
    text = """func.func @main(%a: tensor<3x?xf32>, %b: tensor<?x5xf32>, %c: tensor<3x5xf32>) -> tensor<3x5xf32> {
      %0 = linalg.matmul ins(%a, %b : tensor<3x?xf32>, tensor<?x5xf32>) outs(%c : tensor<3x5xf32>) -> tensor<3x5xf32>
      return %0 : tensor<3x5xf32>
    }"""
    with pytest.raises(ExecutionError, match=r"operand shapes of 'linalg\.matmul' disagree"):
        run(text, floats(3, 4), floats(2, 5), floats(3, 5))


def test_integer_matmul_is_exact(run):
    text = """func.func @main(%a: tensor<3x400xi8>, %b: tensor<400x2xi8>, %c: tensor<3x2xi32>) -> tensor<3x2xi32> {
      %0 = linalg.matmul ins(%a, %b : tensor<3x400xi8>, tensor<400x2xi8>) outs(%c : tensor<3x2xi32>) -> tensor<3x2xi32>
      return %0 : tensor<3x2xi32>
    }"""
    a, b = (RANDOM.integers(-128, 128, shape, dtype=np.int8) for shape in ((3, 400), (400, 2)))
    c = np.full((3, 2), 2**31 - 1, np.int32)
    assert (run(text, a, b, c)[0] == c + a.astype(np.int32) @ b.astype(np.int32)).all()


def test_wide_integers_wrap(run):
    text = """func.func @main(%a: tensor<1x2xi64>, %b: tensor<2x1xi64>, %c: tensor<1x1xi64>) -> tensor<1x1xi64> {
      %0 = linalg.matmul ins(%a, %b : tensor<1x2xi64>, tensor<2x1xi64>) outs(%c : tensor<1x1xi64>) -> tensor<1x1xi64>
      return %0 : tensor<1x1xi64>
    }"""
    a, b = np.array([[2**62, 1]]), np.array([[4], [5]])
    assert run(text, a, b, np.zeros((1, 1), np.int64))[0][0, 0] == 5


def test_bfloat16_matmul_rounds_each_step(run):
    text = """func.func @main(%a: tensor<1x3xbf16>, %b: tensor<3x1xbf16>, %c: tensor<1x1xbf16>) -> tensor<1x1xbf16> {
      %0 = linalg.matmul ins(%a, %b : tensor<1x3xbf16>, tensor<3x1xbf16>) outs(%c : tensor<1x1xbf16>)
        -> tensor<1x1xbf16>
      return %0 : tensor<1x1xbf16>
    }"""
    a = np.array([[256, 1, 1]], ml_dtypes.bfloat16)
    b = np.ones((3, 1), ml_dtypes.bfloat16)
    assert run(text, a, b, np.zeros((1, 1), ml_dtypes.bfloat16))[0][0, 0] == 256.0


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_convolution(run, stride, dilation):
    size = (9 - dilation * 2 - 1) // stride + 1
    out = f"tensor<2x4x{size}x{size}xf32>"
    text = f"""func.func @main(%x: tensor<2x3x9x9xf32>, %w: tensor<4x3x3x3xf32>, %o: {out}) -> {out} {{
      %0 = linalg.conv_2d_nchw_fchw {{strides = dense<{stride}> : tensor<2xi64>,
          dilations = dense<{dilation}> : tensor<2xi64>}}
        ins(%x, %w : tensor<2x3x9x9xf32>, tensor<4x3x3x3xf32>) outs(%o : {out}) -> {out}
      return %0 : {out}
    }}"""
    x, w = floats(2, 3, 9, 9), floats(4, 3, 3, 3)
    wanted = torch.nn.functional.conv2d(torch.tensor(x), torch.tensor(w), stride=stride, dilation=dilation).numpy()
    assert np.allclose(run(text, x, w, np.zeros_like(wanted))[0], wanted, atol=1e-4)


def test_depthwise_convolution(run):
    text = """func.func @main(%x: tensor<1x4x6x6xf32>, %w: tensor<4x3x3xf32>, %o: tensor<1x4x4x4xf32>)
        -> tensor<1x4x4x4xf32> {
      %0 = linalg.depthwise_conv_2d_nchw_chw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x4x6x6xf32>, tensor<4x3x3xf32>) outs(%o : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
      return %0 : tensor<1x4x4x4xf32>
    }"""
    x, w = floats(1, 4, 6, 6), floats(4, 3, 3)
    wanted = torch.nn.functional.conv2d(torch.tensor(x), torch.tensor(w)[:, None], groups=4).numpy()
    assert np.allclose(run(text, x, w, np.zeros_like(wanted))[0], wanted, atol=1e-5)


def test_grouped_convolution(run):
    text = """func.func @main(%x: tensor<1x2x3x6x6xf32>, %w: tensor<2x5x3x3x3xf32>, %o: tensor<1x2x5x4x4xf32>)
        -> tensor<1x2x5x4x4xf32> {
      %0 = linalg.conv_2d_ngchw_gfchw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x2x3x6x6xf32>, tensor<2x5x3x3x3xf32>) outs(%o : tensor<1x2x5x4x4xf32>)
        -> tensor<1x2x5x4x4xf32>
      return %0 : tensor<1x2x5x4x4xf32>
    }"""
    x, w = floats(1, 2, 3, 6, 6), floats(2, 5, 3, 3, 3)
    wanted = torch.nn.functional.conv2d(
        torch.tensor(x).reshape(1, 6, 6, 6), torch.tensor(w).reshape(10, 3, 3, 3), groups=2
    )
    result = run(text, x, w, np.zeros((1, 2, 5, 4, 4), np.float32))[0]
    assert np.allclose(result, wanted.numpy().reshape(1, 2, 5, 4, 4), atol=1e-4)


def test_max_pooling(run):
    text = """func.func @main(%x: tensor<1x2x6x6xf32>, %k: tensor<3x3xf32>, %o: tensor<1x2x2x2xf32>)
        -> tensor<1x2x2x2xf32> {
      %0 = linalg.pooling_nchw_max {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %k : tensor<1x2x6x6xf32>, tensor<3x3xf32>) outs(%o : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
      return %0 : tensor<1x2x2x2xf32>
    }"""
    x = floats(1, 2, 6, 6)
    start = np.full((1, 2, 2, 2), -np.inf, np.float32)
    wanted = torch.nn.functional.max_pool2d(torch.tensor(x), 3, stride=2).numpy()
    assert (run(text, x, np.zeros((3, 3), np.float32), start)[0] == wanted).all()


def test_transpose_broadcast_reduce_and_map(run):
    text = """func.func @main(%a: tensor<2x3xf32>)
        -> (tensor<3x2xf32>, tensor<2x4x3xf32>, tensor<2xf32>, tensor<2x3xf32>) {
      %e0 = tensor.empty() : tensor<3x2xf32>
      %0 = linalg.transpose ins(%a : tensor<2x3xf32>) outs(%e0 : tensor<3x2xf32>) permutation = [1, 0]
      %e1 = tensor.empty() : tensor<2x4x3xf32>
      %1 = linalg.broadcast ins(%a : tensor<2x3xf32>) outs(%e1 : tensor<2x4x3xf32>) dimensions = [1]
      %zero = arith.constant dense<0.0> : tensor<2xf32>
      %2 = linalg.reduce { arith.addf } ins(%a : tensor<2x3xf32>) outs(%zero : tensor<2xf32>) dimensions = [1]
      %e3 = tensor.empty() : tensor<2x3xf32>
      %3 = linalg.map { math.absf } ins(%a : tensor<2x3xf32>) outs(%e3 : tensor<2x3xf32>)
      return %0, %1, %2, %3 : tensor<3x2xf32>, tensor<2x4x3xf32>, tensor<2xf32>, tensor<2x3xf32>
    }"""
    a = floats(2, 3)
    transposed, wide, total, positive = run(text, a)
    assert (transposed == a.T).all()
    assert (wide == np.repeat(a[:, None], 4, axis=1)).all()
    assert np.allclose(total, a.sum(1), atol=1e-6)
    assert (positive == abs(a)).all()


def test_softmax(run):
    text = """func.func @main(%a: tensor<2x3xf32>, %o: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = linalg.softmax dimension(1) ins(%a : tensor<2x3xf32>) outs(%o : tensor<2x3xf32>) -> tensor<2x3xf32>
      return %0 : tensor<2x3xf32>
    }"""
    a = floats(2, 3)
    assert np.allclose(run(text, a, a)[0], torch.softmax(torch.tensor(a), 1).numpy(), atol=1e-6)


def test_pack_pads_and_unpack_crops(run):
    text = """func.func @main(%a: tensor<5x6xf32>) -> (tensor<3x3x2x2xf32>, tensor<5x6xf32>) {
      %pad = arith.constant 9.0 : f32
      %e = tensor.empty() : tensor<3x3x2x2xf32>
      %p = linalg.pack %a padding_value(%pad : f32) outer_dims_perm = [1, 0] inner_dims_pos = [1, 0]
        inner_tiles = [2, 2] into %e : tensor<5x6xf32> -> tensor<3x3x2x2xf32>
      %f = tensor.empty() : tensor<5x6xf32>
      %u = linalg.unpack %p outer_dims_perm = [1, 0] inner_dims_pos = [1, 0] inner_tiles = [2, 2] into %f
        : tensor<3x3x2x2xf32> -> tensor<5x6xf32>
      return %p, %u : tensor<3x3x2x2xf32>, tensor<5x6xf32>
    }"""
    a = floats(5, 6)
    packed, unpacked = run(text, a)
    full = np.full((6, 6), 9.0, np.float32)
    full[:5] = a
    for i, j, k, m in itertools.product(range(3), range(3), range(2), range(2)):
        assert packed[i, j, k, m] == full[j * 2 + m, i * 2 + k]
    assert (unpacked == a).all()


@pytest.mark.parametrize("sizes", [(1, 1), (2, 3), (4, 6), (5, 7), (3, 2), (0, 4), (9, 1)])
@pytest.mark.parametrize(("positions", "tiles"), [([0], [2]), ([1], [3]), ([1, 0], [3, 2]), ([0, 1], [4, 1])])
def test_pack_of_ragged_sizes_into_a_tensor_and_into_a_buffer(run, sizes, positions, tiles):
    outer = [-(-size // dict(zip(positions, tiles, strict=True)).get(dim, 1)) for dim, size in enumerate(sizes)]
    target = "x".join(map(str, [outer[1], outer[0], *tiles]))
    text = f"""func.func @main(
        %a: tensor<?x?xf32>, %e: tensor<{target}xf32>, %b: memref<?x?xf32>, %m: memref<{target}xf32>)
        -> tensor<{target}xf32> {{
      %pad = arith.constant 9.0 : f32
      %p = linalg.pack %a padding_value(%pad : f32) outer_dims_perm = [1, 0] inner_dims_pos = {positions}
        inner_tiles = {tiles} into %e : tensor<?x?xf32> -> tensor<{target}xf32>
      linalg.pack %b padding_value(%pad : f32) outer_dims_perm = [1, 0] inner_dims_pos = {positions}
        inner_tiles = {tiles} into %m : memref<?x?xf32> -> memref<{target}xf32>
      return %p : tensor<{target}xf32>
    }}"""
    a = floats(*sizes)
    expected = np.full([outer[1], outer[0], *tiles], 9.0, np.float32)
    for place in itertools.product(*map(range, sizes)):
        block, inner = list(place), [0] * len(tiles)
        for i, (dim, tile) in enumerate(zip(positions, tiles, strict=True)):
            block[dim], inner[i] = divmod(place[dim], tile)
        expected[(block[1], block[0], *inner)] = a[place]
    buffer = np.zeros_like(expected)
    packed = run(text, a, np.zeros_like(expected), a.copy(), buffer)[0]
    assert (packed == expected).all()
    assert (buffer == expected).all()


def test_pack_of_whole_tiles_into_a_tensor_that_others_read(run):
    text = """func.func @main(%a: tensor<4x6xf32>) -> (tensor<2x2x3x2xf32>, tensor<2x2x3x2xf32>, tensor<2x2x3x2xf32>) {
      %one = arith.constant 1.0 : f32
      %e = tensor.empty() : tensor<2x2x3x2xf32>
      %p = linalg.pack %a inner_dims_pos = [1, 0] inner_tiles = [3, 2] into %e
        : tensor<4x6xf32> -> tensor<2x2x3x2xf32>
      %o = linalg.fill ins(%one : f32) outs(%e : tensor<2x2x3x2xf32>) -> tensor<2x2x3x2xf32>
      %u = tensor.empty() : tensor<2x2x3x2xf32>
      %q = linalg.pack %a inner_dims_pos = [1, 0] inner_tiles = [3, 2] into %u
        : tensor<4x6xf32> -> tensor<2x2x3x2xf32>
      return %p, %o, %q : tensor<2x2x3x2xf32>, tensor<2x2x3x2xf32>, tensor<2x2x3x2xf32>
    }"""
    a = floats(4, 6)
    before = a.copy()
    packed, ones, again = run(text, a)
    expected = a.reshape(2, 2, 2, 3).transpose(0, 2, 3, 1)
    assert (packed == expected).all()
    assert (again == expected).all()
    assert (ones == 1).all()
    assert (a == before).all()
    assert not np.shares_memory(packed, a)
