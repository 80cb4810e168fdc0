"""Names that things can have, and those that they cannot."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import NotFound, Refused
from backends.services.base import good_name, good_text, is_id
from backends.services.instance import hostname_of
from backends.settings import check_cloud_name
from tests.unit.shelf import Shelf

# What the operator's other programs read as their own, in one list for all tests of bad input.
BAD_NAMES = (
    "a" * 300, "", " ", " web", "web ", "a\nb", "a\0b", "a\x1b[31mb", "tab\tbed", 'say "hi"',
    "it's", "$(reboot)", "`reboot`", "../../etc", "a/b", "a\\b", "<b>", "a>b", "a&b", "[red]",
    "[/]", "a;b", "a|b", "100%", "a?", "{x}", "a!", "\u202egnp", "a\u200bb", "\ud800", "\ue000",
)  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused_in_one_printable_line(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        good_name(name)
    assert refusal.value.code == "name.invalid"
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    "name", ["web", "web-1.example_2", "Größe 3", "東京", "배포", "a" * 255, "x (old) @ #1 = ~*,:+"]
)
def test_good_names(name: str) -> None:
    assert good_name(name) == name


def test_a_name_is_kept_composed() -> None:
    assert good_name("Cafe\u0301") == "Café"


@given(st.text(max_size=300))
def test_a_name_is_good_or_refused(text: str) -> None:
    try:
        name = good_name(text)
    except Refused:
        return
    assert name == unicodedata.normalize("NFC", text)
    assert not set(name) & set("\0\n\"'`$/\\<>&[]{};|!?%")


@given(st.text(max_size=300))
def test_a_host_name_is_a_label_of_dns(text: str) -> None:
    label = hostname_of(text)
    assert 1 <= len(label) <= 63
    assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert label[0] != "-" != label[-1]


@pytest.mark.parametrize("text", ["x" * 1025, "a\nb", "\x07", "\ud800"])
def test_bad_texts(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        good_text(text, "description")
    assert refusal.value.code == "text.invalid"


@pytest.mark.parametrize("name", ["", "-a", "A", "a" * 33, "a b", "../x", "a\n", "ü"])
def test_bad_names_of_clouds(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_cloud_name(name)
    assert refusal.value.code == "cloud.name.invalid"


def test_ids_are_canonical() -> None:
    assert is_id("01234567-89ab-cdef-0123-456789abcdef")
    assert not is_id("01234567-89AB-CDEF-0123-456789ABCDEF")
    assert not is_id("web")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("없는곳", "'없는곳'"),
        ("café", "'café'"),
        ("a\x1b[31mb\n", r"'a\x1b[31mb\n'"),
        ("a\u202eb\u200b", r"'a\u202eb\u200b'"),
    ],
)
def test_what_is_not_there_is_told_as_it_was_typed_but_for_what_a_terminal_obeys(
    shelf: Shelf, typed: str, told: str
) -> None:
    with pytest.raises(NotFound) as refusal:
        shelf.open().volumes.show(typed)
    assert told in str(refusal.value)
    assert str(refusal.value).isprintable()
