import math
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from phoropter.core.errors import InterruptedRunError
from phoropter.core.events import Progress
from phoropter.core.protocols import ParameterGroup
from phoropter.core.records import Normalization
from phoropter.data.memory import MemoryInputs
from phoropter.training.checkpoint import read_weights
from phoropter.training.history import read_history
from phoropter.training.records import Watch, sample_train_eval_rows
from phoropter.training.rehearsal import own_randomness


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_digits_are_learnt_and_the_start_is_in_the_history(digits, tmp_path):
    setup = digits()
    outcome = setup.fit(tmp_path, epochs=8, lr=0.02)
    start, *passes = outcome.history
    assert start.epoch == start.step == 0
    assert start.val_loss == pytest.approx(math.log(10), rel=0.1)
    assert [row.step for row in passes] == [8 * n for n in range(1, 9)]
    assert passes[-1].val_loss < 0.5 * start.val_loss
    assert passes[-1].val_metric > 0.8
    assert all(row.grad_norm > 0 and row.worst_loss >= row.running_loss for row in passes)
    assert (outcome.stopped_by, outcome.epochs, outcome.steps) == ("finished", 8, 64)
    assert read_history(tmp_path) == outcome.history
    assert equal(read_weights(tmp_path), weights(setup.network))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(digits, tmp_path):
    bits = []
    for name in ("a", "b"):
        setup = digits()
        torch.rand(1)  # what the caller draws must not matter
        setup.fit(tmp_path / name)
        bits.append((weights(setup.network), (tmp_path / name / "history.jsonl").read_bytes()))
    assert equal(bits[0][0], bits[1][0])
    assert bits[0][1] == bits[1][1]


