"""Abbreviations, and Roman numerals in names."""

# ruff: noqa: RUF001  (the code is about typographic characters)
import re

from echo_synthesis.text.english.numbers import cardinal, ordinal, roman
from echo_synthesis.text.verbalization import Rules, Said

rules = Rules()

_TITLES = {
    "Mr": "Mister",
    "Mrs": "Missus",
    "Ms": "Miz",
    "Mx": "Mix",
    "Prof": "Professor",
    "Gen": "General",
    "Col": "Colonel",
    "Maj": "Major",
    "Capt": "Captain",
    "Lt": "Lieutenant",
    "Sgt": "Sergeant",
    "Cmdr": "Commander",
    "Rev": "Reverend",
    "Fr": "Father",
    "Hon": "Honorable",
    "Pres": "President",
    "Gov": "Governor",
    "Sen": "Senator",
    "Rep": "Representative",
    "Supt": "Superintendent",
    "Mt": "Mount",
    "Ft": "Fort",
    "Messrs": "Messieurs",
    "Mme": "Madame",
    "Mlle": "Mademoiselle",
}
_ALWAYS = {
    "Jr": "Junior",
    "Sr": "Senior",
    "Esq": "Esquire",
    "Inc": "Incorporated",
    "Ltd": "Limited",
    "Corp": "Corporation",
    "Co": "Company",
    "Bros": "Brothers",
    "Ave": "Avenue",
    "Blvd": "Boulevard",
    "Rd": "Road",
    "Ln": "Lane",
    "Hwy": "Highway",
    "Apt": "Apartment",
    "Dept": "Department",
    "dept": "department",
    "approx": "approximately",
    "Approx": "Approximately",
    "est": "established",
    "Est": "Established",
    "etc": "et cetera",
    "vs": "versus",
    "misc": "miscellaneous",
    "temp": "temperature",
    "govt": "government",
    "incl": "including",
    "excl": "excluding",
    "max": "maximum",
    "min": "minimum",
    "tel": "telephone",
    "Tel": "Telephone",
    "assoc": "associate",
    "ca": "circa",
    "cf": "compare",
}
_NUMBERED = {
    "no": ("number", "numbers"),
    "nos": ("numbers", "numbers"),
    "p": ("page", "page"),
    "pp": ("pages", "pages"),
    "vol": ("volume", "volumes"),
    "ch": ("chapter", "chapters"),
    "fig": ("figure", "figures"),
    "figs": ("figures", "figures"),
    "eq": ("equation", "equations"),
    "ext": ("extension", "extension"),
    "rm": ("room", "rooms"),
}


@rules.add(
    rf"(?<![\w.])(?P<title>{'|'.join(_TITLES)})\.(?=\s(?:[A-Z\0&]|and\s))",
    r"(?<![\w.])(?P<title>Mrs|Mr|Ms|Prof)(?=\s[A-Z][a-z])",
)
def _title(match: re.Match[str]) -> Said:
    return _TITLES[match["title"]]


def _word_before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - 60) : match.start()].rstrip().rpartition(" ")[2]


_NAME = re.compile(r"\s[A-Z][\w'-]+\b")


@rules.add(
    r"(?<![\w.])(?P<name>St|Dr)\.",
    r"(?<=[a-z] )(?P<name>St|Dr)(?=[,;]|\s[A-Za-z]|$)",
)
def _street_or_saint(match: re.Match[str]) -> Said:
    before = _word_before(match)
    follows = _NAME.match(match.string, match.end())
    name = before[:1].isupper()
    if match["name"] == "St":
        return "Street" if name and not follows else "Saint"
    return "Drive" if name and not follows else "Doctor"


_SEVERAL = re.compile(r"\d{1,15}+(?:-|\N{EN DASH}| and )\d")


@rules.add(
    rf"(?i)(?<![\w.])(?P<name>{'|'.join(_NUMBERED)})\.\s?(?=[\d\0])",
    r"(?i)(?<!\w)(?P<name>no)\N{DEGREE SIGN}\s?(?=\d)",
)
def _numbered(match: re.Match[str]) -> Said:
    several = _SEVERAL.match(match.string, match.end())
    one, many = _NUMBERED[match["name"].lower()]
    return many if several else one


@rules.add(
    r"№\s?(?=\d)",
    r"(?<![\w#&])#(?=\d)",
)
def _number_sign(_: re.Match[str]) -> Said:
    return "number"


@rules.add(
    rf"(?<![\w.])(?P<name>{'|'.join(_ALWAYS)})\.",
    r"(?<!\w)(?P<name>vs|etc)(?![\w.])",
    r"(?<=\s)(?P<name>Jr|Sr|Inc|Ltd|Blvd|Ave)(?=[,;\s]|$)",
)
def _abbreviation(match: re.Match[str]) -> Said:
    return _ALWAYS[match["name"]]


