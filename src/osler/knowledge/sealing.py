"""Making a release from a folder: its list gets the digests of its files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from osler.errors import Fault, InputError
from osler.knowledge.release import LIST, Release, _list_of, faults_of_list


def seal(folder: Path) -> Release:
    """Fill in the digest of every file that a release's list names, and return the release.

    Parameters
    ----------
    folder
        Holds `release.json` (the digests may be absent) and the files that it names.

    Raises
    ------
    InputError
        If the list is faulty, or a file that it names is not there; the list is then unchanged.
    """
    content = _list_of(folder)
    faults = faults_of_list(content, f"{folder.name}/{LIST}", sealed=False)
    if faults:
        raise InputError(faults)
    absent = [one["file"] for one in content["tables"] if not (folder / one["file"]).is_file()]
    if absent:
        raise InputError([Fault(f"{folder.name}/{file}", "absent", "a file") for file in absent])
    for table in content["tables"]:
        table["sha256"] = hashlib.sha256((folder / table["file"]).read_bytes()).hexdigest()
    (folder / LIST).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return Release.open(folder)
