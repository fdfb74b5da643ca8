"""The reference of the study file tells every key of the card."""

from pathlib import Path

from osler.workflows.study.card_keys import CARD_KEYS

REFERENCE = Path(__file__).parents[2] / "docs/reference/study-file.md"


def test_every_key_of_the_card_is_documented() -> None:
    """Each has a row with its meaning."""
    text = REFERENCE.read_text("utf-8")
    missing = [key for key in CARD_KEYS if f"| `{key}` |" not in text]
    assert missing == []
