"""Every statistic explained once."""

import pytest

from evenhand.reporting.glossary import TERMS, Glossary


def test_a_term_is_explained_the_first_time_and_never_again() -> None:
    explain = Glossary().explain
    first = explain("recall", "precision")
    assert "<dfn>Recall</dfn>" in first
    assert "<dfn>Precision</dfn>" in first
    assert explain("precision") == ""
    assert "<dfn>Recall</dfn>" not in explain("recall", "tie")


def test_an_unknown_term_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError):
        Glossary().explain("magic")


def test_explanations_are_sentences() -> None:
    assert all(words.endswith(".") and words[0].isupper() for words in TERMS.values())
