"""Calls made elsewhere: a star-allele caller for CYP2D6, an HLA typing, a laboratory's report.

One call a line, tab-separated, no header: gene, diplotype, phenotype, activity score. Any but the
gene may be blank, and lines that are blank or begin with `#` are passed over. The calls hold for
every sample and take the place of what the VCF says; where the two differ, that is told. A gene
that stands several times has several possible calls, all of which are listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from osler.errors import Fault, InputError
from osler.genome.pgx import hla
from osler.genome.pgx.nouns import Diplotype, GeneCall
from osler.genome.pgx.phenotype import NOT_SCORED, Phenotype, PhenotypeTable, Score
from osler.genome.pgx.phenotype_tables import Phenotypes

FIELDS = ("gene", "diplotype", "phenotype", "activity score")
LAYOUT = ", ".join(FIELDS)
GENE = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*")
LARGEST_FILE_BYTES = 4 << 20
LONGEST_FIELD = 200


@dataclass(frozen=True)
class OutsideCall:
    """One call made elsewhere; what was left blank is None.

    Attributes
    ----------
    activity_score
        As it was written: `1.5` or `≥3.0`.
    """

    gene: str
    diplotype: Diplotype | None = None
    phenotype: str | None = None
    activity_score: str | None = None

    @property
    def is_blank(self) -> bool:
        """Whether nothing but the gene was given."""
        return self.diplotype is None and self.phenotype is None and self.activity_score is None


@dataclass(frozen=True)
class OutsideGene:
    """All that was told from outside of one gene.

    Attributes
    ----------
    call
        With every diplotype told.
    phenotypes
        What each call means, in the same order; HLA has one, with the statuses of all calls.
    labels
        What each of them is called: the diplotype, or what was told in its place.
    """

    call: GeneCall
    phenotypes: tuple[Phenotype, ...]
    labels: tuple[str, ...]


def read_outside_calls(path: Path) -> tuple[OutsideCall, ...]:
    """Read a file of outside calls.

    Raises
    ------
    InputError
        If it cannot be read or any line is malformed; every fault is told, none with its content.
    """
    faults: list[Fault] = []
    calls = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path.name}, line {number}"
        wrong = _faults_of_line(line, where)
        faults += wrong
        if not wrong:
            calls.append(_call_of_line(line))
    if faults:
        raise InputError(faults)
    return tuple(dict.fromkeys(calls))


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise InputError(Fault(str(path), "more than 4 MiB", "a file of outside calls"))
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        why = error.strerror or "an error of the system"
        raise InputError(Fault(str(path), why, "a file of outside calls")) from error
    except UnicodeDecodeError as error:
        raise InputError(Fault(str(path), "not text in UTF-8", "tab-separated text")) from error
    return text.splitlines()


def _faults_of_line(line: str, where: str) -> list[Fault]:
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) > len(FIELDS):
        return [Fault(where, f"{len(cells)} fields", "at most 4, tab-separated: " + LAYOUT)]
    if cells[0].lower() in ("gene", "genes") or cells[:2] == ["Gene", "Diplotype"]:
        return [Fault(where, "a header", "calls only", "leave the header out")]
    faults = []
    if not GENE.fullmatch(cells[0]):
        faults.append(Fault(f"{where}, gene", "no gene", "a gene's symbol, such as CYP2D6"))
    if max(map(len, cells)) > LONGEST_FIELD:
        faults.append(Fault(where, "a field over 200 characters", LAYOUT))
    if any(not cell.isprintable() for cell in cells):
        faults.append(Fault(where, "characters that cannot be printed", "plain text"))
    if len(cells) > 1 and cells[1] and _pair(cells[0], cells[1]) is None:
        expected = "one allele or two with '/' between, such as *1/*4"
        faults.append(Fault(f"{where}, diplotype", "something else", expected))
    if len(cells) > 3 and cells[3] and cells[3] != NOT_SCORED and Score.read(cells[3]) is None:
        expected = "a number from 0, or such as ≥3.0"
        faults.append(Fault(f"{where}, activity score", "no score", expected))
    return faults


def _call_of_line(line: str) -> OutsideCall:
    gene, diplotype, phenotype, score = [
        cell.strip() for cell in (line + "\t" * len(FIELDS)).split("\t")[: len(FIELDS)]
    ]
    read = Score.read(score)
    return OutsideCall(
        gene,
        _pair(gene, diplotype) if diplotype else None,
        phenotype or None,
        str(read) if read else None,
    )


def _pair(gene: str, text: str) -> Diplotype | None:
    """Return the pair in order, without the gene's name before an allele; None if it is none."""
    parts = [part.strip().removeprefix(gene).strip() for part in text.split("/")]
    if len(parts) > 2 or not all(parts) or any("|" in part for part in parts):
        return None
    first, *rest = sorted(parts, key=natural)
    return Diplotype(first, rest[0] if rest else None)


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Return the key that sorts `*4` before `*10`.

    Examples
    --------
    >>> sorted(["*10", "*4", "*1x2", "*1"], key=natural)
    ['*1', '*1x2', '*4', '*10']
    """
    return [
        (at % 2 == 1, int(part) if at % 2 else 0, part)
        for at, part in enumerate(re.split(r"([0-9]{1,9})", name))
    ]


def by_gene(
    calls: Iterable[OutsideCall], phenotypes: Phenotypes, asked: Mapping[str, Sequence[str]]
) -> dict[str, OutsideGene]:
    """Return what the calls mean, gene by gene.

    Parameters
    ----------
    asked
        For HLA genes the keys that guidelines are looked up with.
    """
    listed: dict[str, list[OutsideCall]] = {}
    for call in calls:
        listed.setdefault(call.gene, []).append(call)
    return {
        gene: _hla(gene, told, hla.alleles_asked(asked.get(gene, ())))
        if gene in hla.GENES
        else _read(gene, told, phenotypes)
        for gene, told in listed.items()
    }


def _read(gene: str, told: list[OutsideCall], phenotypes: Phenotypes) -> OutsideGene:
    said = sorted((one for one in told if not one.is_blank), key=lambda one: natural(_label(one)))
    found = tuple(_phenotype(one, phenotypes) for one in said)
    pairs = tuple(dict.fromkeys(one.diplotype for one in said if one.diplotype))
    notes = ["an outside call without content is left aside"] if len(said) < len(told) else []
    call = _gene_call(gene, pairs, len(said), notes)
    return OutsideGene(call, found, tuple(map(_label, said)))


def _hla(gene: str, told: list[OutsideCall], asked: tuple[str, ...]) -> OutsideGene:
    said = [one for one in told if not one.is_blank]
    found = []
    for one in said:
        if one.phenotype:
            found.append(hla.statuses_told(one.phenotype, asked))
        if one.diplotype:
            pair = one.diplotype
            found.append(hla.statuses_of_alleles(pair.first, pair.second, asked))
    pairs = tuple(dict.fromkeys(one.diplotype for one in said if one.diplotype))
    call = _gene_call(gene, pairs, min(len(found), max(len(pairs), 1)), [])
    if not found:
        return OutsideGene(call, (), ())
    both = hla.combined(found)
    return OutsideGene(call, (both,), (" or ".join(map(str, pairs)) or both.name or gene,))


def _gene_call(
    gene: str, pairs: tuple[Diplotype, ...], possible: int, notes: list[str]
) -> GeneCall:
    source = "a call from outside: nothing is known here of its positions"
    return GeneCall(
        gene,
        status="no call" if not possible else "ambiguous" if possible > 1 else "called",
        diplotypes=pairs,
        source="outside call",
        notes=(source, *notes),
    )


def _label(call: OutsideCall) -> str:
    if call.diplotype is not None:
        return str(call.diplotype)
    score = f"activity score {call.activity_score}" if call.activity_score else ""
    return call.phenotype or score


def _phenotype(call: OutsideCall, phenotypes: Phenotypes) -> Phenotype:
    """Return what a call means: what was told of it goes before what its diplotype says."""
    table = phenotypes.table(call.gene)
    paired = phenotypes.of(call.gene, call.diplotype) if call.diplotype else None
    told = _told(call, table)
    if told is None:
        note = f"{call.gene} has no activity score in the release: nothing follows from one"
        return paired or Phenotype(None, notes=(note,))
    if paired is None or paired.name is None:
        return told
    if told.name not in (None, paired.name):
        note = f"told as {told.name}, its diplotype says {paired.name}: what was told is used"
        return Phenotype(told.name, told.activity_score, told.lookups, (*told.notes, note))
    if call.activity_score is None or told.lookups == paired.lookups:
        return paired
    note = f"told with activity score {call.activity_score}, its diplotype says "
    note += f"{paired.activity_score}: what was told is used"
    return Phenotype(told.name, told.activity_score, told.lookups, (*told.notes, note))


def _told(call: OutsideCall, table: PhenotypeTable | None) -> Phenotype | None:
    """Return what the phenotype and score say that were told; None where neither was."""
    score = Score.read(call.activity_score) if call.activity_score else None
    if table is None or table.says_nothing:
        if call.phenotype is None:
            return None
        note = f"the release has no phenotypes of {call.gene}: taken as it was told"
        return Phenotype(call.phenotype, None, (call.phenotype,), (note,))
    if score is not None and table.by_score:
        found = table.of_score(score)
        if call.phenotype in (None, found.name):
            return found
        note = f"told as {call.phenotype}, its activity score says {found.name}: the score is used"
        return Phenotype(found.name, found.activity_score, found.lookups, (*found.notes, note))
    return table.of_phenotype(call.phenotype) if call.phenotype else None


def conflict(outside: OutsideGene, file: GeneCall, file_phenotypes: Iterable[str | None]) -> str:
    """Return in words where the VCF says something else than the outside call; else nothing."""
    seen = file.printed()
    if not seen:
        return ""
    told = [str(one) for one in outside.call.diplotypes]
    if told:
        differs = {_unordered(one) for one in told} != {_unordered(one) for one in seen}
    else:
        names = {one.name for one in outside.phenotypes}
        known = {one for one in file_phenotypes if one is not None}
        differs = bool(known) and names != known
    if not differs:
        return ""
    return f"the file says {', '.join(seen)}: the outside call is used in its place"


def _unordered(pair: str) -> tuple[str, ...]:
    return tuple(sorted(pair.split("/")))
