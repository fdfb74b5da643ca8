"""What a sum means beside a reference panel: similarity, Z scores, percentile, projection."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize

from osler.errors import InputError
from osler.genome.score import Options, ReferenceFiles, score
from osler.genome.score.normalise import Adjustment, beside_population
from osler.genome.score.options import ReferenceFiles as Files
from osler.genome.score.reference import read_components, read_panel, read_sums
from osler.genome.score.result import A_DISTANCE, RELATIVE
from osler.genome.score.similarity import most_similar
from osler.genome.score.standing import FEW, OWN_SUMS

from .conftest import WriteVcf, WriteWeights

Floats = NDArray[np.float64]
needs_data = pytest.mark.skipif(not os.environ.get("OSLER_DATA"), reason="needs OSLER_DATA")


def panel(people: int = 60, seed: int = 0) -> tuple[Floats, NDArray[np.str_]]:
    """Make up three clouds of people in three components, one of them wide."""
    generator = np.random.default_rng(seed)
    centres = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
    spread = np.array([1.0, 1.0, 3.0])
    labels = np.repeat(np.array(["NORTH", "SOUTH", "WEST"]), people)
    number = np.repeat(np.arange(3), people)
    noise = generator.normal(size=(3 * people, 3)) * spread[number][:, None]
    return centres[number] + noise, labels


def test_the_nearest_population_is_told_with_its_distance() -> None:
    """A person in the middle of a cloud is most similar to it; one without components to none."""
    values, labels = panel()
    people = np.array([[0.0, 0, 0], [10, 0, 0], [0, 11, 0], [np.nan, 0, 0]])
    found = most_similar(values, labels, people)
    assert [found.name(one) for one in range(4)] == ["NORTH", "SOUTH", "WEST", None]
    assert found.far.tolist() == [False] * 4
    assert (found.squared_distances[:3].min(axis=1) < 1).all()
    np.testing.assert_allclose(found.probabilities[:3].sum(axis=1), 1)


def test_who_is_far_from_all_is_told_so() -> None:
    """A distance beyond that of 99 in 100 of the nearest population's own people is far."""
    values, labels = panel()
    found = most_similar(values, labels, np.array([[5.0, -40, 3], [0.3, 0.2, 0]]))
    assert found.far.tolist() == [True, False]


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-50, 50))
def test_scale_and_origin_of_components_do_not_matter(
    seed: int, scale: float, shift: float
) -> None:
    """The nearest population is the same whatever units the components have."""
    values, labels = panel(seed=seed)
    people = np.random.default_rng(seed).normal(size=(20, 3)) * 5
    one = most_similar(values, labels, people)
    two = most_similar(values * scale + shift, labels, people * scale + shift)
    np.testing.assert_allclose(one.squared_distances, two.squared_distances, rtol=1e-6)
    assert one.nearest.tolist() == two.nearest.tolist()


@pytest.mark.parametrize("wrong", ["one population", "few people", "no spread"])
def test_a_panel_that_cannot_be_compared_with_is_refused(wrong: str) -> None:
    """One population, too few people, or all at one point."""
    values, labels = panel()
    if wrong == "one population":
        labels = np.full(len(labels), "ALL")
    elif wrong == "few people":
        labels = labels.copy()
        labels[:3] = "FEW"
    else:
        values = values * 0
    with pytest.raises(InputError, match="reference panel"):
        most_similar(values, labels, values)


def simulated(people: int = 400) -> tuple[Floats, Floats]:
    """Make up sums whose mean and variance both depend on components."""
    generator = np.random.default_rng(3)
    components = generator.normal(size=(people, 4)) * [5, 2, 1, 1]
    sd = np.exp(0.1 + 0.08 * components[:, 0])
    return components, 3 + 0.5 * components[:, 0] - components[:, 1] + sd * generator.normal(
        size=people
    )


