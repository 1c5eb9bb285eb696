"""The short way from Python to the GPU: for tensors that lie there, of shapes that ran before."""

from __future__ import annotations

import weakref

import torch

from stepwell.backends.cuda.plan import Plan
from stepwell.backends.cuda.session import CudaSession
from stepwell.support.dtypes import torch_dtype
from stepwell.support.signature import Signature


class Direct:
    """Called with an entry's inputs it gives the results, or None for what takes the longer way: nothing ran then."""

    def __init__(self, session: CudaSession, entry: str, plan: Plan, signature: Signature) -> None:
        self._session, self._entry = weakref.ref(session), entry  # which has this
        self._dtypes = [torch_dtype(spec.dtype) for spec in signature.inputs]
        self._inputs = [n for n, buffer in enumerate(plan.buffers) if buffer.kind == "input"]
        self._places = [plan.buffers[number].index for number in self._inputs]
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
            if type(tensor) is not torch.Tensor or not tensor.is_cuda or tensor.dtype is not dtype:
                return None
            if not tensor.is_contiguous() or tensor.requires_grad or tensor.is_conj():
                return None
        session = self._session()
        assert session is not None
        instance = session.instances.get((self._entry, tuple(tuple(tensor.shape) for tensor in args)))
        stream = torch.cuda.current_stream().cuda_stream
        if instance is None or stream != session.stream:
            return None
        external = {number: args[place].data_ptr() for number, place in zip(self._inputs, self._places, strict=True)}
        results = []
        for number, root, dtype in self._results:
            result = torch.empty(instance.shapes[number], dtype=dtype, device="cuda")
            external[root] = result.data_ptr()
            results.append(result)
        instance.run(stream, external)
        return results