def test_training_leaves_the_callers_randomness_and_threads_alone(digits, tmp_path):
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    digits().fit(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_a_finished_run_is_read_not_repeated(digits, tmp_path):
    first = digits()
    outcome = first.fit(tmp_path)
    second = digits(seed=1)
    events = []
    again = second.fit(tmp_path, watch=Watch(listener=events.append))
    assert again == outcome
    assert equal(weights(first.network), weights(second.network))
    assert events == []


def test_a_run_killed_before_its_last_state_was_removed_leaves_none(digits, tmp_path):
    digits().fit(tmp_path)
    state = tmp_path / "checkpoint" / "last.pt"
    assert not state.exists()
    state.write_bytes(b"of the last pass")
    assert digits().fit(tmp_path).stopped_by == "finished"
    assert not state.exists()


def test_another_recipe_in_the_same_folder_is_trained(digits, tmp_path):
    digits().fit(tmp_path)
    assert digits().fit(tmp_path, epochs=1).steps == 8


def test_early_stopping_restores_the_best_weights(digits, tmp_path):
    setup = digits(train=40, dropout=0.0)
    kept = {}

    def metric(outputs, rows):
        if len(rows) == len(setup.data.val_rows):
            kept[len(kept)] = weights(setup.network)
        return 0.0

    setup = setup.having(metric=metric)
    outcome = setup.fit(tmp_path, epochs=200, lr=0.05, patience=3, schedule="constant")
    losses = [row.val_loss for row in outcome.history]
    assert outcome.stopped_by == "patience"
    assert outcome.best_epoch == int(np.argmin(losses)) == len(losses) - 1 - 3
    assert equal(weights(setup.network), kept[outcome.best_epoch])
    assert not setup.network.training


def test_divergence_ends_the_run_with_the_best_weights(digits, tmp_path):
    setup = digits()
    huge = setup.fit(tmp_path, lr=1e30, optimizer="sgd", warmup=0.0)
    assert huge.stopped_by == "diverged"
    assert not math.isfinite(huge.history[-1].worst_loss)
    assert huge.history[-1].val_loss is None
    assert huge.best_epoch < huge.history[-1].epoch
    assert all(bool(torch.isfinite(v).all()) for v in weights(setup.network).values())
    assert len(read_history(tmp_path)) == len(huge.history)


def test_accumulated_batches_equal_one_big_batch(digits, tmp_path):
    histories = []
    for name, batch, accumulate in (("big", 100, 1), ("small", 25, 4)):
        setup = digits(dropout=0.0)
        network = nn.Linear(64, 10)  # no batch statistics: they would differ
        network.load_state_dict({"weight": torch.zeros(10, 64), "bias": torch.zeros(10)})
        setup = replace(setup, network=network)
        change = {"batch_size": batch, "accumulate": accumulate, "class_weights": "balanced"}
        histories.append(
            setup.fit(tmp_path / name, clip=0.5, label_smoothing=0.1, **change).history
        )
    for big, small in list(zip(*histories, strict=True))[1:]:
        assert big.step == small.step
        assert big.val_loss == pytest.approx(small.val_loss, rel=1e-4)
        assert big.running_loss == pytest.approx(small.running_loss, rel=1e-4)
        assert big.grad_norm == pytest.approx(small.grad_norm, rel=1e-3)


def test_averaged_weights_are_judged_and_kept(digits, tmp_path):
    plain, averaged = digits(), digits()
    first = plain.fit(tmp_path / "plain", epochs=2)
    second = averaged.fit(tmp_path / "ema", epochs=2, ema=0.9)
    running = [
        (a.running_loss, b.running_loss) for a, b in zip(first.history, second.history, strict=True)
    ]
    assert all(a == b for a, b in running)  # the average does not disturb the training
    assert first.history[-1].val_loss != second.history[-1].val_loss
    assert not equal(weights(plain.network), weights(averaged.network))


class Ticking:
    """A clock that goes on by itself, so that a deadline falls where the test wants it."""

    def __init__(self, tick: float) -> None:
        self.now, self.tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def test_a_deadline_leaves_a_result_and_more_time_the_same_bits(digits, tmp_path):
    whole = digits()
    whole.fit(tmp_path / "whole", epochs=4)
    setup = digits()
    cut = setup.fit(tmp_path / "cut", epochs=4, watch=Watch(clock=Ticking(0.1), deadline=3.0))
    assert cut.stopped_by == "budget"
    assert 0 < cut.steps < 32
    assert cut.history[-1].step == cut.steps
    assert read_weights(tmp_path / "cut").keys() == weights(setup.network).keys()
    again = digits()
    assert again.fit(tmp_path / "cut", epochs=4).stopped_by == "finished"
    assert equal(weights(again.network), weights(whole.network))
    files = [(tmp_path / name / "history.jsonl").read_bytes() for name in ("whole", "cut")]
    assert files[0] == files[1]


def test_a_deadline_that_has_passed_still_gives_a_result(digits, tmp_path):
    outcome = digits().fit(tmp_path, watch=Watch(clock=lambda: 10.0, deadline=5.0))
    assert (outcome.stopped_by, outcome.steps, outcome.best_epoch) == ("budget", 0, 0)
    assert len(outcome.history) == 1


def test_ctrl_c_keeps_everything_and_says_how_to_go_on(digits, tmp_path):
    whole = digits()
    whole.fit(tmp_path / "whole")
    setup = digits()
    clock = Ticking(0.1)
    asked = []

    def interrupt(event):
        if isinstance(event, Progress) and event.done >= 11 and not asked:
            asked.append(event)  # a second one would insist
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(InterruptedRunError, match="Run the same command again") as caught:
        setup.fit(tmp_path / "cut", watch=Watch(listener=interrupt, clock=clock))
    assert "in pass 2 of 3, after 1" in caught.value.message
    assert signal.getsignal(signal.SIGINT) is before
    again = digits()
    again.fit(tmp_path / "cut")
    assert equal(weights(again.network), weights(whole.network))


def test_a_checkpoint_cut_in_half_falls_back_to_the_one_before(digits, tmp_path):
    whole = digits()
    whole.fit(tmp_path / "whole")
    clock = Ticking(0.0)
    folder = tmp_path / "cut" / "checkpoint"

    def stop(event):
        if isinstance(event, Progress) and event.done == 20:
            os.kill(os.getpid(), signal.SIGINT)

    clock.tick = 0.3
    with pytest.raises(InterruptedRunError):
        digits().fit(tmp_path / "cut", watch=Watch(listener=stop, clock=clock))
    last = folder / "last.pt"
    assert (folder / "previous.pt").exists()
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    events, again = [], digits()
    again.fit(tmp_path / "cut", watch=Watch(listener=events.append))
    assert any("last.pt is damaged" in getattr(event, "text", "") for event in events)
    assert any("Going on after step" in getattr(event, "text", "") for event in events)
    assert equal(weights(again.network), weights(whole.network))


def test_progress_is_reported_to_the_end(digits, tmp_path):
    events = []
    digits().fit(tmp_path, watch=Watch(listener=events.append, clock=Ticking(0.05)))
    progress = [event for event in events if isinstance(event, Progress)]
    assert len(progress) > 3
    assert progress[-1].done == progress[-1].total == 24
    assert "pass 3 of 3, loss " in progress[-1].detail


def test_images_are_scaled_varied_and_normalised_in_training_only(digits, tmp_path):
    seen = {"augment": 0}
    images = np.random.default_rng(0).integers(0, 256, (400, 1, 4, 4), dtype=np.uint8)

    def augment(batch, generator):
        seen["augment"] += len(batch)
        assert 0 <= float(batch.min()) <= float(batch.max()) <= 1
        return batch + torch.rand(1, generator=generator)

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Flatten(), nn.Linear(16, 10))
            self.evaluated = []

        def forward(self, inputs):
            if not self.training:
                self.evaluated.append(inputs.clone())
            return self.inner(inputs)

    setup = replace(digits(), network=Spy()).having(
        inputs=MemoryInputs(images), augment=augment, normalization=Normalization((0.5,), (0.25,))
    )
    setup.fit(tmp_path, epochs=1)
    assert seen["augment"] == 250
    wanted = (torch.from_numpy(images[:150]).float() / 255 - 0.5) / 0.25
    torch.testing.assert_close(setup.network.evaluated[0], wanted)


