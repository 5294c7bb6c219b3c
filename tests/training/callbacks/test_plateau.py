import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from phoropter.training.callbacks.plateau import Plateau


@given(
    losses=st.lists(st.sampled_from([0.5, 0.75, 1.0, 1.25, 1.5]), min_size=1, max_size=30),
    passes=st.integers(1, 4),
    min_delta=st.sampled_from([0.0, 0.3]),
)
def test_the_rate_falls_as_torchs(losses, passes, min_delta):
    """torch's `patience` is how many passes are borne; the next one is one too many."""
    plateau = Plateau(passes, decay=0.5, min_delta=min_delta)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    reference = ReduceLROnPlateau(
        optimizer,
        factor=0.5,
        patience=passes - 1,
        threshold=min_delta,
        threshold_mode="abs",
        eps=0.0,
    )
    for loss in losses:
        reference.step(loss)
        assert plateau.factor_after(loss) == optimizer.param_groups[0]["lr"]


def test_the_state_survives():
    one, other = (Plateau(2, decay=0.1) for _ in range(2))
    for loss in (1.0, 2.0, 2.0, 2.0):
        one.factor_after(loss)
    other.load_state_dict(one.state_dict())
    assert other.factor_after(2.0) == one.factor_after(2.0) == 0.1**2
