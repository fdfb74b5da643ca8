"""What diseases show: the rows of `phenotype.hpoa`, and which genes a disease is linked to.

Format: https://obophenotype.github.io/human-phenotype-ontology/annotations/phenotype_hpoa/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from osler.errors import Fault, InputError
from osler.genome.diagnose.ontology import Ontology

if TYPE_CHECKING:
    import polars as pl

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]

OMIM, ORPHANET = "OMIM:", "ORPHA:"
PMID = re.compile(r"PMID:\s*([0-9]+)", re.IGNORECASE)
COLUMNS = (
    "database_id",
    "disease_name",
    "qualifier",
    "hpo_id",
    "reference",
    "frequency",
    "aspect",
)
GENE_COLUMNS = ("gene_symbol", "disease_id")
# The middle of each class as the ontology defines it: HP:0040280 to HP:0040285, by definition
# 100 %, 80-99 %, 30-79 %, 5-29 %, 1-4 % and 0 %.
FREQUENCY_CLASSES = {
    "HP:0040280": 1.0,
    "HP:0040281": 0.895,
    "HP:0040282": 0.545,
    "HP:0040283": 0.17,
    "HP:0040284": 0.025,
    "HP:0040285": 0.0,
}
PHENOTYPE, INHERITANCE = "P", "I"


@dataclass(frozen=True)
class Annotations:
    """The annotations of all diseases, a row for each line that says a term of a disease.

    Attributes
    ----------
    diseases, names
        By index, those of OMIM first, each database in order of its ids.
    n_omim
        How many are of OMIM: these are ranked.
    disease, term
        Of each row, as indices.
    seen, of
        Of each row, people with the term and people looked at; 0 of 0 where the row gives none.
    share
        Of each row, its frequency where given as a class or in percent; NaN otherwise.
    negated
        Of each row, whether the disease is said not to have the term.
    reference
        Of each row, index into `references`.
    references
        As they stand in the file; a row of several publications names them all.
    genes
        Disease to the symbols of the genes it is linked to.
    inheritance
        Disease to its modes of inheritance, each as id and reference.
    left_out
        Rows that cannot be used, by reason.
    """

    diseases: tuple[str, ...]
    names: tuple[str, ...]
    n_omim: int
    index: Mapping[str, int]
    disease: Ints
    term: Ints
    seen: Floats
    of: Floats
    share: Floats
    negated: NDArray[np.bool_]
    reference: Ints
    references: tuple[str, ...]
    by_publication: Mapping[str, tuple[int, ...]]
    genes: Mapping[int, tuple[str, ...]]
    inheritance: Mapping[int, tuple[tuple[str, str], ...]]
    left_out: Mapping[str, int]

    def modes_of(self, disease: int, without: Iterable[str] = ()) -> tuple[str, ...]:
        """Return a disease's modes of inheritance, without those that publications brought."""
        own = frozenset(without)
        told = [
            mode
            for mode, reference in self.inheritance.get(disease, ())
            if own.isdisjoint(publications_of(reference))
        ]
        return tuple(dict.fromkeys(told))

    def rows_of(self, publications: Iterable[str]) -> NDArray[np.int64]:
        """Return the rows that one of the publications, as `PMID:…`, has a part in, sorted."""
        wanted = {one for pmid in publications for one in self.by_publication.get(pmid, ())}
        if not wanted:
            return np.zeros(0, np.int64)
        return np.flatnonzero(np.isin(self.reference, np.array(sorted(wanted), np.int32)))


def publications_of(text: str) -> list[str]:
    """Return the PubMed ids in a reference, as `PMID:…`.

    Examples
    --------
    >>> publications_of("PMID:30520571;pmid: 29808498")
    ['PMID:30520571', 'PMID:29808498']
    """
    return [f"PMID:{number}" for number in PMID.findall(text)]


