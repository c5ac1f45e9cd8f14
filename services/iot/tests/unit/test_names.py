"""The service knows Dapr component names, and not what is behind them (promise 9)."""

import re
from pathlib import Path

import iot

SOURCE = Path(iot.__file__).parent
PRODUCTS = re.compile("kafka|redis|mariadb|mysql", re.IGNORECASE)


def test_no_file_names_a_product_but_the_one_that_says_what_kinds_of_store_can_do() -> None:
    files = list(SOURCE.rglob("*.py"))
    assert len(files) > 20
    naming = {str(file.relative_to(SOURCE)) for file in files if PRODUCTS.search(file.read_text())}
    assert naming == {"dapr/capabilities.py"}
