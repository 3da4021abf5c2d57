"""No name that programs use gets lost (`api_names.csv`)."""

import pytest
from api_coverage import ABSENT, exists, rows, share_complete


@pytest.mark.parametrize("name", [name for _, name, _ in rows() if name not in ABSENT])
def test_the_name_exists(name):
    assert exists(name)


def test_what_is_listed_as_absent_is_absent():
    assert [name for name in ABSENT if exists(name)] == []


def test_share_of_files():
    least, most = share_complete(None)
    assert 0.88 <= most <= 0.89 and least <= most
