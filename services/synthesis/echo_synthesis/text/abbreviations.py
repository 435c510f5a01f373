"""Abbreviations whose full stop does not end a sentence by itself, in lower case and without full stops."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEVER_LAST = _words(
    "mr mrs ms mx dr prof st mt ft gen col sgt capt lt cmdr rev hon pres gov sen rep supt fr sr messrs mme mlle "
    "vs no nos p para rm ch rs sra srta dra dott sig fig figs eq eqs vol vols pp ca cf eg ie viz approx dept tel ext"
)
"""Titles and similar abbreviations, which never end a sentence."""

SOMETIMES_LAST = _words(
    "jr esq etc inc ltd co corp llc plc bros pm bc ave blvd rd ln hwy apt jan feb mar apr jun jul aug sep sept oct "
    "nov dec mon tue tues wed thu thur thurs fri lb lbs oz ft yd km kg cm mm hr hrs mins al est uk eu phd md bsc msc"
)
"""Abbreviations that may end a sentence."""

LIKELY_STARTERS = _words(
    "a after all also although an and another as at because before both but by each even every for from he hence her here "
    "his how however i if in it its let many maybe most my nevertheless no nobody nor not nothing now of on once one only or "
    "our perhaps please she since so some someone soon still such suddenly that the their then there therefore these they "
    "this those though thus to today tomorrow two unfortunately until we well what when where whether which while who why "
    "will with without yes yesterday yet you your"
)
"""Words that, capitalised after an abbreviation, most likely begin a sentence."""
