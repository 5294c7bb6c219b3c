from phoropter.training.callbacks.patience import Patience


def waits(losses, **how):
    patience = Patience(**how)
    return [patience.exhausted_after(loss) for loss in losses]


def test_falls_smaller_than_min_delta_do_not_count_but_add_up():
    assert waits([1.0, 0.95, 0.89, 0.85], passes=2, min_delta=0.1) == [False] * 4
    assert waits([1.0, 0.95, 0.95], passes=2, min_delta=0.1) == [False, False, True]


def test_zero_waits_for_ever():
    assert not any(waits([1.0] * 100, passes=0))


def test_the_state_survives():
    one, other = Patience(2), Patience(2)
    one.exhausted_after(1.0)
    one.exhausted_after(2.0)
    other.load_state_dict(one.state_dict())
    assert other.exhausted_after(2.0)
