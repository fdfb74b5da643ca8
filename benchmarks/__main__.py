"""Run the benchmarks, print their tables and write them into docs/benchmarks.md.

`python -m benchmarks [NAME ...]`. Each runs in a process of its own. One whose data are not there
is skipped with a message and keeps the table that it printed last.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "benchmarks.md"
NOT_BENCHMARKS = ("__init__", "__main__", "synthetic")
NEEDS_DATA = (
    "effect_individual",
    "effect_verdict",
    "metabric",
    "pgx_cases",
    "pgx_speed",
    "physionet2012",
    "rare_disease",
    "rare_disease_variants",
    "subtype",
    "survival_competing",
    "survival_quality",
)
VERSIONS_OF = ("polars", "pyarrow", "numpy", "scikit-learn", "lightgbm", "duckdb", "lifelines")
CHILD = (
    "import json, sys, importlib; sys.path.insert(0, 'benchmarks'); "
    "rows = importlib.import_module(sys.argv[1]).run(); "
    "open(sys.argv[2], 'w').write(json.dumps(rows, default=str))"
)

Rows = list[dict[str, Any]]


def main(names: list[str]) -> int:
    """Run those named, else all; return how many failed."""
    known = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    wrong = [name for name in names if name not in known]
    if wrong:
        print(f"no such benchmark: {', '.join(wrong)}; there are {', '.join(known)}")
        return 2
    failed = 0
    for name in names or known:
        if name in NEEDS_DATA and not os.environ.get("OSLER_DATA"):
            print(f"\n{name}: skipped, OSLER_DATA is not set")
            continue
        print(f"\n{name}: running", flush=True)
        rows = _run(name)
        if rows is None:
            failed += 1
            print(f"{name}: failed")
            continue
        print("\n".join(table(rows)), flush=True)
        _write(name, rows)
    return failed


def _run(name: str) -> Rows | None:
    work = FOLDER / "work"
    work.mkdir(exist_ok=True)
    out = work / f"{name}.json"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, name, str(out)], cwd=FOLDER.parent, check=False
    )
    return json.loads(out.read_text()) if done.returncode == 0 else None


def table(rows: Rows) -> list[str]:
    """Return the rows as a Markdown table, columns in the order in which they appear."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return lines + [f"| {' | '.join(cell(row.get(one)) for one in columns)} |" for row in rows]


def cell(value: Any) -> str:
    """Return a number with as many digits as say something, an estimate with its interval."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value).replace("|", "\\|")


def _write(name: str, rows: Rows) -> None:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    about = f"{datetime.now(UTC).date()}, {_machine()}, {_versions()}"
    block = "\n".join([begin, f"## {_title(name)}", "", f"*{about}*", "", *table(rows), "", end])
    page = PAGE.read_text("utf-8")
    if begin in page:
        page = re.sub(f"{begin}.*?{end}", lambda _: block, page, flags=re.DOTALL)
    else:
        page = page.replace("<!-- /benchmarks -->", f"{block}\n\n<!-- /benchmarks -->")
    PAGE.write_text(page, "utf-8")


def _title(name: str) -> str:
    first = (FOLDER / f"{name}.py").read_text("utf-8").split('"""')[1].strip().splitlines()[0]
    return first.rstrip(".")


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def _versions() -> str:
    found = []
    for name in VERSIONS_OF:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
