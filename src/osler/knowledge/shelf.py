"""Where releases lie: those that ship with osler, and those that a user installed beside them."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from osler import config
from osler.errors import Damaged, Fault, InputError
from osler.knowledge.release import LIST, Release

SHIPPED = Path(__file__).parent / "data"
INSTALLED = "knowledge"
LARGEST_RELEASE_BYTES = 2 << 30


def installed_folder() -> Path:
    """Return the folder of the user's own releases, in osler's state folder."""
    return config.state_folder() / INSTALLED


def releases() -> list[Release]:
    """Return every release, by subject and then from old to new.

    A folder of the user's that is no release, or has the name of one that ships, is passed over
    here; `verify` tells of it.
    """
    found: dict[str, Release] = {}
    for folder in _folders():
        try:
            release = Release.open(folder)
        except InputError:
            continue
        found.setdefault(release.name, release)
    return sorted(found.values(), key=lambda one: (one.subject, one.date, one.name))


def subjects() -> list[str]:
    """Return what there are releases about."""
    return list(dict.fromkeys(release.subject for release in releases()))


def current(subject: str) -> Release:
    """Return the newest release about a subject, shipped or installed.

    Raises
    ------
    InputError
        If there is none.
    """
    about = [release for release in releases() if release.subject == subject]
    if not about:
        raise InputError(
            Fault("subject of knowledge", repr(subject), f"one of {', '.join(subjects())}")
        )
    return about[-1]


def get(name: str) -> Release:
    """Return the release of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    known = {release.name: release for release in releases()}
    if name not in known:
        raise InputError(
            Fault("release of knowledge", repr(name), f"one of {', '.join(sorted(known))}")
        )
    return known[name]


def verify() -> dict[str, list[str]]:
    """Read every table of every release; return what is wrong, by release, empty where sound."""
    report: dict[str, list[str]] = {}
    for folder in _folders():
        try:
            release = Release.open(folder)
        except InputError as error:
            report[folder.name] = [str(error)]
            continue
        if release.name in report:
            report[release.name].append("an installed release has the same name")
            continue
        report[release.name] = release.faults()
    return report


def install(source: Path) -> Release:
    """Take a newer release: whole and sound, or not at all.

    Parameters
    ----------
    source
        A release's folder, or that folder in a `.zip` or `.tar.gz`.

    Returns
    -------
    Release
        As installed; one that is installed already with the same digest is left as it is.

    Raises
    ------
    InputError
        If it is no release, or another release of that name is there.
    Damaged
        If a table is not what was sealed.
    """
    shelf = installed_folder()
    shelf.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=shelf) as room:
        offered = Release.open(_laid_out(source, Path(room) / "laid"))
        faults = offered.faults()
        if faults:
            raise Damaged("; ".join(faults))
        known = {release.name: release for release in releases()}
        if offered.name in known:
            return _same(known[offered.name], offered)
        fresh = Path(room) / "fresh"
        for file in (LIST, *(table.file for table in offered.tables)):
            (fresh / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(offered.folder / file, fresh / file)
        fresh.rename(shelf / offered.name)
    return get(offered.name)


def _same(there: Release, offered: Release) -> Release:
    if there.sha256 == offered.sha256:
        return there
    raise InputError(
        Fault(
            f"release {offered.name}",
            "another content than the one installed under this name",
            "a name that is new",
            "give a changed release a date and a name of its own",
        )
    )


def _folders() -> Iterator[Path]:
    for shelf in (SHIPPED, installed_folder()):
        if shelf.is_dir():
            yield from sorted(one for one in shelf.iterdir() if (one / LIST).is_file())


def _laid_out(source: Path, room: Path) -> Path:
    """Return the folder that holds the release's list, unpacked if it came packed."""
    if source.is_dir():
        return source
    room.mkdir()
    try:
        if zipfile.is_zipfile(source):
            _unpack_zip(source, room)
        elif tarfile.is_tarfile(source):
            _unpack_tar(source, room)
        else:
            raise _no_release(source)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, *_CLASHES) as error:
        raise _no_release(source) from error
    lists = sorted(room.rglob(LIST), key=lambda path: len(path.parts))
    if not lists:
        raise _no_release(source)
    return lists[0].parent


# A name that is a file and a folder at once.
_CLASHES = (FileExistsError, IsADirectoryError, NotADirectoryError)


def _no_release(source: Path) -> InputError:
    return InputError(
        Fault(str(source), f"no {LIST} in it", "a release: a folder, .zip or .tar.gz")
    )


def _unpack_zip(source: Path, room: Path) -> None:
    with zipfile.ZipFile(source) as packed:
        _refuse_large(source, sum(one.file_size for one in packed.infolist()))
        packed.extractall(room)  # noqa: S202  zipfile drops what would leave the folder


def _unpack_tar(source: Path, room: Path) -> None:
    """Write the plain files of an archive; links, devices and what would leave the folder are not.

    Early versions of Python 3.11 have no filter of members.
    """
    inside = room.resolve()
    with tarfile.open(source) as packed:
        members = packed.getmembers()
        _refuse_large(source, sum(one.size for one in members))
        for one in members:
            content = packed.extractfile(one) if one.isreg() else None
            if content is None:
                continue
            place = (inside / one.name).resolve()
            if not place.is_relative_to(inside):
                raise _no_release(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            with content, place.open("wb") as out:
                shutil.copyfileobj(content, out)


def _refuse_large(source: Path, size_bytes: int) -> None:
    if size_bytes > LARGEST_RELEASE_BYTES:
        raise InputError(Fault(str(source), "more than 2 GiB unpacked", "a release"))
