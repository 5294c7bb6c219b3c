import numpy as np
import pytest

from phoropter.look.checks.metadata_shortcut import check, metadata

LABELS = np.repeat(["cat", "dog", "owl"], 80)


def blank(count=240):
    return np.zeros((count, 32, 32), dtype=np.uint8)


@pytest.mark.parametrize("seed", range(10))
def test_sizes_unrelated_to_the_class_give_nothing_away(evidence_of, seed):
    rng = np.random.default_rng(seed)
    columns = {
        "height": rng.integers(100, 500, 240),
        "width": rng.integers(100, 500, 240),
        "format": rng.choice(["JPEG", "PNG"], 240),
        "size_bytes": rng.integers(1000, 90_000, 240),
    }
    assert list(check(evidence_of(blank(), LABELS, seed=seed, **columns))) == []


def test_one_class_in_another_format_is_given_away(evidence_of):
    formats = np.where(LABELS == "owl", "PNG", "JPEG")
    (finding,) = check(evidence_of(blank(), LABELS, format=formats))
    assert (finding.code, finding.severity) == ("metadata-shortcut", "warning")
    assert finding.evidence["form_areas"]["owl"] == pytest.approx(1.0)
    assert finding.evidence["p_value"] <= 0.01
    assert next(iter(finding.evidence["skill_alone"])) == "format"


def test_one_camera_a_class_is_given_away(evidence_of):
    widths = np.select([LABELS == "cat", LABELS == "dog"], [640, 800], 720)
    (finding,) = check(evidence_of(blank(), LABELS, width=widths))
    assert finding.evidence["form_skill"] == pytest.approx(1.0)


def test_bytes_that_follow_the_content_a_little_are_no_alarm(evidence_of):
    rng = np.random.default_rng(0)
    sizes = 5_000 + rng.normal(0, 500, 240).astype(int) + 300 * (LABELS == "cat")
    assert list(check(evidence_of(blank(), LABELS, size_bytes=sizes))) == []


def test_bytes_count_where_somebody_chose_the_quality(evidence_of):
    """Of lossless files they say how busy the picture is, and that is no shortcut."""
    sizes = 5_000 + 3_000 * (LABELS == "cat") + np.arange(240)
    (finding,) = check(evidence_of(blank(), LABELS, size_bytes=sizes))
    assert next(iter(finding.evidence["skill_alone"])) == "file size"
    assert list(check(evidence_of(blank(), LABELS, size_bytes=sizes, format="PNG"))) == []


def test_copies_do_not_make_the_point(evidence_of):
    """Ten files repeated eight times are ten files, too few to judge."""
    digest = [f"{label}{row % 10}" for row, label in enumerate(LABELS)]
    widths = np.where(LABELS == "owl", 640, 800)
    assert list(check(evidence_of(blank(), LABELS, digest=digest, width=widths))) == []


def test_numbers_and_single_classes_are_not_asked(evidence_of):
    assert list(check(evidence_of(blank(), np.linspace(0, 1, 240)))) == []
    assert list(check(evidence_of(blank(), ["cat"] * 240))) == []


def test_what_is_the_same_everywhere_is_left_out(evidence_of):
    form, weight = metadata(evidence_of(blank(), LABELS).dataset.table)
    assert set(form) == set()
    assert set(weight) == {"file size", "bytes a pixel"}
