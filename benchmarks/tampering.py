"""Tamper with a small vault in every way there is, and count what is refused.

2,000 single-bit flips at positions drawn over all files; files swapped, cut, removed, replayed;
the ledger and the whole folder rolled back. Run: python benchmarks/tampering.py
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from osler.errors import OslerError
from osler.vault import Actor, Kdf, Key, Vault
from synthetic import events

FLIPS = 2_000
ACTOR = Actor("benchmark", "benchmark")
KEY = Key.from_passphrase("benchmark")


def run(flips: int = FLIPS, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows of the table: what was done, how often, and how often it was refused."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        rows = [_tried(name, bench, act) for name, act in bench.acts(flips, seed)]
        assert bench.sound(), "the untouched vault must be sound"
    return rows


def _tried(name: str, bench: Bench, tries: Iterator[Callable[[], None]]) -> dict[str, Any]:
    done = refused = 0
    for act in tries:
        act()
        refused += not bench.sound()
        done += 1
        bench.restore()
    return {"what": name, "tried": done, "refused": refused}


class Bench:
    """A vault with two loads and an attachment, and its bytes to put back."""

    def __init__(self, folder: Path) -> None:
        self.path, self._heads = folder / "vault", folder / "heads"
        vault = Vault.init(
            self.path,
            KEY,
            shards=4,
            actor=ACTOR,
            head_folder=self._heads,
            kdf=Kdf(passes=1, memory_kib=64, lanes=1),
        )
        self._load(vault, 0)
        self._earlier = self._bytes()
        self._load(vault, 1)
        vault.record("look")
        self._now = self._bytes()

    def _load(self, vault: Vault, seed: int) -> None:
        with vault.loading("benchmark", f"{seed:064x}") as load:
            for frame in events(5_000, 50, seed):
                load.append(frame)
            load.attach(10_000_001, f"scan {seed}", io.BytesIO(os.urandom(100_000)))

    def _bytes(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted(self.path.rglob("*")) if path.is_file()}

    def sound(self) -> bool:
        """Tell whether verification finds nothing wrong."""
        try:
            return Vault.verify_path(self.path, KEY, head_folder=self._heads).sound
        except OslerError:
            return False

    def restore(self, content: dict[Path, bytes] | None = None) -> None:
        """Put the bytes of the vault back."""
        wanted = self._now if content is None else content
        present = self._bytes()
        for path in present.keys() - wanted.keys():
            path.unlink()
        for path, whole in wanted.items():
            if present.get(path) != whole:
                path.write_bytes(whole)

    def acts(self, flips: int, seed: int) -> Iterator[tuple[str, Iterator[Callable[[], None]]]]:
        """Yield every way to tamper: its name and the single tries."""
        yield f"one of {flips:,} bits flipped", self._flips(flips, seed)
        yield "two files swapped", self._swaps()
        yield "a file cut, emptied or lengthened", self._cuts()
        yield "a file removed", self._removals()
        yield "a file of the generation before put back", self._replays()
        yield "the ledger rolled back", self._rollbacks()
        yield "the whole folder rolled back", iter([lambda: self.restore(self._earlier)])

    def _files(self) -> list[Path]:
        return [path for path, whole in self._now.items() if whole]

    def _flips(self, flips: int, seed: int) -> Iterator[Callable[[], None]]:
        files = self._files()
        ends = np.cumsum([len(self._now[path]) * 8 for path in files])
        for position in np.random.default_rng(seed).integers(0, ends[-1], flips):
            number = int(np.searchsorted(ends, position, side="right"))
            own = int(position - (ends[number - 1] if number else 0))
            yield lambda path=files[number], own=own: self._flip(path, own)

    def _flip(self, path: Path, position: int) -> None:
        whole = bytearray(self._now[path])
        whole[position // 8] ^= 1 << position % 8
        path.write_bytes(whole)

    def _swaps(self) -> Iterator[Callable[[], None]]:
        files = self._files()
        for one, two in zip(files, files[1:] + files[:1], strict=True):
            yield lambda one=one, two=two: self.restore(
                self._now | {one: self._now[two], two: self._now[one]}
            )

    def _cuts(self) -> Iterator[Callable[[], None]]:
        for path in self._files():
            whole = self._now[path]
            for content in (whole[:-1], whole[: len(whole) // 2], b"", whole + b"\1" * 12):
                yield lambda path=path, content=content: path.write_bytes(content) and None

    def _removals(self) -> Iterator[Callable[[], None]]:
        for path in self._files():
            yield path.unlink

    def _replays(self) -> Iterator[Callable[[], None]]:
        for path, whole in self._earlier.items():
            if path in self._now and whole != self._now[path] and path.name != "ledger":
                yield lambda path=path, whole=whole: path.write_bytes(whole) and None

    def _rollbacks(self) -> Iterator[Callable[[], None]]:
        ledger, whole = self.path / "ledger", self._now[self.path / "ledger"]
        for content in (self._earlier[ledger], whole[:-1], whole[: len(whole) * 9 // 10]):
            yield lambda content=content: ledger.write_bytes(content) and None


def main() -> None:
    """Print the table and fail if anything was not refused."""
    rows = run()
    for row in rows:
        print(f"{row['what']:<45} {row['refused']:>6,} of {row['tried']:>6,} refused")
    if any(row["refused"] < row["tried"] for row in rows):
        raise SystemExit("something was not refused")


if __name__ == "__main__":
    main()