def test_z_norm1_is_the_residual_in_standard_deviations() -> None:
    """In the panel itself it has mean 0, deviation 1 and no correlation with components."""
    components, sums = simulated()
    fitted = Adjustment.fit(components, sums)
    assert fitted is not None
    z = fitted.z_norm1(components, sums)
    assert (z.mean(), z.std()) == (pytest.approx(0, abs=1e-10), pytest.approx(1))
    np.testing.assert_allclose(components.T @ z, 0, atol=1e-8)


def test_z_norm2_is_the_maximum_of_the_likelihood() -> None:
    """A general optimiser finds the same coefficients of mean and log variance."""
    components, sums = simulated()
    fitted = Adjustment.fit(components, sums)
    assert fitted is not None
    matrix = fitted.design(components)

    def loss(theta: Floats) -> float:
        log_variance = matrix @ theta[5:]
        away = sums - matrix @ theta[:5]
        return float((log_variance + away**2 / np.exp(log_variance)).sum() / 2)

    start = np.zeros(10)
    found = minimize(loss, start, method="BFGS", options={"gtol": 1e-6})
    ours = np.concatenate([fitted.joint_mean, fitted.joint_log_variance])
    assert loss(ours) <= found.fun + 1e-9
    np.testing.assert_allclose(ours, found.x, atol=1e-3)


def test_z_norm2_takes_the_spread_of_the_place() -> None:
    """Where sums spread wider, the same distance from the mean is a smaller Z score."""
    components, sums = simulated(4000)
    fitted = Adjustment.fit(components, sums)
    assert fitted is not None
    z = fitted.z_norm2(components, sums)
    low = components[:, 0] < -3
    high = components[:, 0] > 3
    assert z[low].std() == pytest.approx(1, abs=0.1)
    assert z[high].std() == pytest.approx(1, abs=0.1)
    z1 = fitted.z_norm1(components, sums)
    assert z1[high].std() > 1.3 * z1[low].std()


def test_few_people_or_no_spread_give_no_adjustment() -> None:
    """Fewer than 100 people, or sums that are all alike, cannot be regressed."""
    components, sums = simulated()
    assert Adjustment.fit(components[:99], sums[:99]) is None
    assert Adjustment.fit(components, np.ones(len(sums))) is None


def test_percentile_and_z_beside_the_most_similar_population() -> None:
    """Only people of that population count; equal sums count half."""
    sums = np.concatenate([np.arange(100.0), np.full(40, 7.0), np.arange(5.0)])
    numbers = np.repeat([0, 1, 2], [100, 40, 5])
    z, percentile = beside_population(
        sums, numbers, np.array([49.5, 0.0, 7.0, 2.0, 1.0]), np.array([0, 0, 1, 2, -1])
    )
    assert z[0] == pytest.approx(0)
    assert percentile[:2].tolist() == [50, 0.5]
    assert np.isnan(z[2:]).all()