def read_annotations(content: bytes, genes: bytes, ontology: Ontology) -> Annotations:
    """Read the annotations of diseases and the links between diseases and genes.

    Raises
    ------
    InputError
        If columns are missing or no row can be used.
    """
    import polars as pl

    disease = pl.col("database_id").str
    rows = _table(content, COLUMNS, "the annotations").filter(
        disease.starts_with(OMIM) | disease.starts_with(ORPHANET)
    )
    named = rows.group_by("database_id").agg(pl.col("disease_name").first()).sort("database_id")
    diseases = tuple(named["database_id"])
    index = {one: number for number, one in enumerate(diseases)}
    told = rows.filter(pl.col("aspect") == PHENOTYPE)
    terms = {one: ontology.resolve(one).term for one in told["hpo_id"].unique()}
    usable = {one: term for one, term in terms.items() if term is not None}
    kept = told.filter(pl.col("hpo_id").is_in(list(usable)))
    if not kept.height:
        came = "no row with a disease of OMIM and a known term"
        raise InputError(Fault("the annotations", came, "rows of phenotype.hpoa"))
    references = tuple(kept["reference"].unique().sort())
    seen, of, share = _frequencies(kept["frequency"])
    return Annotations(
        diseases=diseases,
        names=tuple(named["disease_name"]),
        n_omim=sum(one.startswith(OMIM) for one in diseases),
        index=index,
        disease=_codes(kept["database_id"], index),
        term=_codes(kept["hpo_id"], usable),
        seen=seen,
        of=of,
        share=share,
        negated=(kept["qualifier"].str.to_uppercase() == "NOT").to_numpy(),
        reference=_codes(kept["reference"], {one: n for n, one in enumerate(references)}),
        references=references,
        by_publication=_by_publication(references),
        genes=_genes(genes, index),
        inheritance=_inheritance(rows, index),
        left_out={"terms that the ontology does not have": told.height - kept.height},
    )


def _table(content: bytes, columns: tuple[str, ...], where: str) -> pl.DataFrame:
    import polars as pl

    header = re.search(rb"^(?!#[^\n]*:)[^\n]+", content, re.MULTILINE)
    first = header[0].decode("utf-8", "replace") if header else ""
    names = first.lstrip("#").rstrip("\r").split("\t")
    absent = [one for one in columns if one not in names]
    if header is None or absent:
        raise InputError(Fault(where, f"no columns {', '.join(absent)}", "a table of HPO"))
    try:
        return pl.read_csv(
            content[header.end() :].lstrip(b"\r\n"),
            separator="\t",
            has_header=False,
            new_columns=names,
            quote_char=None,
            infer_schema=False,
            truncate_ragged_lines=True,
        ).select(pl.col(columns).fill_null(""))
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise InputError(Fault(where, "a table that cannot be read", "a table of HPO")) from error


def _codes(column: pl.Series, codes: Mapping[str, int]) -> Ints:
    import polars as pl

    numbers = column.replace_strict(list(codes), list(codes.values()), return_dtype=pl.Int32)
    return numbers.to_numpy()


def _frequencies(column: pl.Series) -> tuple[Floats, Floats, Floats]:
    """Return of each row the people seen, of how many, and a share given in other ways."""
    values = {one: _frequency(one) for one in column.unique()}
    cells = np.array([values[one] for one in column], np.float32).reshape(-1, 3)
    return cells[:, 0], cells[:, 1], cells[:, 2]


def _frequency(text: str) -> tuple[float, float, float]:
    """Return (seen, of, share); what contradicts itself counts as not given.

    Examples
    --------
    >>> _frequency("3/4")
    (3.0, 4.0, nan)
    """
    nothing = (0.0, 0.0, float("nan"))
    if text in FREQUENCY_CLASSES:
        return 0.0, 0.0, FREQUENCY_CLASSES[text]
    if counted := re.fullmatch(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*", text):
        seen, of = float(counted[1]), float(counted[2])
        return (seen, of, float("nan")) if of > 0 and seen <= of else nothing
    if percent := re.fullmatch(r"\s*([0-9]{1,3}(?:\.[0-9]+)?)\s*%", text):
        share = float(percent[1]) / 100
        return (0.0, 0.0, share) if share <= 1 else nothing
    return nothing


def _by_publication(references: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for number, text in enumerate(references):
        for one in publications_of(text):
            found.setdefault(one, []).append(number)
    return {one: tuple(numbers) for one, numbers in found.items()}


def _genes(content: bytes, index: Mapping[str, int]) -> dict[int, tuple[str, ...]]:
    pairs = _table(content, GENE_COLUMNS, "the genes of diseases").unique().sort(GENE_COLUMNS)
    found: dict[int, list[str]] = {}
    for symbol, disease in pairs.iter_rows():
        if disease in index:
            found.setdefault(index[disease], []).append(symbol)
    return {one: tuple(symbols) for one, symbols in found.items()}


def _inheritance(rows: Any, index: Mapping[str, int]) -> dict[int, tuple[tuple[str, str], ...]]:
    import polars as pl

    pairs = (
        rows.filter((pl.col("aspect") == INHERITANCE) & (pl.col("qualifier") == ""))
        .select("database_id", "hpo_id", "reference")
        .unique()
        .sort("database_id", "hpo_id", "reference")
    )
    found: dict[int, list[tuple[str, str]]] = {}
    for disease, mode, reference in pairs.iter_rows():
        found.setdefault(index[disease], []).append((mode, reference))
    return {one: tuple(modes) for one, modes in found.items()}
