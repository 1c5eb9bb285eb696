"""Sessions: results, states, dynamic outputs, failures, memory, threads."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from stepwell.support import parameter_file
from stepwell.support.errors import ArtifactError, ExecutionError, UsageError
from stepwell.support.native import NativeModel, Session
from stepwell.support.parameters import ParameterStore

WEIGHT = torch.tensor([1.0, 2, 3, 4])


@pytest.mark.parametrize("rows", [0, 1, 7, 1000])
def test_dynamic_rows(session: Session, rows: int) -> None:
    x = torch.randn(rows, 4)
    (y,) = session.run("add", [x])
    assert torch.equal(y, x + WEIGHT)


def test_results_are_fresh(session: Session) -> None:
    x = torch.ones(2, 4)
    (first,) = session.run("add", [x])
    (second,) = session.run("add", [x + 1])
    assert torch.equal(first, x + WEIGHT)
    assert torch.equal(second, x + 1 + WEIGHT)


def test_strided_and_misaligned_inputs_are_copied(session: Session) -> None:
    x = torch.randn(4, 6).t()[:, :]
    assert torch.equal(session.run("add", [x])[0], x + WEIGHT)
    expanded = torch.randn(1, 4).expand(5, 4)
    assert torch.equal(session.run("add", [expanded])[0], expanded + WEIGHT)
    raw = torch.zeros(33, dtype=torch.uint8)
    misaligned = torch.frombuffer(memoryview(raw.numpy())[1:], dtype=torch.float32).reshape(2, 4)
    assert torch.equal(session.run("add", [misaligned])[0], misaligned + WEIGHT)


def test_negated_view_is_resolved(session: Session) -> None:
    x = torch.randn(3, 4, dtype=torch.complex64).conj().imag
    assert x.is_neg()
    assert torch.equal(session.run("add", [x])[0], x + WEIGHT)


def test_size_known_only_at_run_time(session: Session) -> None:
    x = torch.tensor([-1.0, 2, -3, 4, 5])
    assert session.run("positive", [x])[0].tolist() == [2, 4, 5]
    assert session.run("positive", [-x])[0].tolist() == [1, 3]
    assert session.run("positive", [torch.zeros(3)])[0].shape == (0,)


def test_state_lives_in_its_session(model: NativeModel, session: Session) -> None:
    x = torch.tensor([1.0, 2])
    assert session.run("count", [x])[0].tolist() == [11, 22]
    assert session.run("count", [x])[0].tolist() == [12, 24]
    assert model.session().run("count", [x])[0].tolist() == [11, 22]
    copy = session.clone()
    assert copy.run("count", [x])[0].tolist() == [13, 26]
    assert session.state("total").tolist() == [12, 24]
    session.reset()
    assert session.state("total").tolist() == [10, 20]


def test_state_view_writes_through_and_outlives_its_session(model: NativeModel) -> None:
    session = model.session()
    total = session.state("total")
    total.zero_()
    assert session.run("count", [torch.ones(2)])[0].tolist() == [1, 1]
    del session
    gc.collect()
    assert total.tolist() == [1, 1]


def test_unknown_names(session: Session) -> None:
    with pytest.raises(UsageError, match="no state called 'nothing'"):
        session.state("nothing")
    with pytest.raises(UsageError, match="no entry 'nothing'") as error:
        session.run("nothing", [])
    assert "add, count" in str(error.value)


def test_failed_assertion_ends_the_run_only(session: Session) -> None:
    bad = torch.tensor([1.0, 101])
    for _ in range(3):
        with pytest.raises(ExecutionError, match="an element is above 100"):
            session.run("positive", [bad])
    assert session.statistics()["live_bytes"] == 0
    assert session.run("positive", [torch.ones(2)])[0].tolist() == [1, 1]


def test_out_of_memory_is_an_error(session: Session) -> None:
    with pytest.raises(ExecutionError, match="out of memory: a temporary of 1152921504606846976 bytes"):
        session.run("huge", [])


def test_failing_allocator_reaches_the_caller(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.run("positive", [torch.ones(2)])

    def refuse(*args: object, **kwargs: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(torch, "empty", refuse)
    with pytest.raises(MemoryError, match="no room"):
        session.run("positive", [torch.ones(2)])


def test_steady_state_takes_no_memory(session: Session) -> None:
    x, vector = torch.randn(50, 4), torch.randn(60)
    for _ in range(2):
        session.run("add", [x])
        session.run("positive", [vector])
    before = session.statistics()
    for _ in range(5):
        session.run("add", [x])
        session.run("positive", [vector])
    after = session.statistics()
    assert after["runs"] == before["runs"] + 10
    assert after["system_allocations"] == before["system_allocations"]
    assert after["live_bytes"] == 0


def test_unused_blocks_are_given_back(session: Session) -> None:
    session.run("add", [torch.randn(1000, 4)])
    assert session.statistics()["cached_bytes"] >= 16000
    for _ in range(20):
        session.run("add", [torch.randn(1, 4)])
    assert session.statistics()["cached_bytes"] < 1000


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_parallel_loop(model: NativeModel, session: Session, threads: int) -> None:
    model.set_threads(threads)
    for size in (2, 9, 1000, 12345):
        x = torch.randn(size)
        assert torch.equal(session.run("square", [x])[0], x * x)


def test_failure_in_a_loop_body_on_any_thread(model: NativeModel, session: Session) -> None:
    model.set_threads(4)
    x = torch.ones(10000)
    for position in (0, 5000, 9999):
        bad = x.clone()
        bad[position] = 2000
        with pytest.raises(ExecutionError, match="an element is above 1000"):
            session.run("square", [bad])
        assert session.statistics()["live_bytes"] == 0
    assert torch.equal(session.run("square", [x])[0], x)


def test_number_of_threads_is_checked(model: NativeModel) -> None:
    with pytest.raises(UsageError, match=r"threads must be 0 \(all cores\) to 256, not -1"):
        model.set_threads(-1)


def test_threads_with_sessions_of_their_own(model: NativeModel) -> None:
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            session = model.session()
            generator = torch.Generator().manual_seed(seed)
            for i in range(1, 60):
                x = torch.randn(i, 4, generator=generator)
                assert torch.equal(session.run("add", [x])[0], x + WEIGHT)
                assert torch.equal(session.run("square", [x[:, :1].reshape(-1).repeat(2)])[0][:1], x[0, :1] ** 2)
                assert session.run("count", [torch.ones(2)])[0].tolist() == [10 + i, 20 + i]
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_session_serves_one_thread_at_a_time(session: Session) -> None:
    session._lock.acquire()
    with pytest.raises(UsageError, match="running in another thread"):
        session.run("add", [torch.ones(1, 4)])
    session._lock.release()


def test_session_outlives_its_model(code: Path, parameters: Path) -> None:
    session = NativeModel.open(code, parameters).session()
    gc.collect()
    assert session.run("count", [torch.ones(2)])[0].tolist() == [11, 21]


def test_code_in_this_process(code: Path, parameters: Path) -> None:
    library = ctypes.CDLL(str(code))
    address = ctypes.addressof(ctypes.c_char.in_dll(library, "stepwell_model"))
    model = NativeModel.at(address, parameters, keep=library)
    assert model.entries == ["add", "count", "positive", "square", "pair", "huge"]
    assert model.session().run("count", [torch.ones(2)])[0].tolist() == [11, 21]


def test_call_overhead(session: Session) -> None:
    x = torch.ones(2)
    session.run("count", [x])

    def seconds() -> float:
        start = time.perf_counter()
        for _ in range(200):
            session.run("count", [x])
        return (time.perf_counter() - start) / 200

    assert min(seconds() for _ in range(20)) < 50e-6


def test_other_weights_from_the_next_run_on(
    code: Path, parameters: Path, store: ParameterStore, tmp_path: Path
) -> None:
    model = NativeModel.open(code, parameters)
    session, x = model.session(), torch.ones(2, 4)
    session.run("count", [torch.ones(2)])
    store.add("w", lambda: np.array([5, 6, 7, 8], np.float32))
    store.add("state:total", lambda: np.array([1, 2], np.float32))
    parameter_file.write(tmp_path / "other.safetensors", store)
    model.rebind(tmp_path / "other.safetensors")
    assert session.run("add", [x])[0][0].tolist() == [6, 7, 8, 9]
    assert session.state("total").tolist() == [11, 21], "states go on"
    session.reset()
    assert session.state("total").tolist() == [1, 2]
    assert model.session().state("total").tolist() == [1, 2]
    store.add("w", lambda: np.zeros(3, np.float32))
    parameter_file.write(tmp_path / "short.safetensors", store)
    with pytest.raises(ArtifactError, match="'w' has 12 bytes, the code expects 16"):
        model.rebind(tmp_path / "short.safetensors")
    assert session.run("add", [x])[0][0].tolist() == [6, 7, 8, 9]