_STOPS = re.compile(r"[.\s]")
_LATIN = {"eg": "for example", "ie": "that is", "ps": "P S", "aka": "also known as"}


@rules.add(
    r"(?i)(?<![\w.])(?:e\.\s?g\.|i\.\s?e\.|a\.k\.a\.|P\.S\.)",
    r"(?<!\w)(?:eg|ie|aka)(?=[\s,])",
)
def _latin(match: re.Match[str]) -> Said:
    return _LATIN[_STOPS.sub("", match[0]).lower()]


@rules.add(r"(?<!\w)(?P<letters>(?:[A-Z]\.){2,6})")
def _initials(match: re.Match[str]) -> Said:
    return " ".join(match["letters"].replace(".", ""))


@rules.add(r"(?<!\w)(?:Ph\.\s?D\.|PhD)(?P<s>s)?(?!\w)")
def _doctorate(match: re.Match[str]) -> Said:
    return "P H D" + ("s" if match["s"] else "")


@rules.add(r"(?<!\w)WW(?P<number>II|I|2|1)(?!\w)")
def _world_war(match: re.Match[str]) -> Said:
    return "World War " + ("one" if match["number"] in {"I", "1"} else "two")


@rules.add(r"(?:^|(?<=[.!?:;,(] )|(?<=[a-z] ))Dr(?=\s[A-Z][a-z]+\b(?:[ ,]|$))")
def _doctor(match: re.Match[str]) -> Said:
    before = _word_before(match)
    return None if before[:1].isupper() and before[-1:].isalnum() else "Doctor"


@rules.add(r"(?<![\w/])w/(?P<out>o)?(?=[\s\w])")
def _with(match: re.Match[str]) -> Said:
    return "without" if match["out"] else "with"


_RULERS = (
    "Henry|Louis|George|Edward|Charles|James|William|Richard|Elizabeth|Mary|Philip|Alexander|Nicholas|Catherine|Peter|Ivan|"
    "Frederick|Napoleon|Leopold|Albert|Christian|Haakon|Gustav|Francis|Ferdinand|Alfonso|Juan|Felipe|Pius|Benedict|"
    "John Paul|John|Paul|Gregory|Leo|Clement|Innocent|Urban|Ramesses|Ramses|Ptolemy|Darius|Xerxes|Edgar|Robert|David|"
    "Margrethe|Beatrix|Wilhelm|Otto|Constantine|Pope \\w{2,20}|King \\w{2,20}|Queen \\w{2,20}"
)
_PARTS = (
    "chapter|part|act|scene|volume|vol|book|section|article|title|stage|level|class|mark|mk|grade|season|episode|phase|type|"
    "appendix|figure|table|war|bowl|olympiad|division|group|category|tier|schedule|canto|symphony|sonata|round|step"
)


@rules.add(rf"(?<!\w)(?P<name>{_RULERS})\s(?P<number>[IVX]{{1,6}})(?P<possessive>['’]s)?(?![\w.]\w|\w)")
def _ruler(match: re.Match[str]) -> Said:
    value = roman(match["number"])
    if value is None or (match["number"] == "I" and not _kingly(match)):
        return None
    return [("name", match["name"]), ("number", f"the {ordinal(value)}" + ("'s" if match["possessive"] else ""))]


_SAID_OF_ONESELF = re.compile(
    r"\s(?:am|was|have|had|do|did|will|would|can|could|think|know|see|saw|say|said|want|like|love|just|\w+ed)\b"
)


def _kingly(match: re.Match[str]) -> bool:
    """Return whether a lone I after a name is a number: not in "Henry I think"."""
    following = match.string[match.end() : match.end() + 12]
    return not _SAID_OF_ONESELF.match(following)


@rules.add(rf"(?i:(?<!\w)(?P<name>{_PARTS})\s)(?P<number>[IVXLC]{{1,8}})(?![\w'’])")
def _part(match: re.Match[str]) -> Said:
    value = roman(match["number"])
    return None if not value else [("name", match["name"]), ("number", cardinal(value))]


@rules.add(r"(?<=[a-z]\s)(?P<number>(?:X{0,3}(?:IX|IV|VI{0,3}|I{2,3})|X{1,3}I{1,3}|XX{1,2}))(?![\w'’&/-]|\.\w)")
def _sequel(match: re.Match[str]) -> Said:
    value = roman(match["number"])
    named = _word_before(match)[:1].isupper()
    return cardinal(value) if value and named and len(match["number"]) > 1 else None
