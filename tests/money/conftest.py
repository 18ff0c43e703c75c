"""The service of most tests of money; other tests have their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.money.paid_service import PaidService, paid_service


@pytest.fixture
def service() -> Iterator[PaidService]:
    with paid_service() as serving:
        yield serving
