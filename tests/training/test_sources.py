import numpy as np
import pytest
from PIL import Image

from phoropter.core.events import silent
from phoropter.models.catalog import frozen_trunk
from phoropter.training.sources import open_images, open_source, pixel_statistics


def pictures(problem):
    """Every image as the table has it, in [0, 1]: they are grey and of one size."""
    paths = [problem.dataset.root / path for path in problem.dataset.table["path"]]
    return np.stack([np.asarray(Image.open(path), dtype=np.float64) / 255 for path in paths])


def test_images_come_in_the_order_of_the_table(problem, tiny):
    source = open_images(tiny(), problem, listener=silent)
    rows = np.array([5, 0, 5, 119])
    batch = source.inputs.batch(rows)
    assert tuple(batch.shape) == (4, 1, 8, 8)
    assert np.array_equal(batch[:, 0].numpy(), np.rint(pictures(problem)[rows] * 255))
    assert source.features == ""


def test_statistics_are_of_the_training_part_alone(problem, tiny):
    source = open_images(tiny(), problem, listener=silent)
    trained = pictures(problem)[problem.rows("train")]
    assert source.normalization.mean == pytest.approx((trained.mean(),), rel=1e-6)
    assert source.normalization.std == pytest.approx((trained.std(ddof=1),), rel=1e-6)
    assert source.preprocessing.normalization == source.normalization
    assert pixel_statistics(source.inputs, problem)[0] == source.normalization.mean


def test_three_channels_have_three_statistics(problem, tiny):
    source = open_images(tiny(data__channels=3), problem, listener=silent)
    assert len(set(source.normalization.mean)) == 1
    assert len(source.normalization.mean) == len(source.normalization.std) == 3


def test_without_normalisation_pixels_stay_as_they_are(problem, tiny):
    source = open_images(tiny(data__normalize="none"), problem, listener=silent)
    assert (source.normalization.mean, source.normalization.std) == ((0.0,), (1.0,))


def test_pixels_as_features_are_the_normalised_images(problem, tiny):
    recipe = tiny(model__name="ridge")
    source = open_source(recipe, problem, listener=silent)
    assert (source.features, source.normalization) == ("pixels", None)
    assert source.preprocessing == open_images(recipe, problem, listener=silent).preprocessing
    how = source.preprocessing.normalization
    expected = (pictures(problem) - how.mean[0]) / how.std[0]
    rows = np.arange(120)
    np.testing.assert_allclose(
        source.inputs.batch(rows).numpy(), expected.reshape(120, 64), rtol=1e-4, atol=1e-4
    )


def test_equal_images_have_equal_features_of_a_frozen_network(problem, tiny):
    recipe = tiny(model__name="knn", model__backbone="cnn")
    source = open_source(recipe, problem, listener=silent)
    assert source.features == "cnn"
    features = source.inputs.batch(np.arange(120)).numpy()
    assert features.shape[0] == 120
    again = open_source(recipe, problem, listener=silent)
    assert np.array_equal(again.inputs.batch(np.arange(120)).numpy(), features)
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    ("change", "frozen"),
    [
        ({}, ""),
        ({"model.name": "knn"}, "pixels"),
        ({"model.name": "knn", "model.backbone": "efficientnet_lite0"}, "efficientnet_lite0"),
        ({"model.pretrained": True, "model.transfer": "features"}, ""),  # it has no weights
        ({"model.pretrained": True, "model.transfer": "finetune"}, ""),
        ({"model.pretrained": False, "model.transfer": "features"}, ""),
    ],
)
def test_what_of_a_model_is_frozen(tiny, change, frozen):
    assert frozen_trunk(tiny().changed(change)) == frozen
