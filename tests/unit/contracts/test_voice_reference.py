"""Written references to voices."""

import pytest

from echo_common.contracts.voice_reference import VoiceReference, references_of


@pytest.mark.parametrize(
    ("text", "kind", "value", "provider_id"),
    [
        ("object:styles/vm_1/job_1-1", "object", "styles/vm_1/job_1-1", None),
        ("file:/tmp/style:1.bin", "file", "/tmp/style:1.bin", None),
        ("fish_abc", "name", "fish_abc", "abc"),
        ("tone_low", "name", "tone_low", "tone_low"),
        ("a:b", "name", "a:b", "a:b"),
        ("", "name", "", ""),
    ],
)
def test_references_are_read_and_written(text: str, kind: str, value: str, provider_id: str | None) -> None:
    reference = VoiceReference.parse(text)
    assert (reference.kind, reference.value, reference.provider_id) == (kind, value, provider_id)
    assert str(reference) == text


def test_a_provider_id_is_found_with_and_without_its_prefix() -> None:
    assert {VoiceReference.parse(text).provider_id for text in references_of("abc")} == {"abc"}
