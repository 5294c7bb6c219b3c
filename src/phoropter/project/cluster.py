"""A function of the API carried out by the workers of a Ray cluster, with Ray Train."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar

from phoropter.core.errors import MissingExtraError, PhoropterError, UsageError
from phoropter.core.events import Listener, silent

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_WAIT_S = 7 * 24 * 3600
"""How long a worker waits for the lead, which may be looking at data for hours."""


ANSWER_S = 5.0


def spread(function: Callable[P, R], *, address: str, processes: int) -> Callable[P, R]:
    """The function, carried out by workers that train together.

    The data and the project must lie where every worker finds them under the same path.

    Args:
        function: `run`, `train` or `improve`.
        address: "local" starts Ray on this machine; "auto", or a cluster's "host:port".
        processes: Workers, at least 1.

    Raises:
        MissingExtraError: If Ray is not installed.
        PhoropterError: Whatever the function itself raises, or where the cluster has no room.
    """
    if processes < 1:
        raise UsageError(f"{processes} processes cannot train.", hint="Use --processes 2 or more.")

    @wraps(function)
    def shared(*args: P.args, **kwargs: P.kwargs) -> R:
        listener: Any = kwargs.pop("listener", silent)
        place = Path.cwd()
        with _connected(address), _overheard(listener) as told:

            def call() -> R:
                os.chdir(place)  # relative paths mean what they mean to the user
                return function(*args, **kwargs, listener=told)  # type: ignore[arg-type]

            result: R = _carried_out(call, processes=processes)
        return result

    return shared


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """A connection to the cluster, given up at the end if it was made here."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray", "ray", why="Training on a cluster") from error
    if ray.is_initialized():
        yield
        return
    _check_answering(address)
    where = None if address == "local" else address
    try:
        ray.init(where, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _unanswered(address, error) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_answering(address: str) -> None:
    """Looks whether anything listens there: Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise _unanswered(address, error) from error


def _unanswered(address: str, error: Exception) -> UsageError:
    return UsageError(
        f"No Ray cluster answers at {address!r}: {error}.",
        hint="Use --cluster local for this machine, or the address that `ray start` printed.",
    )


@contextmanager
def _overheard(listener: Listener) -> Iterator[Listener]:
    """A listener that works in another process and passes everything on to this one."""
    from ray.util.queue import Queue

    queue = Queue()

    def pass_on() -> None:
        while (event := queue.get()) is not None:
            listener(event)

    thread = threading.Thread(target=pass_on, daemon=True)
    thread.start()
    try:
        yield queue.put
    finally:
        queue.put(None)
        thread.join()
        queue.shutdown()


def _carried_out(call: Callable[[], Any], *, processes: int) -> Any:
    from ray.train import RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer
    from torch import cuda

    with TemporaryDirectory() as records:
        trainer = TorchTrainer(
            call,
            scaling_config=ScalingConfig(num_workers=processes, use_gpu=cuda.is_available()),
            torch_config=TorchConfig(timeout_s=LONGEST_WAIT_S),
            run_config=RunConfig(name="phoropter", storage_path=records),
        )
        try:
            result: Any = trainer.fit()
        except TrainingFailedError as failed:
            raise _cause(failed) from failed
    return result.return_value


def _cause(failed: Exception) -> Exception:
    """The lead's own error where there is one, for the others only notice that it has gone."""
    failures: dict[int, Exception] = getattr(failed, "worker_failures", {})
    own = [failures[rank] for rank in sorted(failures)]
    return next((error for error in own if isinstance(error, PhoropterError)), failed)
