"""What may be handed over as y."""

import numpy as np
import pytest

from osler import InputError
from osler.learn.outcome import as_binary, as_survival, as_times


def _y_of(event, time, event_type=int):
    y = np.zeros(len(time), dtype=[("time", float), ("event", event_type)])
    y["event"], y["time"] = event, time
    return y


def test_field_order_and_boolean_events():
    """Fields may come in either order and the event may be true or false."""
    outcome = as_survival(_y_of([True, False], [0.0, 2.0], bool))
    assert outcome.event.tolist() == [1, 0]
    assert outcome.causes == 1


@pytest.mark.parametrize("time", [np.nan, np.inf, -1.0])
def test_impossible_times(time):
    """A missing, infinite or negative time is refused without echoing it."""
    with pytest.raises(InputError, match=r"1 \w+ values"):
        as_survival(_y_of([1, 0], [time, 2.0]))


def test_impossible_events_and_entries():
    """Negative or broken events and entries after the time are all told at once."""
    with pytest.raises(InputError) as caught:
        as_survival(_y_of([-1.0, 0.5], [1.0, 2.0], float), entry=[5.0, 0.0])
    assert len(caught.value.faults) == 2


@pytest.mark.parametrize("y", [[1, 2], np.zeros(3), np.zeros(2, dtype=[("event", int)]), None])
def test_no_structured_array(y):
    """Anything without the two fields is refused with what was expected."""
    with pytest.raises(InputError, match="'time'"):
        as_survival(y)


def test_labels():
    """Only 0 and 1 are labels."""
    assert as_binary([True, False]).tolist() == [1.0, 0.0]
    for bad in ([0, 2], [0.0, np.nan], ["a", "b"], [[0, 1]]):
        with pytest.raises(InputError):
            as_binary(bad)


def test_times_asked():
    """A single time is one time; negative and missing ones are refused."""
    assert as_times(3).tolist() == [3.0]
    for bad in ([-1.0], [np.nan], [[1.0]], ["x"]):
        with pytest.raises(InputError):
            as_times(bad)
