"""URLs, e-mail addresses, telephone numbers, versions and files: text that is mostly spelled out."""

import re

from echo_synthesis.text.english.numbers import cardinal, digits, number, spelled
from echo_synthesis.text.verbalization import Rules, Said
from echo_synthesis.text.words import URL

rules = Rules()

_TOP = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|dev|app|co|me|tv|uk|us|ca|au|nz|ie|de|fr|es|it|pt|nl|be|ch|at|se|no|dk|fi|pl|"
    "cz|ru|ua|jp|cn|in|br|mx|eu|xyz|tech|cloud|online|site|shop|blog|page"
)
_HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}"
_SIGNS = {
    "/": "slash",
    ".": "dot",
    "-": "dash",
    "_": "underscore",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "%": "percent",
    ":": "colon",
    "@": "at",
    "~": "tilde",
    "+": "plus",
    "\\": "backslash",
}
_PART = re.compile(r"[^\W\d_]+|\d+|.")
_SCHEME = re.compile(r"^\w{1,10}://")
_NAMED = re.compile(r"\bversion\s$", re.IGNORECASE)
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
_SPELLED = frozenset(["ai", "api", "eu", "id", "io", "ios", "ip", "ui", "uk", "us"])
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_|(?<=\D)(?=\d)|(?<=\d)(?=\D)")


def spell(text: str) -> str:
    """Spell an address out: name its symbols, and spell parts that are not words."""
    return " ".join(filter(None, (_part(part) for part in _PART.findall(text))))


def _part(part: str) -> str:
    if part.isdecimal():
        return digits(part) if len(part) > 2 or part[0] == "0" else cardinal(int(part))
    if part[0].isalpha():
        return spelled(part) if len(part) <= 5 and (part.lower() in _SPELLED or not _VOWEL.search(part)) else part
    return _SIGNS.get(part, "")


@rules.add(URL)
def _url(match: re.Match[str]) -> Said:
    return spell(_SCHEME.sub("", match[0]).rstrip("/"))


@rules.add(r"(?i)(?<![\w.+-])[\w.+-]{1,64}@" + _HOST + r"[a-z]{2,24}(?![\w-])")
def _email(match: re.Match[str]) -> Said:
    return spell(match[0])


@rules.add(r"(?i)(?<![\w@./-])" + _HOST + rf"(?:{_TOP})(?![\w-])(?:/[\w./?=&%#~+-]{{0,150}}[\w/])?")
def _domain(match: re.Match[str]) -> Said:
    host = match[0].split("/")[0]
    if host != host.lower() and host.count(".") == 1 and host.rpartition(".")[2][0].isupper():
        return None  # "the end.It was": a full stop without a space
    return spell(match[0].rstrip("/"))


@rules.add(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\w.]\w)")
def _internet_address(match: re.Match[str]) -> Said:
    return spell(match[0])


@rules.add(
    r"(?i)(?<![\w.])(?!\d{3}\.\d{3}\.\d{4}(?!\d))(?:(?P<name>version|release|v\.?) ?)?(?P<number>\d{1,4}(?:\.\d{1,5}){1,5})(?!\.?\w)(?!\s?%)"
)
def _version(match: re.Match[str]) -> Said:
    if match["name"] is None and match["number"].count(".") < 2:
        return None
    said = " point ".join(number(part) for part in match["number"].split("."))
    if match["name"] is None:
        return said
    named = _NAMED.search(match.string[max(0, match.start() - 9) : match.start()])
    if named:
        return said
    name = match["name"] if len(match["name"]) > 2 else "version"
    return [("name", name), ("number", said)]


@rules.add(r"(?<!\w)v(?P<number>\d{1,4})(?!\w)")
def _whole_version(match: re.Match[str]) -> Said:
    return f"version {number(match['number'])}"


_FILES = (
    "pdf|py|js|jsx|ts|tsx|txt|md|json|csv|tsv|html|htm|xml|css|exe|zip|tar|gz|jpg|jpeg|png|gif|svg|mp3|mp4|wav|flac|ogg|"
    "doc|docx|xls|xlsx|ppt|pptx|yaml|yml|toml|ini|cfg|log|sql|sh|bat|cpp|rs|go|rb|php|java|onnx|bin|net"
)


