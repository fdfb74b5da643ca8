"""What git keeps is whole in itself: no path of the machine where it was made."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

BUILD_PATH = re.compile(r"(?:^|[\s\"'`=(:])/(?:root|work|builds?|workspace|tmp/\w)/", re.MULTILINE)
# Its patterns begin with a slash for the root of the repository.
ANCHORED = ".gitignore"


def texts(repository: Path) -> dict[str, str]:
    """Return the text of each tracked file that is text, but for this one."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout of git")
    paths = [repository / name for name in listed.stdout.decode().split("\0") if name]
    contents = {
        path: path.read_bytes() for path in paths if path.is_file() and path.name != ANCHORED
    }
    return {
        path.relative_to(repository).as_posix(): content.decode("utf-8", "replace")
        for path, content in contents.items()
        if b"\0" not in content and path != Path(__file__).resolve()
    }


def test_no_file_names_a_folder_of_one_machine(repository: Path) -> None:
    """No tracked file holds an absolute path of whoever built it."""
    found = [name for name, text in texts(repository).items() if BUILD_PATH.search(text)]
    assert found == []


@pytest.mark.parametrize("text", ['open("/root/data")', "cd /work/main", "see `/tmp/w/x`"])
def test_the_check_can_fail(text: str) -> None:
    """A path of a builder is recognised wherever it stands."""
    assert BUILD_PATH.search(text)


def test_what_ci_starts_can_be_started(repository: Path) -> None:
    """The script is executable and names its interpreter."""
    script = repository / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text("utf-8").startswith("#!")