def write_reference(folder: Path, people: int = 60) -> tuple[Files, list[str]]:
    """Write components, labels and sums of a panel; the sums are 1 to n in each population."""
    values, labels = panel(people)
    names = [f"R{one}" for one in range(len(labels))]
    rows = ["IID\tPC1\tPC2\tPC3"]
    for name, row in zip(names, values.tolist(), strict=True):
        rows.append("\t".join([name, *map(str, row)]))
    (folder / "ref.pcs.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    lines = [f"{name}\t{label}\tx" for name, label in zip(names, labels.tolist(), strict=True)]
    (folder / "ref.psam").write_text("\n".join(["#IID\tSuperPop\tPopulation", *lines]), "utf-8")
    sums = [f"{name}\tscore_hm\t{at % people}" for at, name in enumerate(names)]
    (folder / "sums.txt").write_text("\n".join(["IID\tPGS\tSUM", *sums]), "utf-8")
    (folder / "target.txt").write_text("IID PC1 PC2 PC3\nA 0 0 0\nZ 10 0 0\n", "utf-8")
    return (
        Files(
            pcs=folder / "ref.pcs.gz",
            scores=folder / "sums.txt",
            target_pcs=folder / "target.txt",
        ),
        names,
    )


def test_a_sum_is_placed_beside_the_panel(
    tmp_path: Path, write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Labels lie beside the components; a person without components gets no z."""
    files, _ = write_reference(tmp_path)
    vcf = write_vcf(["1 10 A G GT 1/1 0/1"])
    found = score(vcf, [write_weights(["1 10 G A 14.75"])], reference=files)
    first, second = found.row(0, 0), found.row(1, 0)
    assert (first["most_similar_population"], first["low_confidence"]) == ("NORTH", False)
    assert first["z_most_similar"] == pytest.approx(0)
    assert first["percentile"] == 50
    assert first["z"] == first["z_norm2"]
    assert abs(first["z_norm1"]) < 0.5
    assert [second[name] for name in ("z", "percentile", "most_similar_population")] == [None] * 3
    assert A_DISTANCE in found.standing.notes
    assert found.head()["scores"][0]["z_kind"] == "Z_norm2"
    assert found.head()["similarity"][0]["squared_distance"]["SOUTH"] > 50


def test_the_panel_may_be_in_the_genotypes(
    tmp_path: Path, write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """People of the panel who are scored too are its sums, and that is told."""
    files, names = write_reference(tmp_path)
    people = [*names, "A"]
    words = ["0/1" if at % 2 else "1/1" for at in range(len(people))]
    vcf = write_vcf([f"1 10 A G GT {' '.join(words)}"], people)
    weights = [write_weights(["1 10 G A 1"])]
    reference = ReferenceFiles(pcs=files.pcs, target_pcs=files.target_pcs)
    found = score(vcf, weights, reference=reference)
    assert OWN_SUMS in found.standing.notes
    assert found.standing.panel_size == (180,)
    assert found.row(180, 0)["z"] == pytest.approx(1, abs=0.4)
    assert found.row(0, 0)["most_similar_population"] == "NORTH"


def test_sums_alone_give_a_plain_z(
    tmp_path: Path, write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Without components z is beside the whole panel, and says so; few people give none."""
    files, _ = write_reference(tmp_path)
    vcf = write_vcf(["1 10 A G GT 1/1 0/1"])
    weights = [write_weights(["1 10 G A 14.75"])]
    found = score(vcf, weights, reference=ReferenceFiles(scores=files.scores))
    assert found.row(0, 0)["z"] == pytest.approx(0)
    assert found.standing.z_kinds == ("beside the whole reference",)
    few, _ = write_reference(tmp_path, 20)
    found = score(vcf, weights, reference=ReferenceFiles(scores=few.scores))
    assert found.row(0, 0)["z"] is None
    assert {FEW, RELATIVE} <= set(found.standing.notes)


def test_genotypes_are_projected_on_loadings(
    tmp_path: Path, write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Centred and scaled copies times loadings are the components that the panel's analysis has."""
    generator = np.random.default_rng(5)
    shares = np.repeat([[0.1], [0.9]], 60, axis=0) * generator.uniform(0.8, 1.1, (1, 80))
    copies = generator.binomial(2, shares)
    p = copies.mean(axis=0) / 2
    scaled = (copies - 2 * p) / np.sqrt(2 * p * (1 - p))
    left, size, right = np.linalg.svd(scaled, full_matrices=False)
    components = left[:, :2] * size[:2]
    names = [f"R{one}" for one in range(120)]
    rows = []
    for at, (a, b) in enumerate(components.tolist()):
        rows.append(f"{names[at]} {a} {b} {'NW'[at // 60]}")
    (tmp_path / "ref.txt").write_text("\n".join(["IID PC1 PC2 SuperPop", *rows]), "utf-8")
    head = "chr_name chr_position effect_allele other_allele allelefrequency_effect PC1 PC2"
    loads = [f"1 {at + 1} G A {p[at]!r} {right[0, at]!r} {right[1, at]!r}" for at in range(80)]
    text = "\n".join([head, *loads]).replace("np.float64(", "").replace(")", "")
    (tmp_path / "loads.txt").write_text(text, "utf-8")
    words = np.array(["0/0", "0/1", "1/1"])[copies.T]
    people = [f"T{one}" for one in range(120)]
    vcf = write_vcf([f"1 {at + 1} A G GT {' '.join(row)}" for at, row in enumerate(words)], people)
    reference = ReferenceFiles(pcs=tmp_path / "ref.txt", loadings=tmp_path / "loads.txt")
    found = score(vcf, [write_weights(["1 1 G A 1"])], reference=reference)
    similarity = found.standing.similarity
    assert similarity is not None
    expected = most_similar(components, np.repeat(["N", "W"], 60), components)
    np.testing.assert_allclose(similarity.squared_distances, expected.squared_distances, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "came"),
    [
        ("IID\tPC1\nA\t1\nA\t2\n", "twice"),
        ("IID\tPC1\nA\tx\n", "no numbers"),
        ("IID\tPC1\nA\tnan\n", "no numbers"),
        ("IID\tPC2\nA\t1\n", "no column PC1"),
        ("name\tPC1\nA\t1\n", "no column IID"),
        ("IID\tPC1\nA\t1\t2\n", "another number of fields"),
        ("", "no rows"),
    ],
)
def test_components_that_cannot_be_read_are_refused(
    tmp_path: Path, content: str, came: str
) -> None:
    """What is wrong with a table is said in one line that names nobody."""
    path = tmp_path / "pcs.txt"
    path.write_text(content, "utf-8")
    with pytest.raises(InputError, match=came):
        read_components(path)


def test_components_without_labels_are_refused(tmp_path: Path) -> None:
    """A panel needs the population of its people, in its table or beside it."""
    path = tmp_path / "pcs.txt"
    path.write_text("IID\tPC1\nA\t1\n", "utf-8")
    with pytest.raises(InputError, match="--reference-labels"):
        read_panel(ReferenceFiles(pcs=path))
    labels = tmp_path / "labels.txt"
    labels.write_text("IID\tSuperPop\nB\tEUR\n", "utf-8")
    with pytest.raises(InputError, match="no label for anybody"):
        read_panel(ReferenceFiles(pcs=path, labels=labels))


@pytest.mark.parametrize(
    ("content", "came"),
    [
        ("IID\tPGS\tSUM\nA\tP1\t1\nA\tP1_x\t1\n", "twice"),
        ("IID\tPGS\tSUM\nA\tP1\tinf\n", "no number"),
        ("IID\tPGS\tAVG\nA\tP1\t1\n", "no column SUM"),
        ("IID\tSUM\nA\t1\n", "no column PGS"),
    ],
)
def test_sums_that_cannot_be_read_are_refused(tmp_path: Path, content: str, came: str) -> None:
    """Sums need a person, a score and a number, each person once for a score."""
    path = tmp_path / "sums.txt"
    path.write_text(content, "utf-8")
    with pytest.raises(InputError, match=came):
        read_sums(path, ["P1", "P2"])


def test_wrong_reference_files_are_told_before_the_genotypes_are_read(
    tmp_path: Path, write_weights: WriteWeights
) -> None:
    """A fault of the reference does not wait for the end of a long pass."""
    with pytest.raises(InputError, match=r"panel\.txt"):
        score(
            tmp_path / "no.vcf",
            [write_weights(["1 10 G A 1"])],
            options=Options(),
            reference=ReferenceFiles(pcs=tmp_path / "panel.txt"),
        )


@needs_data
def test_superpopulations_of_the_labelled_reference_are_found_again() -> None:
    """In five folds at least 97 in 100 people of 1000 Genomes are nearest to their own."""
    folder = Path(os.environ["OSLER_DATA"]) / "genome" / "pgs"
    known = read_panel(ReferenceFiles(pcs=folder / "ref.pcs.gz"))
    fold = np.random.default_rng(0).permutation(len(known.names)) % 5
    right = 0
    for held in range(5):
        learn, test = fold != held, fold == held
        found = most_similar(known.values[learn], known.labels[learn], known.values[test])
        names = np.array(found.populations)[found.nearest]
        right += int((names == known.labels[test]).sum())
    assert right / len(known.names) >= 0.97
