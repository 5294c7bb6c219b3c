import pickle

import pytest
import torch
from torch import nn

from phoropter.core.errors import CorruptFileError
from phoropter.training.checkpoint import (
    drop_state,
    load_state,
    read_weights,
    save_state,
    write_weights,
)


def test_the_newest_state_is_loaded_and_the_one_before_kept(tmp_path):
    for number in range(3):
        save_state(tmp_path, {"number": number, "tensor": torch.arange(3)})
    assert load_state(tmp_path)["number"] == 2
    (tmp_path / "checkpoint" / "last.pt").unlink()  # killed between the two renames
    assert load_state(tmp_path)["number"] == 1


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_damaged_state_never_replaces_the_sound_one(tmp_path, share):
    save_state(tmp_path, {"number": 0})
    save_state(tmp_path, {"number": 1})
    last = tmp_path / "checkpoint" / "last.pt"
    content = last.read_bytes()
    last.write_bytes(content[: int(share * len(content))])
    assert load_state(tmp_path)["number"] == 0
    save_state(tmp_path, {"number": 2})
    last.write_bytes(b"")
    assert load_state(tmp_path)["number"] == 0


def test_two_damaged_states_are_none(tmp_path):
    for _ in range(2):
        save_state(tmp_path, {})
    for path in (tmp_path / "checkpoint").iterdir():
        path.write_bytes(b"")
    notes = []
    assert load_state(tmp_path, listener=notes.append) is None
    assert len(notes) == 2


class Villain:
    def __reduce__(self):
        return (print, ("code was run",))


def test_no_code_in_a_file_is_run(tmp_path, capsys):
    save_state(tmp_path, {})
    with (tmp_path / "checkpoint" / "last.pt").open("wb") as file:
        torch.save(Villain(), file, pickle_module=pickle)
    assert load_state(tmp_path) is None
    assert capsys.readouterr().out == ""


def test_dropping_leaves_the_weights(tmp_path):
    network = nn.Linear(2, 2)
    save_state(tmp_path, {})
    write_weights(tmp_path, network.state_dict())
    drop_state(tmp_path)
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["best.safetensors"]
    assert torch.equal(read_weights(tmp_path)["weight"], network.weight)


def test_tied_weights_are_written(tmp_path):
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[1].weight = network[0].weight
    write_weights(tmp_path, network.state_dict())
    network.load_state_dict(read_weights(tmp_path))


def test_missing_or_damaged_weights_are_reported(tmp_path):
    with pytest.raises(CorruptFileError, match="cannot be read"):
        read_weights(tmp_path)
    write_weights(tmp_path, nn.Linear(2, 2).state_dict())
    path = tmp_path / "checkpoint" / "best.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(CorruptFileError, match=r"best\.safetensors"):
        read_weights(tmp_path)


def test_a_changed_number_in_a_state_is_seen(tmp_path):
    numbers = torch.arange(1000.0)
    for _ in range(2):
        save_state(tmp_path, {"numbers": numbers})
    last = tmp_path / "checkpoint" / "last.pt"
    content = bytearray(last.read_bytes())
    content[content.index(numbers.numpy().tobytes()) + 400] ^= 1
    last.write_bytes(content)
    notes = []
    assert torch.equal(load_state(tmp_path, listener=notes.append)["numbers"], numbers)
    assert len(notes) == 1
