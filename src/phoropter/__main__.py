"""`python -m phoropter`, the form that launchers such as `torchrun -m` ask for."""

from __future__ import annotations

import sys

from phoropter.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
