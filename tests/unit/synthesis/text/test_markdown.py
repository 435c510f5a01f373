"""Markdown markup is removed, and every visible word is kept."""

import html
import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from echo_synthesis.text.markdown import parse_markdown
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Segment
from echo_synthesis.text.source_map import Limits
from echo_synthesis.text.words import find_words

RENDERER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
PAGE = """# The *first* part

Some **bold text**, a [link](https://example.com "title") and `code`.

- one item
- [x] another item
1. numbered

| Name | Price |
|------|------:|
| Tea  | cheap |

> quoted &amp; said

```python
spoken = code
```

Second
------
The end.
"""


def sees(text: str) -> str:
    return parse_markdown(text, Limits()).text


def words(text: str) -> list[str]:
    """Return words without the punctuation inside them."""
    found = (re.sub(r"[\W_]", "", text[word.start : word.end]) for word in find_words(text, 400))
    return [word for word in found if word]


def test_markdown_markup_is_not_read() -> None:
    parts = compose(PAGE, NormalizationOptions("en-US"), 400)
    assert [part.text for part in parts if isinstance(part, Segment)] == [
        "The first part",
        "Some bold text, a link and code.",
        "one item",
        "another item",
        "one. numbered",
        "Name, Price",
        "Tea, cheap",
        "quoted and said",
        "spoken equals code",
        "Second",
        "The end.",
    ]
    assert [part.heading.level for part in parts if isinstance(part, Segment) and part.heading] == [1, 2]


def test_visible_text_has_offsets_into_the_markdown() -> None:
    visible = parse_markdown(PAGE, Limits())
    at = visible.text.index("link")
    span = visible.written(at, at + 4)
    assert PAGE[span.start : span.end] == "link"
    at = visible.text.index("&")
    span = visible.written(at, at + 1)
    assert PAGE[span.start : span.end] == "&amp;"


def test_other_punctuation_is_kept() -> None:
    for text in ["5 * 3 = 15", "snake_case_name", "a < b and c > d", "C# is #1", "[draft] for [Anna]: later", "x | y", "2 - 1"]:
        assert sees(text) == text


def test_horizontal_rules_remove_no_text() -> None:
    assert words(sees("One sentence.\n\n---\n\nAnother sentence.\n---\nA third.")) == [
        "One", "sentence", "Another", "sentence", "A", "third",
    ]  # fmt: skip


INLINE = st.recursive(
    st.sampled_from(["alpha", "beta gamma", "delta", "5", "Émile", "don't", "half-way"]),
    lambda inner: st.one_of(
        st.builds("**{}**".format, inner),
        st.builds("*{}*".format, inner),
        st.builds("~~{}~~".format, inner),
        st.builds("{} {}".format, inner, inner),
        st.builds("({}), {}".format, inner, inner),
    ),
    max_leaves=5,
).filter(lambda text: not text.startswith("~~~"))  # which would begin a block of code
LINK = st.one_of(
    st.builds("[{}](https://example.com/a_b)".format, INLINE),
    st.builds('see ![{}](<a b.html> "a title") now'.format, st.sampled_from(["alpha", "beta gamma"])),
)
LINE = st.one_of(
    INLINE, LINK, st.builds("`{}`".format, st.sampled_from(["code", "more code"])), st.just("a \\* b &amp; c"), st.just("1 < 2")
)
BLOCK = st.one_of(
    st.lists(LINE, min_size=1, max_size=3).map("\n".join),
    st.builds("{} {}".format, st.sampled_from(["#", "##", "######"]), LINE),
    st.lists(st.builds("- {}".format, LINE), min_size=1, max_size=3).map("\n".join),
    st.lists(st.builds("* [ ] {}".format, LINE), min_size=1, max_size=3).map("\n".join),
    st.builds("> {}".format, LINE),
    st.builds("{}\n=====".format, st.sampled_from(["Title", "A longer title"])),
    st.builds("```text\n{}\n```".format, st.sampled_from(["x = 1", "first\nsecond"])),
    st.builds("| {} | {} |\n|---|:--|\n| {} | |".format, *[st.sampled_from(["a", "b c", "**d**"])] * 3),
    st.just("---"),
    st.just("[name]: https://example.com"),
    st.just("[seen][name]"),
)


@given(st.lists(BLOCK, max_size=6).map("\n\n".join))
def test_every_visible_word_is_read(page: str) -> None:
    rendered = re.sub(r"</?(?:em|strong|s|a)\b[^>]*>", "", RENDERER.render(page))
    drawn = re.sub(r'<img[^>]* alt="([^"]*)"[^>]*>', r"\1", rendered)
    visible = html.unescape(re.sub(r"<[^>]+>", " ", drawn))
    # list numbers and the boxes of tasks are drawn, not written
    assert words(sees(page)) == words(visible.replace("[ ]", ""))


@given(st.text(alphabet=st.sampled_from("ab [](){}<>!*_`~#|-=+\n\\&;:/.\"'^1"), max_size=80))
def test_offsets_increase_and_stay_within_the_text(text: str) -> None:
    visible = parse_markdown(text, Limits())
    place = 0
    for at, character in enumerate(visible.text):
        span = visible.written(at, at + 1)
        assert place <= span.start <= span.end <= len(text)
        place = span.start
        if span.end - span.start == 1:
            assert text[span.start] == character or not character.strip()
