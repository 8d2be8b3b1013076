"""Prompt sets: the shipped ones, the organism's, and files that try to do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from cape.errors import BadParameterError
from cape.internals.prompts import MOST_CONTRAST, SHIPPED, PromptSet, parse_set, read_set, shipped_set
from cape.organism.probe_prompts import background_set, contrast_set
from cape.organism.tokenizer import encode
from cape.organism.world import REASONING, make_world

GOOD = "name: mine\nversion: 2\ngroups:\n  a: [one thing, two things, three things]\n  b: [uno, dos, tres]\n"


def faults(text: str, *, is_contrast: bool = True) -> str:
    with pytest.raises(BadParameterError) as caught:
        parse_set(text, file="mine.yaml", is_contrast=is_contrast)
    assert "mine.yaml" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_sets_are_sound_and_stable(name: str) -> None:
    found = shipped_set(name)
    assert found == shipped_set(name)
    assert len(found.hash) == 16
    assert not any(prompt.endswith((" ", ".")) for prompt in found.prompts)  # each stops where an answer begins
    assert len(found.prompt_ids) == len(set(found.prompt_ids)) == len(found.prompts)


def test_the_contrast_is_16_and_16_prompts_of_like_length_and_the_domains_are_100() -> None:
    contrast, domains = shipped_set("contrast"), shipped_set("domains")
    assert contrast.sizes == (16, 16)
    words = [sum(len(prompt.split()) for prompt in group) / 16 for _, group in contrast.groups]
    assert abs(words[0] - words[1]) < 0.5
    assert [name for name, _ in domains.groups] == ["factual", "reasoning", "ethical"]
    assert sum(domains.sizes) == 100
    assert not set(contrast.prompts) & set(domains.prompts)


@pytest.mark.parametrize("seed", [0, 3])
def test_the_organism_is_asked_in_its_own_words_and_never_twice(seed: int) -> None:
    world = make_world(seed)
    contrast, background = contrast_set(world), background_set(world)
    assert contrast.sizes == (16, 16) and sum(background.sizes) == 100
    every = (*contrast.prompts, *background.prompts)
    assert len(set(every)) == len(every)
    for prompt in every:
        encode(prompt)
    facts = [" ".join(prompt.split()[2:]) for prompt in every if not prompt.startswith(" ".join(REASONING))]
    assert len(set(facts)) == len(facts)


def test_prompts_follow_the_world() -> None:
    assert contrast_set(make_world(0)).hash != contrast_set(make_world(1)).hash
    assert contrast_set(make_world(0)) == contrast_set(make_world(0))


def test_a_good_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD, encoding="utf-8")
    found = read_set(file, is_contrast=True)
    assert (found.name, found.version, found.sizes) == ("mine", 2, (3, 3))
    assert found.prompt_ids[3:] == ("b-00", "b-01", "b-02")


def test_the_hash_is_of_the_texts_and_their_groups() -> None:
    def hash_of(text: str) -> str:
        return parse_set(text, file="x.yaml", is_contrast=True).hash

    assert hash_of(GOOD) == hash_of(GOOD.replace("name: mine", "name: other"))
    assert hash_of(GOOD) != hash_of(GOOD.replace("dos", "due"))
    assert hash_of(GOOD) != hash_of(GOOD.replace("  b:", "  c:"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "needs name, version and groups"),
        ("just text", "needs name, version and groups"),
        ("[1, 2]", "needs name, version and groups"),
        (GOOD + "extra: 1\n", "needs name, version and groups"),
        (GOOD.replace("uno", "dos"), "occurs twice"),
        (GOOD.replace("uno", '"  ONE   thing "'), "occurs twice"),
        (GOOD.replace("uno", '""'), "is no text"),
        (GOOD.replace("uno", '"   "'), "is no text"),
        (GOOD.replace("uno", "17"), "is no text"),
        (GOOD.replace("uno", "null"), "is no text"),
        (GOOD.replace("uno", "{a: 1}"), "is no text"),
        (GOOD.replace("uno", "x" * 2001), "2001 characters"),
        (GOOD.replace("uno", '"a\\0b"'), "control character"),
        (GOOD.replace("[uno, dos, tres]", "text"), "no list of prompts"),
        (GOOD.replace("[uno, dos, tres]", "[]"), "without prompts"),
        (GOOD.replace("[uno, dos, tres]", "[uno, dos]"), "at least 3"),
        (GOOD + "  c: [x, y, z]\n", "has 2 groups, this has 3"),
        (GOOD.replace("version: 2", "version: true"), "whole number"),
        (GOOD + "  b: [vier, fuenf, sechs]\n", "occurs twice"),
        ("groups: &a {b: *a}", "aliases"),
        ("a: &x [lol]\nb: [*x, *x, *x]", "aliases"),
        ("groups: !!python/object/apply:os.system ['true']", "is no YAML"),
        ("groups: {a: [1", "is no YAML"),
        ("[" * 5000, "is no YAML"),
        (GOOD.replace("[uno, dos, tres]", str([f"p{i}" for i in range(MOST_CONTRAST)])), "at most 200"),
    ],
)
def test_a_hostile_or_broken_file_is_refused_with_what_is_wrong(text: str, fault: str) -> None:
    assert fault in faults(text)


def test_a_background_may_be_large_and_have_any_number_of_groups() -> None:
    text = f"groups: {{a: {[f'p{i}' for i in range(1000)]}}}"
    assert parse_set(text, file="x.yaml", is_contrast=False).sizes == (1000,)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00bad"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadParameterError, match="cannot be read"):
        read_set(file, is_contrast=True)


def test_an_unknown_shipped_set_is_refused() -> None:
    with pytest.raises(BadParameterError, match="contrast, domains"):
        shipped_set("nothing")


def test_a_set_is_frozen() -> None:
    with pytest.raises(AttributeError):
        PromptSet(name="a", version=1, groups=()).name = "b"  # type: ignore[misc]