class ToyGan:
    """Two networks, two optimisers, two losses: the generator's mean chases the data's."""

    def __init__(self, networks: nn.ModuleDict) -> None:
        self.networks = networks
        self.order = []

    def parameters(self):
        return {
            name: [ParameterGroup(list(network.parameters()))]
            for name, network in self.networks.items()
        }

    def steps(self, inputs, targets, generator):
        critic, maker = self.networks["critic"], self.networks["maker"]
        noise = torch.randn(len(inputs), 2, generator=generator)

        def critic_loss():
            self.order.append("critic")
            real, fake = critic(inputs), critic(maker(noise).detach())
            return functional.softplus(-real).mean() + functional.softplus(fake).mean()

        def maker_loss():
            self.order.append("maker")
            return functional.softplus(-critic(maker(noise))).mean()

        yield "critic", critic_loss
        yield "maker", maker_loss

    @torch.no_grad()
    def evaluate(self, inputs, targets):
        fake = self.networks["maker"](torch.zeros(len(inputs), 2))
        return fake, (fake - inputs).square().mean(dim=1)


class Ragged:
    """Targets that fit no tensor: a list of mappings, as for boxes."""

    def __init__(self, rows) -> None:
        self.rows = rows

    def __getitem__(self, chosen):
        return [self.rows[int(index)] for index in chosen]


def test_two_optimisers_train_in_turn_with_the_same_loop(digits, tmp_path):
    with own_randomness(1, "toy"):
        networks = nn.ModuleDict({"critic": nn.Linear(3, 1), "maker": nn.Linear(2, 3)})
    before = {name: weights(network) for name, network in networks.items()}
    objective = ToyGan(networks)
    points = np.random.default_rng(0).normal(4, 1, (400, 3)).astype(np.float32)
    setup = replace(digits(), network=networks).having(
        inputs=MemoryInputs(points), metric=lambda outputs, rows: 0.0
    )
    outcome = setup.fit(tmp_path, objective=objective, epochs=20, batch_size=125, lr=0.2)
    assert objective.order == ["critic", "maker"] * 40
    assert outcome.steps == 40
    assert outcome.history[-1].val_loss < outcome.history[0].val_loss
    assert not any(equal(before[name], weights(networks[name])) for name in before)


