"""What passed some steps ago: memory rather than registers where it is long."""

from __future__ import annotations

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.counter import Counter


class DelayLine:
    """``depth`` words of ``width`` bits, fed by :meth:`feed`.

    Attributes:
        output: what entered ``depth`` steps ago.
    """

    def __init__(self, circuit: Circuit, name: str, depth: int, width: int) -> None:
        self._circuit, self._name, self._depth = circuit, name, depth
        self.output = circuit.register(f"{name}_out", width)

    def feed(self, word: Wire, step: Wire) -> None:
        """Enter ``word`` at clock edges where ``step`` holds."""
        c = self._circuit
        if self._depth == 1:
            c.drive(self.output, word, step, reset=False)
            return
        # The register behind the memory, which lets it be block RAM, is one step.
        slot = Counter(c, f"{self._name}_slot", self._depth - 1)
        memory = c.memory(self._name, self._depth - 1, word.width)
        c.drive(self.output, c.read(memory, slot.value), step, reset=False)
        c.write(memory, slot.value, word, step)
        slot.advance(step)
