from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.recipe import TrainRecipe
from phoropter.training.plan import make_plan


@given(st.integers(1, 300), st.integers(1, 64), st.integers(1, 5))
def test_steps_share_out_the_samples(samples, batch_size, accumulate):
    recipe = TrainRecipe(epochs=2, batch_size=batch_size, accumulate=accumulate)
    plan = make_plan(recipe, samples=samples)
    each = [plan.samples_in(position) for position in range(plan.steps_per_epoch)]
    left_out = samples - sum(each)
    assert plan.batch_size <= samples
    assert left_out == (
        1 if samples > plan.batch_size > 1 and samples % plan.batch_size == 1 else 0
    )
    assert min(each) > 0
    assert plan.total_steps == 2 * len(each)


def test_batches_of_one_keep_every_sample():
    assert make_plan(TrainRecipe(batch_size=1), samples=3).batches_per_epoch == 3
