"""Guides and README run as they are written, block after block, in one folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"(<!-- not run[^>]*-->\n)?^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
FILE_NAME = re.compile(r'title="([^"]+)"')
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# The guide from FHIR has a test of its own, which looks at what it leaves behind; the page on
# mappings has no command to run.
GUIDES = [
    page
    for page in PAGES
    if page.parent.name == "howto" and page.stem not in ("fhir-to-report", "mapping")
]
# Pages at the root become pages of the site; there they lie beside docs/.
GENERATED = {"changelog.md", "architecture.md"}


def run_blocks(page: Path, folder: Path, kinds: tuple[str, ...]) -> int:
    """Run a page's blocks in one shell after another; exported variables live on."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OSLER_STATE": str(folder / "state"),
    }
    script, count = ["set -euo pipefail"], 0
    for unrun, kind, about, text in BLOCK.findall(page.read_text("utf-8")):
        named = FILE_NAME.search(about)
        if named:
            (folder / named[1]).write_text(text, "utf-8")
        elif kind in kinds and not unrun:
            count += 1
            if kind == "python":
                (folder / f"block{count}.py").write_text(text, "utf-8")
                script.append(f"python block{count}.py")
            else:
                script.append(text)
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return count


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=lambda page: page.stem)
def test_a_guide_runs_as_it_is_written(guide: Path, tmp_path: Path) -> None:
    """A reader who copies every block of a guide gets through it."""
    assert run_blocks(guide, tmp_path, ("bash", "python")) >= 1


@pytest.mark.slow
def test_the_guide_from_fhir_to_a_report_runs(tmp_path: Path) -> None:
    """A reader who copies every block ends with a study, a report, and the patient erased."""
    assert run_blocks(ROOT / "docs/howto/fhir-to-report.md", tmp_path, ("bash",)) >= 7
    assert (tmp_path / "run" / "report.html").is_file()
    assert (tmp_path / "patient" / "report.fhir.json").is_file()


def test_the_readme_runs(tmp_path: Path) -> None:
    """The Python of the README runs as it stands."""
    assert run_blocks(ROOT / "README.md", tmp_path, ("python",)) >= 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a page of the project leads to one that is there."""
    for link in LINK.findall(page.read_text("utf-8")):
        if ":" in link or link in GENERATED:
            continue
        assert (page.parent / link).exists(), link


def test_nothing_tracked_names_an_index_or_a_build_folder() -> None:
    """No file says where its packages came from or where it was built."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout of git")
    forbidden = re.compile(
        rb"https?://[^\s\"')>]*(?:/simple|pypi\.org/packages)|--index-url|file:///"
    )
    found = [
        name
        for name in listed.stdout.splitlines()
        if name != "tests/docs/test_guides.py"
        and (ROOT / name).is_file()
        and forbidden.search((ROOT / name).read_bytes())
    ]
    assert found == []
