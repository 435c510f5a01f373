"""Thoughts are removed from the text of a reply, wherever its parts are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_voice.chat_models.thoughts import ThoughtFilter

CASES = {
    "<think>The user greets me.</think>\n\nGood morning.": "\n\nGood morning.",
    "Good <think>really?</think>morning.": "Good morning.",
    "<think></think>Good morning.": "Good morning.",
    "<think>a < b</think>One<think>b</think>Two": "OneTwo",
    "<think>It never ends": "",
    "2 < 3 and <thin ice>": "2 < 3 and <thin ice>",
    "It ends with <thi": "It ends with <thi",
    "</think>": "</think>",
    "<<think>x</think>>": "<>",
}


def filtered(parts: list[str]) -> str:
    thoughts = ThoughtFilter()
    return "".join(map(thoughts.feed, parts)) + thoughts.end()


@pytest.mark.parametrize("text", CASES)
def test_thoughts_are_removed(text: str) -> None:
    assert filtered([text]) == filtered(list(text)) == CASES[text]


@given(st.data(), st.text(alphabet="<>/think ab"))
def test_the_result_does_not_depend_on_the_parts(data: st.DataObject, extra: str) -> None:
    text = data.draw(st.sampled_from(sorted(CASES))) + extra
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert filtered(parts) == filtered([text])


def test_text_that_is_no_tag_is_passed_on_at_once() -> None:
    thoughts = ThoughtFilter()
    assert thoughts.feed("Good morning. 2 <") == "Good morning. 2 "
    assert thoughts.feed(" 3") == "< 3"
