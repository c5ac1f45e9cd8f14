from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parts import found
from parts.mariadb import MariaDb


def test_servers_made_at_the_same_time_leave_each_other_alone(tmp_path: Path) -> None:
    if not found.mariadbd():
        pytest.skip("needs mariadbd (Debian: mariadb-server)")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(MariaDb, [tmp_path / str(number) for number in range(8)]))
    assert len({server.port for server in made}) == 8
