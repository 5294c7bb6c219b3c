import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phoropter.cli.duration import seconds, spoken
from phoropter.core.errors import UsageError


@given(
    st.integers(min_value=1, max_value=10**6), st.sampled_from([("s", 1), ("m", 60), ("h", 3600)])
)
def test_a_number_and_a_unit_are_a_time(count, unit):
    letter, factor = unit
    assert seconds(f"{count}{letter}") == count * factor
    assert seconds(f" {count}{letter.upper()} ") == count * factor


@given(st.text(max_size=12))
def test_any_other_text_is_refused_in_one_line(text):
    assume(not text.strip()[:1].isdigit())
    with pytest.raises(UsageError) as caught:
        seconds(text)
    assert repr(text) in caught.value.message
    assert caught.value.hint == "Write 90s, 10m or 2h."


@pytest.mark.parametrize(
    "text",
    ["", "10", "m", "0s", "0.0h", "-5m", "1h30m", "1e3s", "nans", "infs", "٣s", "9" * 400 + "s"],
)
def test_refused(text):
    with pytest.raises(UsageError):
        seconds(text)


@given(st.floats(min_value=0, max_value=10**7))
def test_spoken_times_name_a_unit(value):
    assert spoken(value).endswith((" s", " min"))


def test_spoken_rounds_up_into_the_next_unit():
    assert spoken(59.99) == "1 min 0 s"
    assert spoken(3599.9) == "1 h 0 min"
