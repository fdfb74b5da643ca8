"""What osler stands on: declared, used, locked by hash, and free to use."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# SPDX names and the classifiers of packages that do not use these yet. All may be combined with
# Apache-2.0 in one distribution; none asks that osler's own code be shared alike. MPL-2.0 asks it
# of its own files only.
FREE_EXPRESSIONS = {
    "0BSD",
    "APACHE-2.0",
    "BSD-2-CLAUSE",
    "BSD-3-CLAUSE",
    "CC0-1.0",
    "HPND",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
    "ZLIB",
}
FREE_CLASSIFIERS = {
    "License :: OSI Approved :: Apache Software License",
    "License :: OSI Approved :: BSD License",
    "License :: OSI Approved :: ISC License (ISCL)",
    "License :: OSI Approved :: MIT License",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
    "License :: OSI Approved :: Python Software Foundation License",
    "License :: OSI Approved :: zlib/libpng License",
}


def installed_with_osler() -> list[str]:
    """Return the names of all that `pip install osler` brings, however far down."""
    found: set[str] = set()
    waiting = ["osler"]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            waiting += required_by(distribution(name))
    return sorted(found)


def required_by(one: Distribution) -> list[str]:
    """Return what a package needs on this machine, without its extras."""
    requirements = [Requirement(text) for text in one.requires or []]
    return [
        each.name
        for each in requirements
        if each.marker is None or each.marker.evaluate({"extra": ""})
    ]


def is_free(one: Distribution) -> bool:
    """Tell whether a package's own words about its licence are among those allowed."""
    expression = one.metadata.get("License-Expression") or ""
    if not expression:
        classifiers = set(one.metadata.get_all("Classifier") or [])
        named = {each for each in classifiers if each.startswith("License ::")}
        if named:
            return named <= FREE_CLASSIFIERS
        expression = one.metadata.get("License") or ""
    # Any one of alternatives is enough; parts that hold together must all be allowed.
    return any(
        set(re.split(r"\s+AND\s+", each.strip(" ()").upper())) <= FREE_EXPRESSIONS
        for each in re.split(r"\s+OR\s+", expression)
    )


@cache
def project(repository: Path) -> dict[str, object]:
    """Return the project table of pyproject.toml."""
    read = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    return dict(read["project"])


def declared(repository: Path) -> set[str]:
    """Return the canonical names of the declared dependencies."""
    listed = project(repository)["dependencies"]
    assert isinstance(listed, list)
    return {canonicalize_name(Requirement(one).name) for one in listed}


def imported(repository: Path) -> dict[str, set[str]]:
    """Return the packages that modules of osler import by an import statement, and where."""
    providers = packages_distributions()
    found: dict[str, set[str]] = {}
    for file in sorted((repository / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            for name in {each.split(".")[0] for each in names}:
                if name not in sys.stdlib_module_names and name != "osler":
                    brought_by = providers.get(name, [name])[0]
                    found.setdefault(canonicalize_name(brought_by), set()).add(file.name)
    return found


@pytest.mark.parametrize("name", installed_with_osler())
def test_a_dependency_is_free(name: str) -> None:
    """Whatever comes with osler may be used, changed and passed on by anyone."""
    one = distribution(name)
    said = one.metadata.get("License-Expression") or one.metadata.get("License") or "nothing"
    assert is_free(one), f"{name} {one.version} says {said[:80]!r}"


def test_the_check_of_licences_can_fail() -> None:
    """A share-alike licence, alone or beside a free one, is refused; an alternative is enough."""

    class Claims(Distribution):
        def __init__(self, claim: str) -> None:
            self.claim = claim

        def read_text(self, filename: str) -> str | None:
            return self.claim if filename == "METADATA" else None

        def locate_file(self, path: object) -> Path:
            raise FileNotFoundError(path)

    head = "Metadata-Version: 2.4\nName: x\nVersion: 1\n"
    assert not is_free(Claims(f"{head}License-Expression: GPL-3.0-or-later\n"))
    assert not is_free(Claims(f"{head}License-Expression: MIT AND AGPL-3.0-only\n"))
    assert not is_free(Claims(head))
    assert not is_free(
        Claims(f"{head}Classifier: License :: OSI Approved :: GNU General Public License (GPL)\n")
    )
    assert is_free(Claims(f"{head}License-Expression: GPL-2.0-only OR MIT\n"))


def test_what_is_imported_is_declared(repository: Path) -> None:
    """No module leans on a package that comes only by way of another."""
    undeclared = {
        name: files
        for name, files in imported(repository).items()
        if name not in declared(repository)
    }
    assert undeclared == {}


def test_what_is_declared_is_imported(repository: Path) -> None:
    """No dependency is carried along unused."""
    assert declared(repository) - set(imported(repository)) == set()


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_a_lock_has_a_hash_for_everything_and_no_address(name: str, repository: Path) -> None:
    """Each locked package has one version and its digests; no line names a place to get it from."""
    text = (repository / "requirements" / f"{name}.txt").read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text.replace("\\\n", " ").strip())
    assert all(re.match(r"[A-Za-z0-9._-]+==\S+", entry) for entry in entries)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|^-|file:|@", text, re.MULTILINE)


def test_locks_hold_all_that_is_declared_and_agree(repository: Path) -> None:
    """The run-time lock covers the dependencies, and development uses the same versions."""
    pins = {
        name: dict(
            re.findall(
                r"^([A-Za-z0-9._-]+)==(\S+)",
                (repository / "requirements" / f"{name}.txt").read_text("utf-8"),
                re.MULTILINE,
            )
        )
        for name in ("runtime", "dev")
    }
    assert declared(repository) <= set(pins["runtime"])
    assert pins["runtime"].items() <= pins["dev"].items()
