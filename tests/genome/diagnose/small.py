"""A small ontology with diseases, built for the tests: two organs, four diseases, two papers."""

from __future__ import annotations

from osler.genome.diagnose.annotations import Annotations, read_annotations
from osler.genome.diagnose.ontology import Ontology, read_ontology
from osler.genome.diagnose.profiles import Library
from osler.genome.diagnose.scoring import Scorer
from osler.genome.diagnose.weights import DEFAULT, Weights

TERMS = {
    "HP:0000118": ("Phenotypic abnormality", ("HP:0000001",)),
    "HP:0000001": ("All", ()),
    "HP:0000005": ("Mode of inheritance", ("HP:0000001",)),
    "HP:0000007": ("Autosomal recessive inheritance", ("HP:0000005",)),
    "HP:0000006": ("Autosomal dominant inheritance", ("HP:0000005",)),
    "HP:0000478": ("Abnormality of the eye", ("HP:0000118",)),
    "HP:0000518": ("Cataract", ("HP:0000478",)),
    "HP:0000519": ("Congenital cataract", ("HP:0000518",)),
    "HP:0000501": ("Glaucoma", ("HP:0000478",)),
    "HP:0000707": ("Abnormality of the nervous system", ("HP:0000118",)),
    "HP:0001250": ("Seizure", ("HP:0000707",)),
    "HP:0002069": ("Bilateral tonic-clonic seizure", ("HP:0001250",)),
    "HP:0001251": ("Ataxia", ("HP:0000707",)),
    "HP:0001249": ("Intellectual disability", ("HP:0000707",)),
}
ROWS = (
    ("OMIM:100001", "Cataract 1", "", "HP:0000518", "PMID:1", "9/10", "P"),
    ("OMIM:100001", "Cataract 1", "", "HP:0000501", "PMID:2", "2/10", "P"),
    ("OMIM:100001", "Cataract 1", "", "HP:0000006", "PMID:2", "", "I"),
    ("OMIM:100002", "Cataract 2", "", "HP:0000519", "PMID:3", "4/4", "P"),
    ("OMIM:100002", "Cataract 2", "", "HP:0000007", "PMID:3", "", "I"),
    ("OMIM:100003", "Fitting ataxia", "", "HP:0002069", "PMID:4;PMID:5", "HP:0040281", "P"),
    ("OMIM:100003", "Fitting ataxia", "", "HP:0001251", "PMID:5", "80%", "P"),
    ("OMIM:100003", "Fitting ataxia", "NOT", "HP:0000518", "PMID:5", "", "P"),
    ("OMIM:100004", "Unlike any other", "", "HP:0001249", "OMIM:100004", "", "P"),
    ("ORPHA:7", "Unlike any other", "", "HP:0001250", "ORPHA:7", "HP:0040282", "P"),
)
GENES = (("CRYA", "OMIM:100001"), ("CRYB", "OMIM:100002"), ("SCN", "OMIM:100003"))
COLUMNS = ("database_id", "disease_name", "qualifier", "hpo_id", "reference", "frequency", "aspect")
REPLACED, OBSOLETE = "HP:0009001", "HP:0009002"


def ontology_text() -> bytes:
    """Return the ontology as OBO, with a replaced and an obsolete id."""
    text = "format-version: 1.2\n"
    for one, (name, parents) in TERMS.items():
        text += f"\n[Term]\nid: {one}\nname: {name}\n"
        text += "".join(f"is_a: {parent} ! parent\n" for parent in parents)
        text += f"alt_id: {REPLACED}\n" if one == "HP:0000518" else ""
    return (text + f"\n[Term]\nid: {OBSOLETE}\nname: gone\nis_obsolete: true\n").encode()


def annotation_text(rows: tuple[tuple[str, ...], ...] = ROWS) -> bytes:
    """Return the annotations as the file of HPO."""
    lines = ["#description: built", "\t".join(COLUMNS), *("\t".join(row) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def gene_text() -> bytes:
    """Return the genes of the diseases."""
    lines = ["gene_symbol\tdisease_id", *("\t".join(pair) for pair in GENES)]
    return ("\n".join(lines) + "\n").encode()


def ontology() -> Ontology:
    """Read the small ontology."""
    return read_ontology(ontology_text())


def annotations(rows: tuple[tuple[str, ...], ...] = ROWS) -> Annotations:
    """Read the small annotations."""
    return read_annotations(annotation_text(rows), gene_text(), ontology())


def scorer(rows: tuple[tuple[str, ...], ...] = ROWS, weights: Weights = DEFAULT) -> Scorer:
    """Make a scorer of the small annotations."""
    return Scorer(Library(ontology(), annotations(rows), weights))
