"""The short way from Python to the GPU: for tensors that lie there, of shapes that ran before."""

from __future__ import annotations

import weakref

import torch

from stepwell.backends.cuda.places import ALIGNMENT
from stepwell.backends.cuda.plan import Plan
from stepwell.backends.cuda.session import CudaSession
from stepwell.support.dtypes import torch_dtype
from stepwell.support.signature import Signature


class Direct:
    """Called with an entry's inputs it gives the results, or None for what takes the longer way: nothing ran then."""

    def __init__(self, session: CudaSession, entry: str, plan: Plan, signature: Signature) -> None:
        self._session, self._entry = weakref.ref(session), entry  # which has this
        self._dtypes = [torch_dtype(spec.dtype) for spec in signature.inputs]
        self._inputs = [(n, buffer.index) for n, buffer in enumerate(plan.buffers) if buffer.kind == "input"]
        self._device = torch.device("cuda")
        self._results = [
            (n, plan.root(n), torch_dtype(s.dtype)) for s, n in zip(signature.results, plan.results, strict=True)
        ]
        roots = [root for _, root, _ in self._results]
        fresh = all(plan.buffers[root].kind == "temporary" for root in roots) and len(set(roots)) == len(roots)
        self._simple = fresh and not plan.states and bool(self._inputs)

    def __call__(self, *args: torch.Tensor) -> list[torch.Tensor] | None:
        if not self._simple or len(args) != len(self._dtypes):
            return None
        for tensor, dtype in zip(args, self._dtypes, strict=True):
            if type(tensor) is not torch.Tensor or tensor.dtype is not dtype or not tensor.is_cuda:
                return None
            if tensor.requires_grad or not tensor.is_contiguous():
                return None
        session = self._session()
        assert session is not None
        # A torch.Size is equal to the tuple of its numbers, and has its hash.
        instance = session.instances.get((self._entry, tuple([tensor.shape for tensor in args])))
        stream = torch._C._cuda_getCurrentRawStream(args[0].get_device())
        if instance is None or stream != session.stream:
            return None
        external = {number: args[place].data_ptr() for number, place in self._inputs}
        if any(address % ALIGNMENT for address in external.values()):
            return None
        results = []
        for number, root, dtype in self._results:
            result = torch.empty(instance.shapes[number], dtype=dtype, device=self._device)
            external[root] = result.data_ptr()
            results.append(result)
        instance.run(stream, external)
        return results
