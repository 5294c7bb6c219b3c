"""Tensors of several MiB lie in large pages, and what they leave is kept for the next ones."""

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import phoropter, torch
tensor = torch.ones(2**24)
at, flags = tensor.data_ptr(), None
for line in open("/proc/self/smaps"):
    first = line.split()[0]
    if "-" in first:
        low, high = (int(end, 16) for end in first.split("-"))
    elif first == "VmFlags:" and low <= at < high:
        flags = line.split()[1:]
print("hg" in flags)
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")


def asked(**environment):
    """Whether a new process asks for large pages."""
    command = [sys.executable, "-c", SCRIPT]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return said.stdout.strip() == "True"


@linux
def test_large_pages_are_asked_for():
    assert asked()


@linux
def test_who_switched_them_off_is_heeded():
    assert not asked(THP_MEM_ALLOC_ENABLE="0")


STEPS = """
import resource, sys
import phoropter, torch
from phoropter.training.memory import keep_memory
told = keep_memory() if "keep" in sys.argv else None
for step in range(60):
    if step == 30:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(2**20) for _ in range(8)]
    del tensors
print(told, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_what_a_step_gives_back_is_there_for_the_next_one():
    command = [sys.executable, "-c", STEPS]
    kept, plain = (
        subprocess.run(
            [*command, *more], env={}, capture_output=True, text=True, check=True
        ).stdout.split()
        for more in (["keep"], [])
    )
    gnu = platform.libc_ver()[0] == "glibc"  # no other C library is told
    assert kept[0] == str(gnu)
    assert not gnu or int(kept[1]) < 100
    assert not gnu or int(plain[1]) > 10 * int(kept[1])


def test_who_handles_memory_otherwise_is_heeded():
    script = "from phoropter.training.memory import keep_memory; print(keep_memory())"
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "131072"}
    said = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"
