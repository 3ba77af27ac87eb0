"""Errors: a stable slug each, and what a person does about it."""

import inspect

import pytest

from runtime import errors
from runtime.errors import HotlineError, StateTooLarge, TopicMissing, WrongPartitionCount

ALL = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, HotlineError) and each is not HotlineError
]


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_every_error_says_what_a_person_does(error: type[HotlineError]) -> None:
    assert "Operator action: " in (error.__doc__ or "")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            TopicMissing("hotline.clock"),
            "topic_missing: topic 'hotline.clock' does not exist; run `hotline topics create`",
        ),
        (
            WrongPartitionCount("hotline.inbox", found=3, expected=4),
            "wrong_partition_count: topic 'hotline.inbox' has 3 partitions, 4 expected; "
            "set HOTLINE_PARTITIONS to match, or migrate by replay",
        ),
        (
            StateTooLarge("c:1/noise", 600_000, 524_288),
            "state_too_large: the state of key 'c:1/noise' has 600000 bytes, the limit is 524288",
        ),
    ],
)
def test_an_error_names_what_is_wrong_and_what_to_do(error: HotlineError, text: str) -> None:
    assert str(error) == text
    assert text == f"{error.slug}: {error.text}"
