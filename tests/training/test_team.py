import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.training.team import Team

SCRIPT = Path(__file__).parent / "two_processes.py"


@given(count=st.integers(0, 200), size=st.integers(1, 9))
def test_shares_make_up_the_batch_and_none_is_of_one_sample(count, size):
    shares = [Team(rank, size).share(np.arange(count)) for rank in range(size)]

    assert np.concatenate(shares).tolist() == list(range(count))
    assert all(len(share) != 1 for share in shares) or count == 1


def test_alone_everything_is_as_it_was():
    team = Team()

    assert team.lead
    assert team.told("word") == "word"
    assert team.gathered(3) == [3]
    assert team.any(True, False) == (True, False)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What each of two processes saw."""
    folder = tmp_path_factory.mktemp("team")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    subprocess.run(
        [*launcher, "--master-port", "0", "--standalone", str(SCRIPT), str(folder)],
        check=True,
        timeout=240,
        capture_output=True,
    )
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)], folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    spec = spec_from_file_location("two_processes", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.trained(tmp_path_factory.mktemp("alone"), Team())


def test_gradients_are_summed_where_any_process_has_one(seen):
    for one in seen[0]:
        assert one["summed"]["gradients"] == [[3.0, 6.0], [1.0, 1.0], None]
        assert one["summed"]["statistics"] == [0.5, 0.5]
        assert one["summed"]["any"] == [True, False]


def test_two_processes_give_the_curve_of_one(seen, alone):
    lead = seen[0][0]["plain"]

    assert lead["processes"] == 2
    assert lead["losses"] == pytest.approx(alone["losses"], rel=1e-4)
    assert lead["running"][1:] == pytest.approx(alone["running"][1:], rel=1e-4)


@pytest.mark.parametrize("name", ["plain", "dropout"])
def test_all_processes_end_with_the_same_bits(seen, name):
    one, other = (process[name] for process in seen[0])

    assert one["weights"] == other["weights"]
    assert one["losses"] == other["losses"]


def test_one_process_writes(seen):
    history = (seen[1] / "plain" / "history.jsonl").read_text().splitlines()

    assert len(history) == 4
