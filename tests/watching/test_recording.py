import copy
import io
import json
import math
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import phoropter
from phoropter.core.errors import UsageError
from phoropter.diagnosis.signals import learning_times
from phoropter.training.history import read_history
from phoropter.training.signals import read_signals
from phoropter.watching.folder import read_watched


def bits(loop):
    """Everything that training ends with: weights, the optimiser's state, the generators."""
    tensors = [*loop.network.state_dict().values()]
    for state in loop.optimizer.state.values():
        tensors += [value for value in state.values() if isinstance(value, torch.Tensor)]
    legacy = np.random.mtrand._rand.get_state(legacy=False)["state"]["key"].tolist()
    random_states = (torch.get_rng_state(), legacy, random.getstate())
    return tensors, random_states


class Functional(nn.Module):
    """A network whose activations are functions."""

    def __init__(self, bias=0.0):
        super().__init__()
        self.first, self.second = nn.Linear(64, 32), nn.Linear(32, 10)
        nn.init.constant_(self.first.bias, bias)

    def forward(self, x):
        hidden = functional.dropout(torch.relu(self.first(x)), 0.2, self.training)
        return self.second(hidden)


@pytest.mark.parametrize(
    "otherwise",
    [
        {},
        {"make": Functional},
        {"optimize": lambda net: torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)},
        {"accumulate": 3},
    ],
    ids=["adam", "functional", "momentum", "accumulated"],
)
def test_a_watched_loop_ends_with_the_same_bits(make_loop, tmp_path, otherwise):
    alone, watched = make_loop(**otherwise), None
    alone.run()
    expected = bits(alone)
    watched = make_loop(**otherwise)
    watched.run(tmp_path).close()
    tensors, states = bits(watched)

    assert (watched.losses, watched.held) == (alone.losses, alone.held)
    assert all(torch.equal(a, b) for a, b in zip(tensors, expected[0], strict=True))
    assert torch.equal(states[0], expected[1][0])
    assert states[1:] == expected[1][1:]


def test_the_history_is_what_the_loop_did(make_loop, tmp_path):
    loop = make_loop(passes=2)
    loop.run(tmp_path)

    start, first, second = read_history(tmp_path)
    per_pass = len(loop.losses) // 2
    assert (start.epoch, start.step, start.train_loss) == (0, 0, pytest.approx(loop.losses[0]))
    assert first.train_loss == pytest.approx(np.mean(loop.losses[:per_pass]), rel=1e-6)
    assert second.worst_loss == pytest.approx(max(loop.losses[per_pass:]), rel=1e-6)
    assert (second.epoch, second.step, second.lr) == (2, 2 * per_pass, 3e-3)
    loop.network.eval()
    with torch.no_grad():
        outputs = loop.network(loop.x[-500:])
    assert second.val_loss == pytest.approx(
        float(functional.cross_entropy(outputs, loop.y[-500:])), rel=1e-6
    )
    right = (outputs.argmax(1) == loop.y[-500:]).float().mean()
    assert second.val_metric == pytest.approx(float(right), rel=1e-6)


