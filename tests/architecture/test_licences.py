"""The list of permissive licences lets the right ones through."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def licences():
    spec = spec_from_file_location("tool_licences", ROOT / "tools" / "licences.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "Apache Software License",
        "Apache License 2.0",
        "Apache-2.0 AND (MIT OR BSD-3-Clause)",
        "Apache-2.0 WITH LLVM-exception",
        "ISC License (ISCL)",
        "MPL-2.0 AND MIT",
        "MIT-CMU",
        "3-Clause BSD License",
        "PSF-2.0",
    ],
)
def test_permissive(licences, text):
    assert licences.permissive(text)


@pytest.mark.parametrize(
    "text",
    [
        "AGPL-3.0",
        "GPL-3.0-only",
        "LGPL-3.0",
        "MIT AND GPL-2.0",
        "UNKNOWN",
        "",
        "Proprietary",
        "MITX",
    ],
)
def test_not_permissive(licences, text):
    assert not licences.permissive(text)


def test_everything_that_is_installed_is_permissive(licences, capsys):
    assert licences.main() == 0, capsys.readouterr().err
    assert "phoropter" in dict(licences.installed("phoropter", set()))
