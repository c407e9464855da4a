import pytest
from django.db import DataError, InterfaceError, OperationalError

from webhooks.sweeping import _attempt


def failing(error: Exception) -> None:
    raise error


def test_what_is_wrong_with_one_row_ends_no_sweep(caplog: pytest.LogCaptureFixture) -> None:
    _attempt("waking a drain", lambda: failing(DataError("out of range")))
    assert "The sweep failed at waking a drain: DataError" in caplog.text


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, ConnectionRefusedError])
def test_a_sweep_ends_where_the_database_or_the_broker_is_away(error: type[Exception]) -> None:
    with pytest.raises(error):
        _attempt("waking a drain", lambda: failing(error()))
