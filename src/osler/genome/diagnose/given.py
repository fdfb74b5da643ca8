"""What the user judges: criteria of single variants, and genes with a known loss of function."""

from __future__ import annotations

from pathlib import Path

from osler.errors import Fault, InputError
from osler.genome.diagnose.acmg import Criterion, classify
from osler.genome.diagnose.sites import Allele
from osler.sources.files import open_binary

MOST_BYTES = 64 << 20
MOST_LINES = 1_000_000
# ClinGen's table of dosage sensitivity: 3 is sufficient evidence for haploinsufficiency,
# https://www.ncbi.nlm.nih.gov/projects/dbvar/clingen/ and
# https://search.clinicalgenome.org/kb/downloads.
CLINGEN_GENE, CLINGEN_SCORE, SUFFICIENT = "Gene Symbol", "Haploinsufficiency Score", "3"
LONGEST_SYMBOL = 40


def read_criteria(path: Path) -> dict[Allele, tuple[Criterion, ...]]:
    r"""Read criteria that a person has judged, a variant a line.

    Columns by tabs, no header: the variant as `17-43045711-G-A`; criteria that are met, by commas
    (`PS2,PM3_Strong`); and, if wanted, what they rest on. Lines with `#` are comments.

    Raises
    ------
    InputError
        If a line names no variant, or criteria that are none or contradict each other.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "criteria.tsv"
    ...     _ = path.write_text("17-43045711-G-A\tPS2,PM3_Strong\ttrio of 2025\n")
    ...     [str(one) for one in read_criteria(path)[Allele("17", 43045711, "G", "A")]]
    ['PS2', 'PM3_Strong']
    """
    found: dict[Allele, tuple[Criterion, ...]] = {}
    faults: list[Fault | str] = []
    for number, line in _lines(path):
        where = f"{path.name}, line {number}"
        cells = [cell.strip() for cell in line.split("\t")]
        allele = Allele.read(cells[0])
        if allele is None:
            expected = "chromosome-position-reference-alternate, such as 17-43045711-G-A"
            faults.append(Fault(where, "no variant in the first column", expected))
            continue
        told = cells[2] if len(cells) > 2 else ""
        try:
            said = _criteria(cells[1] if len(cells) > 1 else "", told, where)
            found[allele] = _joined((*found.get(allele, ()), *said), where)
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    return found


def _criteria(text: str, told: str, where: str) -> list[Criterion]:
    written = [one for one in (part.strip() for part in text.split(",")) if one]
    if not written:
        raise InputError(Fault(where, "no criteria in the second column", "such as PS2,PM3_Strong"))
    found = []
    for one in written:
        try:
            found.append(Criterion.said(one, "as given by the user", told))
        except InputError as error:
            raise InputError([f"{where}: {fault}" for fault in error.faults]) from error
    return found


def _joined(criteria: tuple[Criterion, ...], where: str) -> tuple[Criterion, ...]:
    """Return criteria without doubles; refuse those that come twice with different strength."""
    try:
        classify(criteria)
    except InputError as error:
        raise InputError([f"{where}: {fault}" for fault in error.faults]) from error
    return tuple({one.code: one for one in criteria}.values())


def read_genes(path: Path) -> frozenset[str]:
    """Read genes where loss of function is a known mechanism of disease.

    A symbol a line, or ClinGen's table of dosage sensitivity, of which the genes count that have
    sufficient evidence for haploinsufficiency (score 3).

    Raises
    ------
    InputError
        If it holds no gene.
    """
    lines = [line for _, line in _lines(path, comment="")]
    head = next((line for line in lines if CLINGEN_SCORE in line.split("\t")), None)
    genes = _of_clingen(lines, head) if head is not None else _symbols(lines)
    if not genes:
        expected = "a gene symbol a line, or ClinGen's table of dosage sensitivity"
        raise InputError(Fault(path.name, "no gene", expected))
    return frozenset(genes)


def _of_clingen(lines: list[str], head: str) -> set[str]:
    names = [name.strip().lstrip("#").strip() for name in head.split("\t")]
    if CLINGEN_GENE not in names:
        return set()
    gene, score = names.index(CLINGEN_GENE), names.index(CLINGEN_SCORE)
    rows = (line.split("\t") for line in lines[lines.index(head) + 1 :])
    return {
        row[gene].strip()
        for row in rows
        if len(row) > max(gene, score) and row[score].strip() == SUFFICIENT
    }


def _symbols(lines: list[str]) -> set[str]:
    words = (line.split("\t")[0].strip() for line in lines if not line.startswith("#"))
    return {one for one in words if one and len(one) <= LONGEST_SYMBOL and " " not in one}


def _lines(path: Path, comment: str = "#") -> list[tuple[int, str]]:
    """Return the lines that say something, with their numbers from 1."""
    with open_binary(path) as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise InputError(Fault(path.name, "more than 64 MiB", "a list"))
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(Fault(path.name, "not UTF-8", "text in UTF-8")) from error
    told = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    return [(n, line) for n, line in told if not (comment and line.startswith(comment))]