class RaggedObjective:
    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.seen = []

    def parameters(self):
        return {"main": [ParameterGroup(list(self.network.parameters()))]}

    def steps(self, inputs, targets, generator):
        self.seen += [target["boxes"].shape for target in targets]
        yield "main", lambda: self._losses(inputs, targets).mean()

    @torch.no_grad()
    def evaluate(self, inputs, targets):
        return self.network(inputs), self._losses(inputs, targets)

    def _losses(self, inputs, targets):
        counts = torch.tensor([float(len(target["boxes"])) for target in targets])
        return (self.network(inputs)[:, 0] - counts).square()


def test_ragged_targets_pass_through(digits, tmp_path):
    rows = [{"boxes": torch.zeros(index % 3, 4), "name": str(index)} for index in range(400)]
    network = nn.Linear(64, 1)
    objective = RaggedObjective(network)
    setup = replace(digits(), network=network).having(
        targets=Ragged(rows), metric=lambda outputs, rows: 0.0
    )
    outcome = setup.fit(tmp_path, objective=objective, epochs=2)
    assert outcome.stopped_by == "finished"
    assert set(objective.seen) == {(0, 4), (1, 4), (2, 4)}
    assert outcome.history[-1].val_loss < outcome.history[0].val_loss


def test_without_a_validation_part_the_training_samples_stand_in(digits, tmp_path):
    setup = digits().having(val_rows=np.array([], dtype=np.int64))
    row = setup.fit(tmp_path).history[-1]
    assert row.val_loss == row.train_loss


def test_the_measured_training_part_is_fixed_sorted_and_of_a_fair_size():
    rows = np.arange(100, 5000)
    chosen = sample_train_eval_rows(rows, val_count=900, seed=1)
    assert len(chosen) == len(set(chosen)) == 900
    assert (np.diff(chosen) > 0).all()
    assert np.isin(chosen, rows).all()
    assert (chosen == sample_train_eval_rows(rows, val_count=900, seed=1)).all()
    assert len(sample_train_eval_rows(rows, val_count=3, seed=1)) == 500
    assert len(sample_train_eval_rows(rows[:7], val_count=3, seed=1)) == 7


def test_the_best_passes_leave_their_weights_and_decide_nothing(digits, tmp_path):
    alone, setup = digits(), digits()
    plain = alone.fit(tmp_path / "one", epochs=5)
    assert [one.weights for one in plain.kept] == ["checkpoint/best.safetensors"]
    outcome = setup.fit(tmp_path / "three", epochs=5, watch=Watch(keep=3))
    assert outcome.history == plain.history
    assert equal(weights(setup.network), weights(alone.network))
    losses = sorted((row.val_loss, row.epoch) for row in outcome.history)[:3]
    assert [(one.val_loss, one.epoch) for one in outcome.kept] == losses
    files = {path.name for path in (tmp_path / "three" / "checkpoint").iterdir()}
    assert files == {"best.safetensors", *(f"epoch-{n:04d}.safetensors" for _, n in losses[1:])}
    third = digits()
    third.network.load_state_dict(read_weights(tmp_path / "three", name=outcome.kept[2].weights))
    again = third.fit(tmp_path / "again", epochs=1, lr=1e-9)
    assert again.history[0].val_loss == pytest.approx(outcome.kept[2].val_loss, rel=1e-5)


@pytest.mark.parametrize(
    ("side", "val_count", "count"), [(28, 3, 500), (224, 3, 111), (224, 300, 300), (512, 3, 100)]
)
def test_fewer_large_images_are_measured_after_each_pass(side, val_count, count):
    rows, numbers = np.arange(2000), 3 * side**2
    chosen = sample_train_eval_rows(rows, val_count=val_count, seed=1, numbers=numbers)
    assert len(chosen) == count
