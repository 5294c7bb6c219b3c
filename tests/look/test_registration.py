"""The closed forms of laying pictures onto each other, against plain linear algebra."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from phoropter.look import registration as module
from phoropter.look.registration import prepared, register

REST = np.eye(2, 3, dtype=np.float32)


def poses_of(seed, count=20, by=0.2):
    draw = np.random.default_rng(seed)
    return (REST + by * draw.normal(size=(count, 2, 3))).astype(np.float32)


@given(seed=st.integers(0, 1000))
def test_composed_is_the_pose_after_the_inverse_of_the_change(seed):
    poses, change = poses_of(seed), 0.1 * (poses_of(seed + 1) - REST).reshape(-1, 6)
    found = module._composed(poses, change)
    last = np.broadcast_to(np.float32([[[0, 0, 1]]]), (len(poses), 1, 3))
    whole = np.concatenate([change.reshape(-1, 2, 3) + REST, last], axis=1)
    assert found == pytest.approx(poses @ np.linalg.inv(whole), abs=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_plausible_poses_are_told_by_singular_values_turn_and_shift(seed):
    poses = poses_of(seed, count=200, by=0.12)
    linear = poses[:, :, :2].astype(np.float64)
    scales = np.linalg.svd(linear, compute_uv=False)
    turn = np.arctan2(linear[:, 0, 1] - linear[:, 1, 0], linear[:, 0, 0] + linear[:, 1, 1])
    expected = (
        (scales[:, 0] <= module.LARGEST_SCALE)
        & (scales[:, 1] >= 1 / module.LARGEST_SCALE)
        & (scales[:, 0] <= module.LARGEST_SQUEEZE * scales[:, 1])
        & (np.linalg.det(linear) > 0)
        & (np.abs(turn) <= module.LARGEST_TURN)
        & (np.abs(poses[:, :, 2]).max(axis=1) <= module.LARGEST_SHIFT)
    )
    assert module._plausible(poses).tolist() == expected.tolist()
    assert 0 < expected.sum() < len(poses)


def test_mirroring_and_collapsing_poses_are_not_plausible():
    poses = np.stack([REST, REST * [[1], [-1]], REST * [[-1], [-1]], REST * 0]).astype(np.float32)
    assert module._plausible(poses).tolist() == [True, False, False, False]


def test_pictures_are_read_between_pixels_and_marked_outside():
    draw = np.random.default_rng(0)
    channels = draw.normal(size=(6, 2, 16, 16)).astype(np.float32)
    poses, grid = poses_of(1, count=6), module._grid(16)
    found, inside = module._warped(channels, poses, grid)
    places = (poses @ grid + 1) * 8 - 0.5
    for picture in range(6):
        within = ((places[picture] >= 0) & (places[picture] <= 15)).all(axis=0)
        assert inside[picture][within].all()
        assert not inside[picture][(np.abs(places[picture] - 7.5) > 7.52).any(axis=0)].any()
        for channel in range(2):
            read = ndimage.map_coordinates(
                channels[picture, channel], places[picture], order=1, mode="nearest"
            )
            assert found[picture, channel][within] == pytest.approx(read[within], abs=1e-2)


def test_as_they_lie_pictures_agree_as_under_the_identity():
    draw = np.random.default_rng(0)
    target, moving = (draw.normal(size=(5, 3, 32, 32)).astype(np.float32) for _ in range(2))
    rest = np.tile(REST, (5, 1, 1))
    still = module._resting(target, moving, rest)
    laid = module._scored(target, moving, rest)
    assert still.edges == pytest.approx(laid.edges, abs=1e-5)
    assert still.light == pytest.approx(laid.light, abs=1e-5)
    for row in range(5):
        inner = np.s_[row, :, module.MARGIN : -module.MARGIN, module.MARGIN : -module.MARGIN]
        one, other = target[inner], moving[inner]
        assert still.light[row] == pytest.approx(
            np.corrcoef(one[0].ravel(), other[0].ravel())[0, 1], abs=1e-5
        )
        edges = one[1:].ravel() @ other[1:].ravel()
        lengths = np.linalg.norm(one[1:]) * np.linalg.norm(other[1:])
        assert still.edges[row] == pytest.approx(edges / lengths, abs=1e-5)


def test_the_mirror_image_is_the_picture_laid_back():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 8)).astype(np.uint8)
    pictures = pictures.repeat(4, axis=1).repeat(4, axis=2)
    both = prepared(np.concatenate([pictures, pictures[:, :, ::-1]]))
    pairs = np.array([[0, 3], [1, 4], [2, 5], [0, 4]])
    found = register(both, pairs, np.ones(4, dtype=bool))
    assert found.edges[:3] == pytest.approx(1, abs=1e-3)
    assert found.light[:3] == pytest.approx(1, abs=1e-3)
    assert found.poses[:3] == pytest.approx(np.tile(REST, (3, 1, 1)), abs=1e-3)
    assert found.edges[3] < 0.8


def test_no_pairs_at_all():
    both = prepared(np.zeros((2, 32, 32), dtype=np.uint8))
    found = register(both, np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=bool))
    assert len(found.edges) == len(found.light) == len(found.poses) == 0