def test_the_wait_for_data_is_recorded_in_seconds(make_loop, tmp_path):
    """That of training alone; a record of an older version lacks it."""
    loop = make_loop(passes=2)
    validate = loop.validate
    loop.validate = lambda watch: (time.sleep(0.5), validate(watch))
    loop.run(tmp_path).close()
    summary = read_watched(tmp_path).summary
    last = (tmp_path / "timing.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    assert summary.waited_s == json.loads(last)["waited_s"]
    assert 0 < summary.waited_s < summary.seconds - 1
    facts = json.loads((tmp_path / "watch.json").read_text(encoding="utf-8"))
    del facts["waited_s"]
    (tmp_path / "watch.json").write_text(json.dumps(facts), encoding="utf-8")
    assert read_watched(tmp_path).summary.waited_s is None


def test_the_learning_time_of_a_watched_loop_follows_its_rates(make_loop, tmp_path):
    """A rate that halves after each pass, over passes of 15 steps."""
    loop = make_loop(passes=3, samples=480, batch=32)
    schedule = torch.optim.lr_scheduler.ExponentialLR(loop.optimizer, 0.5)
    validate = loop.validate
    loop.validate = lambda watch: (validate(watch), schedule.step())
    loop.run(tmp_path).close()
    times = learning_times(read_watched(tmp_path).history)
    assert times.tolist() == pytest.approx([0.0, 15.0, 15.0 * 1.75, 15.0 * 2.125])


def test_signals_are_those_of_the_gradients(make_loop, tmp_path):
    """The middle step's update, and the norms that the loop itself measures."""
    loop = make_loop(
        passes=2,
        samples=320,
        optimize=lambda net: torch.optim.SGD(net.parameters(), lr=0.1),
        told={"folder": tmp_path},
    )
    seen = []
    loop.optimizer.register_step_pre_hook(
        lambda *_: seen.append(
            (
                [p.detach().clone() for p in loop.network.parameters()],
                [p.grad.clone() for p in loop.network.parameters()],
            )
        )
    )
    loop.run(tmp_path).close()

    [row] = [row for row in read_signals(tmp_path) if row.epoch == 2]
    assert row.blocks == ("0", "3")
    second_pass = seen[10:]
    weights, gradients = second_pass[4]  # the middle of ten
    for block, own in enumerate((slice(0, 2), slice(2, 4))):
        step = 0.1 * torch.cat([g.flatten() for g in gradients[own]]).norm()
        length = torch.cat([w.flatten() for w in weights[own]]).norm()
        assert row.update_ratios[block] == pytest.approx(float(step / length), rel=1e-4)
    both = [torch.cat([g.flatten() for g in second_pass[at][1]]) for at in (4, 5)]
    cosine = functional.cosine_similarity(*both, dim=0)
    assert row.gradient_cosine == pytest.approx(float(cosine), rel=1e-4)
    assert 0 <= row.inactive["1"] < 1
    norms = [float(torch.cat([g.flatten() for g in g_]).norm()) for _, g_ in second_pass]
    assert min(norms) <= read_history(tmp_path)[2].grad_norm <= max(norms)


@pytest.mark.parametrize("bias", [0.0, -30.0])
def test_dead_units_of_a_function_are_heard(make_loop, tmp_path, bias):
    make_loop(make=lambda: Functional(bias), passes=8).run(tmp_path).close()
    found = phoropter.diagnose(tmp_path)
    dead = [finding for finding in found.findings if finding.code == "dead-activations"]
    assert [finding.evidence["layer"] for finding in dead] == (["relu"] if bias else [])
    assert "dead-activations" not in found.unjudged


def test_of_what_is_compiled_no_units_are_heard(make_loop, tmp_path):
    loop = make_loop(passes=3)
    loop.network[0].compile(backend="eager")
    loop.run(tmp_path).close()
    assert phoropter.diagnose(tmp_path).unjudged["dead-activations"].startswith("activation")


def test_a_scaler_of_gradients_is_seen_through(make_loop, tmp_path):
    loop = make_loop(passes=2, optimize=lambda net: torch.optim.SGD(net.parameters(), lr=0.05))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    watch = phoropter.watch(loop.network, loop.optimizer, folder=tmp_path, classes=10)
    batches = torch.arange(320).split(32)
    norms = []
    for number, batch in enumerate(batches):
        loop.optimizer.zero_grad()
        loss = functional.cross_entropy(loop.network(loop.x[batch]), loop.y[batch])
        if number == 3:
            loss = loss * math.inf  # this step is left out by the scaler
        scaler.scale(loss).backward()
        scaler.unscale_(loop.optimizer)
        norms.append(float(nn.utils.get_total_norm([p.grad for p in loop.network.parameters()])))
        scaler.step(loop.optimizer)
        scaler.update()
        watch.step(loss if number != 3 else loss.detach().nan_to_num(posinf=1.0))
    watch.epoch()

    row = read_history(tmp_path)[-1]
    assert row.step == len(batches) - 1
    finite = [norm for norm in norms if math.isfinite(norm)]
    assert min(finite) <= row.grad_norm <= max(finite)


def test_groups_rates_and_frozen_parameters(make_loop, tmp_path):
    def groups(network):
        network[0].requires_grad_(False)
        return torch.optim.AdamW(
            [
                {"params": network[0].parameters(), "lr": 1e-4},
                {"params": network[3].parameters(), "lr": 1e-2},
            ],
            weight_decay=0.05,
        )

    loop = make_loop(optimize=groups)
    loop.run(tmp_path).close()

    watched = read_watched(tmp_path)
    assert watched.recipe.train.lr == 1e-2
    assert watched.recipe.train.optimizer == "adamw"
    assert watched.recipe.train.weight_decay == 0.05
    assert watched.recipe.train.batch_size == 32
    assert watched.signals[0].blocks == ("3",)
    [gate] = [gate for gate in watched.gates if gate.name == "no-gradient"]
    assert gate.passed
    assert gate.evidence["frozen"] == 2


def test_batches_that_are_added_up_are_one_step(make_loop, tmp_path):
    loop = make_loop(accumulate=3, samples=320, passes=1)
    loop.run(tmp_path).close()
    watched = read_watched(tmp_path)
    assert watched.history[-1].step == 10 // 3
    assert {gate.name: gate.passed for gate in watched.gates}["stale-gradient"]


def test_copies_and_pickles_of_the_network_are_deaf(make_loop, tmp_path):
    loop = make_loop(passes=1)
    watch = loop.run(tmp_path)
    twin = copy.deepcopy(loop.network)
    file = io.BytesIO()
    torch.save(loop.network, file)
    file.seek(0)
    for other in (twin, torch.load(file, weights_only=False)):
        other.train()
        other(loop.x[:4])  # would be a validation in train mode
    watch.epoch(val_loss=1.0)
    watch.close()
    [gate] = [gate for gate in read_watched(tmp_path).gates if gate.name == "mode-mixup"]
    assert gate.passed


def test_close_takes_the_hooks_away_and_says_that_the_loop_ended(make_loop, tmp_path):
    loop = make_loop(passes=1)
    watch = loop.run(tmp_path)
    assert read_watched(tmp_path).summary.stopped_by == "interrupted"
    watch.close()
    watch.close()
    assert read_watched(tmp_path).summary.stopped_by == "finished"
    assert not loop.network._forward_pre_hooks
    assert not loop.optimizer._optimizer_step_post_hooks
    assert not loop.optimizer._optimizer_step_pre_hooks
    steps = watch._hearing.steps
    loop.step(torch.arange(8), 0, None)
    assert watch._hearing.steps == steps


def test_numbers_without_a_step_belong_to_the_pass_before(make_loop, tmp_path):
    loop = make_loop(passes=1)
    watch = phoropter.watch(loop.network, loop.optimizer, folder=tmp_path)
    watch.epoch(val_loss=2.5)
    loop.step(torch.arange(32), 0, watch)
    watch.epoch()
    watch.epoch(val_loss=1.5, val_metric=torch.tensor(0.25))
    start, first = read_history(tmp_path)
    assert (start.epoch, start.val_loss) == (0, 2.5)
    assert (first.val_loss, first.val_metric) == (1.5, 0.25)


@pytest.mark.parametrize("shape", [(3,), (2, 2)])
def test_a_loss_of_many_samples_is_refused(make_loop, tmp_path, shape):
    loop = make_loop()
    watch = phoropter.watch(loop.network, loop.optimizer, folder=tmp_path)
    with pytest.raises(UsageError, match="shape"):
        watch.step(torch.ones(shape))


def test_the_folder_of_another_run_is_refused_and_an_earlier_watched_one_replaced(
    make_loop, tmp_path
):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.json").write_text("{}", encoding="utf-8")
    loop = make_loop(passes=1)
    with pytest.raises(UsageError, match="another run"):
        phoropter.watch(loop.network, loop.optimizer, folder=tmp_path / "other")
    with pytest.raises(UsageError, match="no optimizer"):
        phoropter.watch(loop.network, [], folder=tmp_path / "none")

    loop.run(tmp_path / "run").close()
    (tmp_path / "run" / "mine.txt").write_text("kept", encoding="utf-8")
    phoropter.watch(loop.network, loop.optimizer, folder=tmp_path / "run")
    assert read_watched(tmp_path / "run").history == ()
    assert (tmp_path / "run" / "mine.txt").read_text(encoding="utf-8") == "kept"


def test_a_folder_that_can_no_longer_be_written_does_not_end_the_training(make_loop, tmp_path):
    loop = make_loop(passes=1)
    watch = phoropter.watch(loop.network, loop.optimizer, folder=tmp_path / "run")
    for file in (tmp_path / "run").iterdir():
        file.unlink()
    (tmp_path / "run").rmdir()
    (tmp_path / "run").write_text("in the way", encoding="utf-8")
    loop.step(torch.arange(32), 0, watch)
    with pytest.warns(UserWarning, match="records nothing more"):
        watch.epoch(val_loss=1.0)
    loop.step(torch.arange(32), 0, watch)
    watch.epoch(val_loss=1.0)


KILLED = """
import sys, time, torch, phoropter, phoropter.watching.writing
phoropter.watching.writing.MOST_SHARE = 0.5  # the test need not wait
network = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=2)
for epoch in range(10**6):
    for _ in range(5):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(torch.randn(8, 4)), torch.ones(8).long())
        loss.backward()
        optimizer.step()
        watch.step(loss)
    watch.epoch(val_loss=loss)
    print(epoch, flush=True)
    time.sleep(0.05)
"""


def test_a_killed_loop_leaves_what_it_had_done(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    done = 0
    while not read_signals(tmp_path / "run") and done < 1000:
        done = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate()

    watched = read_watched(tmp_path / "run")
    assert len(watched.history) >= done + 1
    assert watched.summary.stopped_by == "interrupted"
    assert watched.gates
    assert watched.signals


def test_the_pass_under_way_is_read_too(make_loop, tmp_path, monkeypatch):
    monkeypatch.setattr("phoropter.watching.recording.PARTIAL_EVERY_S", 0.0)
    monkeypatch.setattr("phoropter.watching.writing.MOST_SHARE", math.inf)
    loop = make_loop()
    watch = phoropter.watch(loop.network, loop.optimizer, folder=tmp_path)
    for number in range(4):
        loop.step(torch.arange(32), number, watch)
        time.sleep(0.001)
    [row] = read_watched(tmp_path).history
    assert (row.epoch, row.step) == (1, 4)
    assert row.train_loss == pytest.approx(np.mean(loop.losses))
    assert json.loads((tmp_path / "watch.json").read_text("utf-8"))["ended"] is False