@rules.add(
    r"(?<![\w./~])(?:~|\.{1,2})?(?:/[\w.-]{1,60}){2,12}(?<![.-])/?(?!\w)",
    r"(?<!\w)[A-Za-z]:(?:\\[\w.-]{1,60}){1,12}(?<![.-])(?!\w)",
)
def _path(match: re.Match[str]) -> Said:
    return spell(match[0].rstrip("/"))


@rules.add(rf"(?i)(?<![\w./-])[\w-]{{1,60}}(?:\.[\w-]{{1,30}}){{0,3}}\.(?:{_FILES})(?!\w)")
def _file(match: re.Match[str]) -> Said:
    return spell(match[0])


@rules.add(r"(?<![\w#])#(?P<tag>[^\W\d_]\w{0,60})")
def _hashtag(match: re.Match[str]) -> Said:
    return "hashtag " + " ".join(part for part in _CAMEL.split(match["tag"]) if part)


@rules.add(r"(?<![\w@.])@(?P<name>[A-Za-z]\w{0,40})")
def _handle(match: re.Match[str]) -> Said:
    return "at " + " ".join(part for part in _CAMEL.split(match["name"]) if part)


@rules.add(r"(?<!\w)(?P<name>ISBN(?:-1[03])?:?)\s?(?P<number>[\d-]{9,17}[\dX])(?!\w)")
def _book(match: re.Match[str]) -> Said:
    return [("name", "I S B N"), ("number", ", ".join(spelled(part) for part in match["number"].split("-") if part))]


telephone = Rules()
_DIALLED = re.compile(r"(?i)(?:^|\W)(?:call|dial|phone|ring|text)(?:s|ed|led|ing|ling)?\s(?:\d{3}\s(?:or|and)\s)?$")
_EMERGENCY = re.compile(r"\s(?:calls?|operators?|dispatch(?:ers?)?|emergency|cent(?:er|re)s?|services?|lines?)\b")
_MANY = re.compile(r"\s(?:of|people|men|women|children|(?!is\b|was\b|has\b|as\b|us\b|this\b)[a-z]+s)\b")


@telephone.add(r"(?<![\w.,:$€£/+-])(?P<number>\d{3})(?![\w%°]|[.,:/-]\d)")
def _short_number(match: re.Match[str]) -> Said:
    """Verbalise a short number digit by digit: 911 because it is dialled, others where the context indicates it."""
    before = match.string[max(0, match.start() - 24) : match.start()]
    if match["number"] == "911" and before.endswith("Porsche "):
        return "nine eleven"
    emergency = match["number"] in {"911", "999", "112"} and _EMERGENCY.match(match.string, match.end())
    dialled = match["number"] == "911" or _DIALLED.search(before)
    return digits(match[0]) if emergency or (dialled and not _MANY.match(match.string, match.end())) else None


@telephone.add(
    r"(?<!\w)(?P<name>PIN|passcode|postcode|[Zz][Ii][Pp](?: code)?)(?P<is>:?\s(?:is\s)?)(?P<number>\d{3,8})(?![\w.,:/-]*\d)"
)
def _secret(match: re.Match[str]) -> Said:
    return [("name", match["name"]), *([("is", "is")] if "is" in match["is"] else []), ("number", digits(match["number"]))]


_DIGITS = re.compile(r"\d+")


@telephone.add(
    r"(?<![\w.+$£€-])(?:\+?1[-. ])?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])",
    r"(?<![\w+])\+\d{1,3}(?:[-. ]?\(\d{1,5}\)|[-. ]\d{1,5}){0,2}(?:[-. ]?\d{2,9}){1,5}(?![\w-])",
    r"(?<![\w.+$£€-])\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}(?![\w-])",
    r"(?<![\w.+$£€-])\d{3}-\d{4}(?![\w-])",
    r"(?<![\w.+$£€-])\d{4}(?:[ -]\d{4}){2,5}(?![\w-])",
)
def say_telephone(match: re.Match[str]) -> Said:
    """Verbalise a telephone number digit by digit, with a comma between its groups."""
    groups = list(_DIGITS.finditer(match[0]))
    said = [(match.start() + group.start(), digits(group[0])) for group in groups]
    if match[0].startswith("+"):
        said[0] = (match.start(), f"plus {said[0][1]}")
    return [(at, words + ("," if index + 1 < len(said) else "")) for index, (at, words) in enumerate(said)]
