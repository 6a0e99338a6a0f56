"""Scoring: one definition of loss and accuracy for both frameworks."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet.score import score


def test_loss_is_the_mean_cross_entropy() -> None:
    labels = np.arange(10, dtype=np.int32)
    assert score(np.zeros((10, 10), np.float32), labels).loss == pytest.approx(np.log(10))
    sure = np.eye(10, dtype=np.float32) * 100
    assert score(sure, labels).loss == pytest.approx(0, abs=1e-9)
    assert score(sure, labels).accuracy == 1


def test_huge_logits_do_not_overflow() -> None:
    logits = np.full((1, 10), 3e38, np.float32)
    assert score(logits, np.zeros(1, np.int32)).loss == pytest.approx(np.log(10))


def test_confusion_counts_what_was_taken_for_what() -> None:
    labels = np.array([0, 0, 1, 9], np.int32)
    logits = np.zeros((4, 10), np.float32)
    logits[[0, 1, 2, 3], [0, 3, 1, 9]] = 1
    result = score(logits, labels)
    assert result.confusion[0][0] == result.confusion[0][3] == result.confusion[9][9] == 1
    assert result.accuracy == 0.75
    assert result.per_class_accuracy[:2] == (0.5, 1.0)
    assert sum(map(sum, result.confusion)) == result.images == 4


def test_answers_beyond_ten_classes_share_one_column() -> None:
    logits = np.zeros((2, 1000), np.float32)
    logits[0, 500] = logits[1, 10] = 1
    result = score(logits, np.array([3, 4], np.int32))
    assert result.confusion[3][10] == result.confusion[4][10] == 1
    assert result.accuracy == 0


def test_nan_is_not_made_into_a_number() -> None:
    logits = np.full((2, 10), np.nan, np.float32)
    assert np.isnan(score(logits, np.zeros(2, np.int32)).loss)
