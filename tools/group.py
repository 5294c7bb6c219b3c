"""Prints the requirements of a dependency group of pyproject.toml, one a line.

pip learnt `--group` in 25.1; the pip that comes with Python 3.11 is older.
"""

import sys
import tomllib
from pathlib import Path

groups = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
print("\n".join(groups[sys.argv[1]]))
