"""What a convolution reads of images with channels last: the left matrix of its product, which lies nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.backends.cuda.kernels.word import Word

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """Row ``(n, y, x)`` and column ``(i, j, c)`` of the left matrix are ``image[n, y * stride - before + i * dilation,
    x ..., c]``, zero outside of the image.

    Attributes:
        image: rows and columns of an image.
        result: of the result.
        size: taps below and beside each other.
        strides, dilations, before: down and across.
        channels: of a tap.
        steps: elements from image to image, row to row and pixel to pixel.
    """

    image: Pair
    result: Pair
    size: Pair
    strides: Pair
    dilations: Pair
    before: Pair
    channels: int
    steps: tuple[int, int, int]

    @property
    def taps(self) -> int:
        """How many there are."""
        return self.size[0] * self.size[1]

    @property
    def pixels(self) -> int:
        """Of a result."""
        return self.result[0] * self.result[1]

    @property
    def corners(self) -> tuple[Pair, Pair]:
        """Where the first tap is for the first pixel, and for the last one counted from the image's last."""
        lower = (-self.before[0], -self.before[1])
        upper = [
            (count - 1) * stride - before - (size - 1)
            for count, stride, before, size in zip(self.result, self.strides, self.before, self.image, strict=True)
        ]
        return lower, (upper[0], upper[1])

    def joined(self, most: int) -> Window:
        """The taps of a row as one, with the channels of all, where these lie side by side and are ``most`` at most."""
        (rows, columns), (_, step) = self.size, self.strides
        side_by_side = self.dilations[1] == 1 and self.channels == self.steps[2] and self.before[1] == 0
        inside = (self.result[1] - 1) * step + columns <= self.image[1]
        if columns == 1 or columns * self.channels > most or not side_by_side or not inside:
            return self
        return Window(
            (self.image[0], self.result[1]),
            self.result,
            (rows, 1),
            (self.strides[0], 1),
            (self.dilations[0], 1),
            (self.before[0], 0),
            columns * self.channels,
            (*self.steps[:2], step * self.steps[2]),
        )

    def pixel(self, row: Word) -> tuple[Word, Word, Word]:
        """Image, and row and column of the first tap, of a row of the matrix; in front of the edge they wrap around."""
        number = row // self.pixels
        rest = row % self.pixels
        y, x = rest // self.result[1], rest % self.result[1]
        return number, y * self.strides[0] - self.before[0], x * self.strides[1] - self.before[1]

    def tap(self, number: Word) -> tuple[Word, Word]:
        """Row and column of a tap, from the first one."""
        return number // self.size[1] * self.dilations[0], number % self.size[1] * self.dilations[1]
