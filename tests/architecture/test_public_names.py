"""`phoropter.NAME` is the product: the names, that they work, and that nothing hides them."""

import inspect
import subprocess
import sys

import pytest

import phoropter
from phoropter.cli.main import COMMANDS

FUNCTIONS = [function.__name__ for function in COMMANDS]


def test_the_names_are_these():
    assert sorted(phoropter.__all__) == sorted(
        [*FUNCTIONS, "spread", "watch", "Recipe", "PhoropterError", "__version__"]
    )
    assert set(phoropter.__all__) <= set(dir(phoropter))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_command_is_a_documented_function(name):
    function = getattr(phoropter, name)
    assert callable(function)
    assert inspect.getdoc(function)
    assert inspect.signature(function).return_annotation is not inspect.Signature.empty


@pytest.mark.parametrize("function", COMMANDS, ids=lambda function: function.__name__)
def test_the_command_line_and_python_say_the_same(function):
    """Every parameter of a function of the API can be given on the command line."""
    from phoropter.cli.options import command

    options = set(inspect.signature(command(function)).parameters)
    spelt = {"budget_s": "budget"}
    wanted = set(inspect.signature(getattr(phoropter, function.__name__)).parameters)
    assert {spelt.get(name, name) for name in wanted - {"listener"}} <= options


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'nonsense'"):
        _ = phoropter.nonsense


def test_importing_a_package_does_not_hide_the_function_of_its_name():
    code = (
        "import phoropter, phoropter.look, phoropter.models, phoropter.report\n"
        "from phoropter.models import catalog\n"
        "assert catalog.__name__ == 'phoropter.models.catalog'\n"
        "for name in ('look', 'models', 'report'):\n"
        "    home = getattr(phoropter, name).__module__\n"
        "    assert home.startswith('phoropter.project.api.'), name\n"
        "phoropter.extra = 1\n"
        "assert phoropter.extra == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
