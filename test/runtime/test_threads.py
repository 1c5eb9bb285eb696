"""Compiled models on the runtime's threads: the same bits from any number of them, and no harm to others."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import stepwell
from stepwell.driver.executable import Executable

MODELS: dict[str, Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]] = {}


def model(
    make: Callable[[], tuple[nn.Module, tuple[Tensor, ...]]],
) -> Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]:
    MODELS[make.__name__] = make
    return make


@model
def perceptron() -> tuple[nn.Module, tuple[Tensor, ...]]:
    layers = nn.Sequential(nn.Linear(256, 515), nn.GELU(), nn.LayerNorm(515), nn.Linear(515, 130), nn.Softmax(-1))
    return layers.eval(), (torch.randn(197, 256),)


@model
def convolutions() -> tuple[nn.Module, tuple[Tensor, ...]]:
    layers = nn.Sequential(
        nn.Conv2d(3, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(24, 33, 3)
    )
    return layers.eval(), (torch.randn(2, 3, 57, 57),)


@model
def attention() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return nn.TransformerEncoderLayer(96, 4, 200, batch_first=True).eval(), (torch.randn(2, 63, 96),)


@model
def recurrent() -> tuple[nn.Module, tuple[Tensor, ...]]:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.LSTM(64, 256, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.inner(x)[0]
            return out

    return Last().eval(), (torch.randn(9, 5, 64),)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    stepwell.set_threads(0)


@pytest.fixture(scope="module")
def compiled() -> Callable[[str], tuple[Executable, tuple[Tensor, ...], Tensor]]:
    known: dict[str, tuple[Executable, tuple[Tensor, ...], Tensor]] = {}

    def get(name: str) -> tuple[Executable, tuple[Tensor, ...], Tensor]:
        if name not in known:
            torch.manual_seed(0)
            made, args = MODELS[name]()
            executable = stepwell.compile(made, args)
            stepwell.set_threads(1)
            known[name] = executable, args, executable(*args)
            with torch.no_grad():
                torch.testing.assert_close(known[name][2], made(*args), rtol=1e-3, atol=1e-4)
        return known[name]

    return get


Compiled = Callable[[str], tuple[Executable, tuple[Tensor, ...], Tensor]]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_same_bits(compiled: Compiled, name: str, threads: int) -> None:
    executable, args, expected = compiled(name)
    stepwell.set_threads(threads)
    assert stepwell.threads() == threads
    for _ in range(5):
        assert torch.equal(executable(*args), expected)


def test_several_models_in_several_threads(compiled: Compiled) -> None:
    work = [compiled(name) for name in MODELS]
    stepwell.set_threads(3)
    wrong: list[str] = []

    def run(executable: Executable, args: tuple[Tensor, ...], expected: Tensor) -> None:
        session = executable.new_session()
        for _ in range(20):
            if not torch.equal(session(*args), expected):
                wrong.append("another result")

    users = [threading.Thread(target=run, args=item) for item in work * 2]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert not wrong


def test_the_number_may_change_meanwhile(compiled: Compiled) -> None:
    executable, args, expected = compiled("perceptron")
    stop = threading.Event()

    def change() -> None:
        count = 0
        while not stop.is_set():
            count = count % 4 + 1
            stepwell.set_threads(count)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        assert all(torch.equal(executable(*args), expected) for _ in range(50))
    finally:
        stop.set()
        changer.join()


def test_after_a_fork(compiled: Compiled) -> None:
    executable, args, expected = compiled("perceptron")
    stepwell.set_threads(3)
    assert torch.equal(executable(*args), expected)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=lambda: answers.put(torch.equal(executable(*args), expected)))
    child.start()
    child.join(60)
    assert child.exitcode == 0 and answers.get()
    assert torch.equal(executable(*args), expected)


def test_artifacts_share_the_pool(compiled: Compiled, tmp_path: Path) -> None:
    executable, args, expected = compiled("attention")
    executable.save(tmp_path / "one")
    executable.save(tmp_path / "two")
    stepwell.set_threads(3)
    before = threading_count()
    loaded = [stepwell.load(tmp_path / name) for name in ("one", "two")]
    for _ in range(5):
        for each in loaded:
            assert torch.equal(each(*args), expected)
    assert threading_count() <= before + 2


def threading_count() -> int:
    """Threads of this process, those of C included, when the number has settled.

    The kernel may still count a thread that Python has joined: twice in 3000, and the compiler's own end like that.
    """
    counts = [-1]
    while len(counts) < 10 or len(set(counts[-10:])) > 1:
        counts.append(len(list(Path("/proc/self/task").iterdir())))
        time.sleep(0.005)
    return counts[-1]


def kept_on(thread: str) -> set[int]:
    """The cores that a thread may run on."""
    return os.sched_getaffinity(int(thread))


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core has no other")
def test_a_worker_makes_way_for_the_caller(compiled: Compiled) -> None:
    """Each thread has a core of its own, also when the caller comes to run where a worker is kept."""
    _, args, expected = compiled("perceptron")
    torch.manual_seed(0)
    made, _ = MODELS["perceptron"]()
    cores = os.sched_getaffinity(0)
    executable = stepwell.compile(made, args, target=f"cpu,threads={len(cores)}")
    stepwell.set_threads(1)  # the threads of other tests end
    before = set(os.listdir("/proc/self/task"))
    executable(*args)
    workers = set(os.listdir("/proc/self/task")) - before
    kept = [kept_on(worker) for worker in workers]
    assert len(kept) == len(cores) - 1 and all(len(own) == 1 for own in kept)
    assert len(set().union(*kept)) == len(kept)
    try:
        os.sched_setaffinity(0, kept[0])  # the caller alone
        assert torch.equal(executable(*args), expected)
        assert all(kept_on(worker) != kept[0] for worker in workers)
        assert len(set().union(*map(kept_on, workers))) == len(kept)
    finally:
        os.sched_setaffinity(0, cores)


def test_a_model_with_a_number_of_its_own(compiled: Compiled) -> None:
    _, args, expected = compiled("perceptron")
    torch.manual_seed(0)
    made, _ = MODELS["perceptron"]()
    stepwell.set_threads(1)
    for threads in (1, 4):
        executable = stepwell.compile(made, args, target=f"cpu,threads={threads}")
        before = threading_count()
        assert torch.equal(executable(*args), expected)
        assert threading_count() - before == threads - 1


def test_refused_numbers() -> None:
    with pytest.raises(stepwell.Error, match=r"threads must be 0 \(all cores\) to 256, not 257"):
        stepwell.set_threads(257)
    with pytest.raises(stepwell.Error, match="threads=-2 can't be had"):
        stepwell.compile(nn.ReLU(), (torch.randn(3),), target="cpu,threads=-2")


def test_a_failed_check_ends_the_call(compiled: Compiled) -> None:
    embedding = nn.Sequential(nn.Embedding(50, 300), nn.Tanh()).eval()
    ids = torch.randint(0, 50, (64, 40))
    executable = stepwell.compile(embedding, (ids,))
    stepwell.set_threads(3)
    expected = executable(ids)
    for position in (0, 31, 63):
        wrong = ids.clone()
        wrong[position, 7] = 50
        with pytest.raises(stepwell.Error, match="index"):
            executable(wrong)
        assert torch.equal(executable(ids), expected)
