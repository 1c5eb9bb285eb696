"""Every candidate in a process of its own, with a limit of time: what crashes or hangs costs nothing else."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from stepwell.driver.reduce import failure as failures
from stepwell.driver.reduce.failure import Failure
from stepwell.support.errors import Error

#: What the process imports that the candidates' processes are copies of: for IR, and for models.
IR, MODELS = ["stepwell.driver.reduce.attempt", "stepwell.driver.opt_pipeline"], ["stepwell.driver.reduce.warm"]
#: Seconds that a process may take to end after it has answered.
_END = 5.0

Attempt = Callable[..., Failure | None]


def get_ready(preload: list[str]) -> None:
    """Start the process that candidates' processes are copies of, so that no candidate waits for what it imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(preload)
    process = context.Process(target=int)
    process.start()
    process.join()


def run_apart(attempt: Attempt, seconds: float, *arguments: Any) -> Failure | None:
    """What ``attempt(*arguments)`` returns or raises, as a failure; None where it does not fail."""
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, attempt, arguments), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            return failures.of_time(seconds)
        answer: Failure | None = receiver.recv()
        process.join(_END)
        return answer
    except EOFError:
        process.join()
        return failures.of_exit(process.exitcode or 0)
    finally:
        process.kill()
        process.join()
        receiver.close()


def _answer(sender: Connection, attempt: Attempt, arguments: tuple[Any, ...]) -> None:
    """In the candidate's process: what it prints is nobody's business."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    found: Failure | None
    try:
        found = attempt(*arguments)
    except Error as error:
        found = failures.of_error(error)
    except Exception as failure:
        found = failures.of_exception(failure)
    sender.send(found)
