"""Tensors of several MiB lie in large pages, in every process that uses the package."""

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
