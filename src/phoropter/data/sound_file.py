"""Binary tables are first read by another process: some damage makes the library end its process.

A length in a damaged Arrow or Parquet file may ask for more memory than there is, and the library
then aborts instead of raising. A process of its own may do so; ours must not.
"""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Literal

import polars as pl

from phoropter.core.errors import InputError

Format = Literal["parquet", "ipc", "ipc_stream"]

SECONDS = 60.0
BYTES_PER_SECOND = 5e6
"""Longest time that reading may take: even a slow disk is faster."""

_READ = """
import sys
path, format, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass
import polars
try:
    getattr(polars, "read_" + format)(path)
except BaseException as error:
    print(" ".join(str(error).split())[:200])
    sys.exit(3)
"""
_MEMORY = 8 << 30
_TIMES = 20


def read_binary(path: Path, kind: Format) -> pl.DataFrame:
    """The table in a file that may be damaged.

    Args:
        path: The file.
        kind: Its format, as polars calls it.

    Raises:
        InputError: If it cannot be read.
    """
    check_sound(path, kind)
    read = {"parquet": pl.read_parquet, "ipc": pl.read_ipc, "ipc_stream": pl.read_ipc_stream}
    return read[kind](path)


def check_sound(path: Path, kind: Format) -> None:
    """Refuses a file that another process cannot read to its end.

    Raises:
        InputError: If so.
    """
    try:
        stated = path.stat()
    except OSError as error:
        raise InputError(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    problem = _problem(str(path), kind, stated.st_size, stated.st_mtime_ns)
    if problem:
        what = "a Parquet table" if kind == "parquet" else "an Arrow table"
        raise InputError(
            f"{str(path)!r} cannot be read as {what}: {problem}.",
            hint="Check that it is complete, or write it again.",
        )


@lru_cache(maxsize=4096)
def _problem(path: str, kind: Format, size: int, _time_ns: int) -> str:
    """What is wrong with a file, "" for nothing; asked once for each state of a file."""
    limit = _MEMORY + _TIMES * size
    command = [sys.executable, "-I", "-c", _READ, path, kind, str(limit)]
    try:
        ended = subprocess.run(  # noqa: S603 - our own program; the path is an argument, not code
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS + size / BYTES_PER_SECOND,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "reading it does not come to an end"
    if ended.returncode == 0:
        return ""
    return ended.stdout.strip() or "it is damaged"
