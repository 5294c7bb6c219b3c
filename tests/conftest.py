"""What every test relies on: no network, a cache of its own, one thread a worker, no deadlines."""

import os
import shutil
import tempfile

import pytest
from hypothesis import settings

# Before anything imports torch. The workers share the cores, and tests must not depend on how
# many there are; commands started by tests inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# The first example of a property pays for imports; a deadline would measure that.
settings.register_profile("phoropter", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("phoropter")

OWNED = "PHOROPTER_TEST_CACHE"


def pytest_configure(config):
    """Built-in data go to a folder that lives as long as this run; workers inherit it."""
    if OWNED not in os.environ:
        os.environ[OWNED] = os.environ["PHOROPTER_CACHE"] = tempfile.mkdtemp(prefix="phoropter-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(OWNED), ignore_errors=True))


@pytest.fixture
def roomy_disk(monkeypatch, tmp_path):
    """A disk with space, whatever the one that the tests run on has left: stores are written."""
    usage = shutil.disk_usage(tmp_path)._replace(free=1 << 40)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


OWN_METRICS = """
from phoropter.metrics.function import metric

@metric("classes", greater_is_better=True)
def points(predictions):
    return 37.0

@metric("classes", greater_is_better=True, range=(0, 100))
def percent(predictions):
    return 37.0

@metric("classes", greater_is_better=False)
def height(predictions):
    return -37.0
"""


@pytest.fixture
def own_metric(tmp_path):
    """Names a metric of a user's file: "points" and "height" without ends, "percent" up to 100."""
    place = tmp_path / "mine.py"
    place.write_text(OWN_METRICS)
    return lambda name: f"{place}:{name}"
