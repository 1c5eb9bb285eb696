"""Trains the networks, compiles each to hardware, and runs the test set through the simulated hardware in one go.

python run.py [NETWORK ...]
"""

from __future__ import annotations

import sys
import time

import torch
from networks import NETWORKS, Network, samples, test_set, trained

import stepwell


def run(name: str, network: Network, bits: int = 8) -> None:
    """One network; prints what came of it."""
    start = time.perf_counter()
    model = trained(network)
    training = time.perf_counter() - start
    calls, labels = test_set(network)
    target = f"hls,bits={bits}"
    start = time.perf_counter()
    hardware, reference = (
        stepwell.compile(model, calls[0], target=each, calibration=samples(network))
        for each in (target, f"{target},simulator=interpreter")
    )
    compiling = time.perf_counter() - start
    start = time.perf_counter()
    results = torch.cat(hardware.run_all(calls))
    simulating = time.perf_counter() - start
    exact = torch.equal(results, torch.cat(reference.run_all(calls)))
    with torch.no_grad():
        floats = model(torch.cat([x for (x,) in calls]))
    accuracies = [float((scores.argmax(1) == labels).float().mean()) for scores in (floats, results)]
    count = len(calls)
    cycles, bound = hardware.cycles / count, hardware.facts["cycles_bound"] / count
    print(f"{name}, trained in {training:.1f} s, compiled twice in {compiling:.1f} s, simulated in {simulating:.1f} s")
    print(f"  accuracy {accuracies[0]:.3f} in float, {accuracies[1]:.3f} in hardware of {bits} bits")
    print(f"  {count} pictures {'bit for bit' if exact else 'NOT'} those of the reference")
    print(f"  {cycles:.1f} cycles a picture, {bound:.0f} by the slowest component")
    if not exact:
        sys.exit(1)


if __name__ == "__main__":
    for chosen in sys.argv[1:] or NETWORKS:
        run(chosen, NETWORKS[chosen])
