"""What a schedule database knows a product by."""

from __future__ import annotations

from stepwell.backends.cuda.kernels.products.facts import Product
from stepwell.passes.schedules.base import Key, spell


def product_key(product: Product, kind: str) -> Key:
    """Sizes, which matrices lie column by column (``turned``, bits of left and right), and the window of images."""
    batch, rows, columns, depth = product.static
    window = product.window
    turned = product.left_transposed + 2 * product.right_transposed
    text = spell(
        batch=() if batch == 1 else (batch,),
        rows=rows,
        columns=columns,
        depth=depth,
        turned=(turned,) if turned else (),
        taps=() if window is None else window.size,
        strides=() if window is None else window.strides,
        dilations=() if window is None else window.dilations,
        image=() if window is None else window.image,
    )
    return Key(kind, text, f"{product.element},{product.result}")
