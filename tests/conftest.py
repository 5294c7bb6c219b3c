"""What every test relies on: no network, one thread a worker, no clock in property tests."""

import os

from hypothesis import settings

# Before anything imports torch. The workers share the cores, and tests must not depend on how
# many there are; commands started by tests inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# The first example of a property pays for imports; a deadline would measure that.
settings.register_profile("phoropter", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("phoropter")
