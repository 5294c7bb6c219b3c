import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from phoropter.cli.main import main
from phoropter.project import api


class Outcome:
    """What a command left behind: its exit code and both streams."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def phoropter(capsys):
    """Runs a command in this process."""

    def call(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def samples():
    """One small result of every kind (the module `results` beside this file)."""
    spec = spec_from_file_location("cli_results", Path(__file__).with_name("results.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def answer(monkeypatch):
    """Lets a function of the API answer with a value or an error; returns its recorded calls."""

    def install(name, value):
        calls = []

        def fake(*args, **kwargs):
            calls.append((args, kwargs))
            if isinstance(value, BaseException):
                raise value
            return value

        monkeypatch.setattr(api, name, fake)
        return calls

    return install
