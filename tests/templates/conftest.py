"""One compiled catalogue for all tests of this room: it never changes."""

import pytest

from templates.catalog import Catalog


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog.load()
