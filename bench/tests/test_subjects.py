"""What the bench measures."""

from pathlib import Path

import bench.__main__


def test_every_module_with_a_subject_is_measured() -> None:
    modules = Path(bench.__main__.__file__).parent.glob("*.py")
    assert bench.__main__.SUBJECTS.keys() == {file.stem for file in modules if "\nSUBJECT = " in file.read_text()}
