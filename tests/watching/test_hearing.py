"""Gradients and optimisers that are not what most loops have: the training must not notice."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import phoropter
from phoropter.core.errors import UsageError
from phoropter.watching.folder import read_watched


class Text(nn.Module):
    """As torch's tutorial on texts has it; what is updated last has the sparse gradient."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 2)
        self.embedding = nn.EmbeddingBag(50, 8, sparse=True)

    def forward(self, words, offsets):
        return self.fc(self.embedding(words, offsets))


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # torch's own, of some versions
@pytest.mark.parametrize("clear", [True, False])
def test_sparse_gradients_are_not_measured(tmp_path, clear):
    torch.default_generator.manual_seed(0)
    network = Text()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    watch = phoropter.watch(network, optimizer, folder=tmp_path, classes=2)
    for steps in (13, 12):
        for _ in range(steps):
            words = torch.randint(50, (16, 5))
            outputs = network(words.flatten(), torch.arange(16) * 5)
            loss = functional.cross_entropy(outputs, (words[:, 0] >= 25).long())
            if clear:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watch.step(loss)
        watch.epoch(val_loss=loss.item())
    watch.close()

    watched = read_watched(tmp_path)
    assert [(row.epoch, row.step) for row in watched.history] == [(0, 0), (1, 13), (2, 25)]
    assert watched.recipe.train.batch_size == 16
    assert watched.signals == ()
    assert {row.grad_norm for row in watched.history} == {None}
    gates = {gate.name: gate.passed for gate in watched.gates}
    assert gates["no-gradient"]
    assert gates.get("stale-gradient") == (True if clear else None)
    assert "vanishing-gradient" in phoropter.diagnose(tmp_path).unjudged


class Spare(nn.Module):
    """A part of it has nothing to say."""

    def __init__(self, spare):
        super().__init__()
        self.layer, self.spare = nn.Linear(64, 10), nn.Parameter(spare, requires_grad=False)

    def forward(self, x):
        return self.layer(x)


@pytest.mark.parametrize(
    "spare",
    [torch.zeros(3, device="meta"), torch.zeros(3, dtype=torch.complex64)],
    ids=["another device", "complex numbers"],
)
def test_parameters_that_cannot_be_measured_together_have_no_signals(make_loop, tmp_path, spare):
    make_loop(make=lambda: Spare(spare)).run(tmp_path).close()
    watched = read_watched(tmp_path)
    assert watched.history[-1].val_loss < watched.history[1].val_loss
    assert watched.signals == ()


class Outside:
    """As DeepSpeed's optimisers, which are none of torch's."""


class Around(torch.optim.Optimizer):
    """As accelerate's wrapper of them, which is never made as one of torch's."""

    def __init__(self):
        self.optimizer = Outside()


@pytest.mark.parametrize("kind", [Outside, Around])
def test_an_optimizer_without_hooks_is_refused(tmp_path, kind):
    with pytest.raises(UsageError, match=f"'{kind.__name__}' has none of the hooks") as caught:
        phoropter.watch(nn.Linear(2, 2), kind(), folder=tmp_path / "run")
    assert "torch.optim.Optimizer" in caught.value.hint
    assert not (tmp_path / "run").exists()
