"""A MariaDB server as a process."""

import getpass
import os
import subprocess
from pathlib import Path

from parts.found import mariadbd
from parts.process import Process, free_port, listens

_DATABASE = """
CREATE DATABASE IF NOT EXISTS crm;
CREATE USER IF NOT EXISTS crm@'127.0.0.1' IDENTIFIED BY 'crm';
GRANT ALL ON crm.* TO crm@'127.0.0.1';
"""


class MariaDb(Process):
    """A server with the empty database `crm`; its data stays in its folder."""

    def __init__(self, folder: Path, version: str | None = None) -> None:
        """`version` is what it says instead of its own."""
        self.port = free_port()
        data = folder / "data"
        first = folder / "first.sql"
        # A server that starts removes the temporary tables in its folder for them, whosever they are.
        temporary = folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        env = {"TMPDIR": str(temporary)}
        first.write_text(_DATABASE)
        user = f"--user={getpass.getuser()}"
        install = ["mariadb-install-db", "--no-defaults", user, f"--datadir={data}", "--skip-test-db"]
        made = subprocess.run(install, env=os.environ | env, capture_output=True, text=True, check=False)
        assert made.returncode == 0, f"mariadb-install-db ended with {made.returncode}:\n{made.stdout}{made.stderr}"  # noqa: S101  a test's part
        words = [
            mariadbd(),
            "--no-defaults",
            user,
            f"--datadir={data}",
            f"--socket={folder / 'mariadb.sock'}",
            f"--init-file={first}",
        ]
        words += [f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve"]
        super().__init__(words + ([f"--version={version}"] if version else []), folder / "mariadb.log", env=env)

    @property
    def url(self) -> str:
        """What CRM_DATABASE_URL says to use it."""
        return f"mysql+pymysql://crm:crm@127.0.0.1:{self.port}/crm"

    def ready(self) -> bool:
        """Whether it takes connections."""
        return listens(self.port)
