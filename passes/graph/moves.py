"""Operators of aten that compute nothing."""

from __future__ import annotations

MOVES = frozenset({
    "_assert_tensor_metadata", "_reshape_alias", "_to_copy", "_unsafe_index", "_unsafe_view", "alias", "as_strided",
    "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "broadcast_to", "cat", "chunk", "clone",
    "constant_pad_nd", "contiguous", "copy", "detach", "diagonal", "embedding", "empty", "empty_like", "expand",
    "fill", "flatten", "flip", "full", "full_like", "gather", "index", "index_put", "index_select", "item",
    "lift_fresh_copy", "masked_fill", "narrow", "new_empty", "new_full", "new_ones", "new_zeros", "numel", "ones",
    "ones_like", "pad", "permute", "repeat", "reshape", "roll", "scatter", "select", "select_scatter", "size",
    "slice", "slice_scatter", "split", "split_with_sizes", "squeeze", "stack", "t", "tile", "to", "transpose", "tril",
    "triu", "type_as", "unbind", "unflatten", "unfold", "unsqueeze", "view", "where", "zero", "zeros", "zeros_like",
})  # fmt: skip
"""Names without overload of those that move or copy elements, or work on bits: right for every type of elements."""
