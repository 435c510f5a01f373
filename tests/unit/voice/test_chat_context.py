"""The context of a reply."""

from echo_voice.chat_model import ChatTurn
from echo_voice.conversations.context import recent_turns, system_prompt


def _turns(*texts: str) -> list[ChatTurn]:
    return [ChatTurn("echo" if number % 2 else "user", text) for number, text in enumerate(texts)]


def test_recent_turns_fit_into_the_context() -> None:
    turns = _turns("a" * 10, "b" * 10, "c" * 10, "d" * 10, "e" * 10)
    assert [turn.text[0] for turn in recent_turns(turns, 30)] == ["c", "d", "e"]
    assert [turn.text[0] for turn in recent_turns(turns, 29)] == ["d", "e"]
    assert recent_turns(turns, 50) == turns


def test_the_newest_message_is_sent_even_if_it_exceeds_the_context() -> None:
    assert [turn.text for turn in recent_turns(_turns("a", "b", "c" * 100), 10)] == ["c" * 100]
    assert [turn.text for turn in recent_turns(_turns("a"), 0)] == ["a"]


def test_greeting_is_the_first_turn_of_a_complete_history_only() -> None:
    turns = _turns("hi", "hello", "how are you")
    assert [turn.role for turn in recent_turns(turns, 100, greeting="Welcome!")] == ["echo", "user", "echo", "user"]
    assert recent_turns(turns, 17, greeting="Welcome!")[0].text == "hello"
    assert recent_turns(turns, 20, greeting="Welcome!") == turns, "the greeting itself does not fit"


def test_consecutive_turns_of_a_role_are_one_turn() -> None:
    turns = [ChatTurn("user", "one"), ChatTurn("user", "two"), ChatTurn("echo", "three"), ChatTurn("user", "four")]
    assert recent_turns(turns, 100) == [ChatTurn("user", "one\n\ntwo"), ChatTurn("echo", "three"), ChatTurn("user", "four")]


def test_text_between_merged_turns_counts() -> None:
    turns = [ChatTurn("user", "one"), ChatTurn("user", "two")]
    assert recent_turns(turns, 8) == [ChatTurn("user", "one\n\ntwo")]
    assert recent_turns(turns, 7) == [ChatTurn("user", "two")]
    turns = [ChatTurn("echo", "one"), ChatTurn("user", "two")]
    assert recent_turns(turns, 11, greeting="Hi!")[0].text == "Hi!\n\none"
    assert recent_turns(turns, 10, greeting="Hi!") == turns


def test_system_prompt_has_persona_language_and_summary() -> None:
    prompt = system_prompt("Ada", "You are Ada, a mathematician.", "de-AT", "They spoke about engines.")
    assert prompt.startswith("You are Ada, a mathematician.")
    assert "de-AT" in prompt
    assert prompt.endswith("They spoke about engines.")
    plain = system_prompt("Ada", "", None)
    assert plain.startswith("Your name is Ada.")
    assert "language of the last message" in plain
    assert "Summary" not in plain
