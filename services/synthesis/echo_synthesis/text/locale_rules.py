"""Locale rules: conventions of languages other than English for numbers, dates, units and abbreviations."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_MONTHS = {
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "hi": "जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
}


@dataclass(frozen=True, slots=True)
class LocaleRules:
    """The conventions of a language.

    `decimal` is the decimal separator, `point` its spoken name, `dot` the spoken name of the full stop in versions. `money`
    maps a symbol to the currency's singular and plural, and the singular and plural of its hundredths. `units` maps a symbol to
    singular and plural. `months` and `date` (of `day`, `month`, `year`) are for dates whose day comes first; `first` is the
    spoken first day of a month; `clock` joins hours and minutes. `ordinals` maps the endings of written ordinals to the
    replacement of the spoken ordinal's last letter. `words` are abbreviations.
    """

    decimal: str = ","
    percent: str = ""
    minus: str = ""
    plus: str = ""
    point: str = ""
    dot: str = ""
    to: str = ""
    cents: str = " "
    money: Mapping[str, tuple[str, str, str, str]] = field(default_factory=dict)
    units: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    months: tuple[str, ...] = ()
    date: str = "{day} {month} {year}"
    first: str = ""
    clock: str = ""
    ordinals: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


def _months(language: str) -> tuple[str, ...]:
    return tuple(_MONTHS[language].split())


def _units(**names: str) -> Mapping[str, tuple[str, str]]:
    signs = {"kmh": "km/h", "c": "°C", "deg": "°"}
    pairs = {signs.get(name, name): said.split("|") for name, said in names.items()}
    return {sign: (pair[0], pair[-1]) for sign, pair in pairs.items()}


LOCALE_RULES: Mapping[str, LocaleRules] = {
    "de": LocaleRules(
        percent="Prozent",
        minus="minus",
        plus="plus",
        dot="Punkt",
        to="bis",
        money={
            "€": ("Euro", "Euro", "Cent", "Cent"),
            "$": ("Dollar", "Dollar", "Cent", "Cent"),
            "£": ("Pfund", "Pfund", "Penny", "Pence"),
        },
        units=_units(km="Kilometer", m="Meter", cm="Zentimeter", kg="Kilogramm", g="Gramm", kmh="Kilometer pro Stunde", c="Grad Celsius", deg="Grad"),
        clock="{hours} Uhr {minutes}",
    ),
    "es": LocaleRules(
        percent="por ciento",
        minus="menos",
        plus="más",
        point="coma",
        dot="punto",
        to="a",
        cents=" con ",
        money={
            "€": ("euro", "euros", "céntimo", "céntimos"),
            "$": ("dólar", "dólares", "centavo", "centavos"),
            "£": ("libra", "libras", "penique", "peniques"),
        },
        units=_units(
            km="kilómetro|kilómetros", m="metro|metros", cm="centímetro|centímetros", mm="milímetro|milímetros",
            kg="kilo|kilos", g="gramo|gramos", l="litro|litros", kmh="kilómetro por hora|kilómetros por hora",
            c="grado Celsius|grados Celsius", deg="grado|grados", GB="gigabyte|gigabytes", min="minuto|minutos", h="hora|horas",
        ),
        months=_months("es"),
        date="{day} de {month} de {year}",
        clock="{hours} y {minutes}",
        ordinals={"º": "", ".º": "", "er": "#", ".er": "#", "ª": "a", ".ª": "a"},
        words={"Sr.": "señor", "Sra.": "señora", "Srta.": "señorita", "Dr.": "doctor", "Dra.": "doctora", "Ud.": "usted",
               "Uds.": "ustedes", "etc.": "etcétera", "p. ej.": "por ejemplo", "EE. UU.": "Estados Unidos"},
    ),
    "fr": LocaleRules(
        percent="pour cent",
        minus="moins",
        plus="plus",
        point="virgule",
        dot="point",
        to="à",
        money={
            "€": ("euro", "euros", "", ""),
            "$": ("dollar", "dollars", "", ""),
            "£": ("livre", "livres", "", ""),
        },
        units=_units(
            km="kilomètre|kilomètres", m="mètre|mètres", cm="centimètre|centimètres", mm="millimètre|millimètres",
            kg="kilo|kilos", g="gramme|grammes", l="litre|litres", kmh="kilomètre heure|kilomètres heure",
            c="degré Celsius|degrés Celsius", deg="degré|degrés", Go="gigaoctet|gigaoctets", min="minute|minutes", h="heure|heures",
        ),
        months=_months("fr"),
        first="premier",
        clock="{hours} heures {minutes}",
        ordinals={"er": "", "ère": "ère", "re": "ère", "e": "", "ème": "", "nd": "", "nde": ""},
        words={"M.": "Monsieur", "MM.": "Messieurs", "Mme": "Madame", "Mmes": "Mesdames", "Mlle": "Mademoiselle", "Dr": "Docteur",
               "etc.": "et cetera", "p. ex.": "par exemple", "c.-à-d.": "c'est-à-dire"},
    ),
    "it": LocaleRules(
        percent="per cento",
        minus="meno",
        plus="più",
        point="virgola",
        dot="punto",
        to="a",
        cents=" e ",
        money={
            "€": ("euro", "euro", "centesimo", "centesimi"),
            "$": ("dollaro", "dollari", "centesimo", "centesimi"),
            "£": ("sterlina", "sterline", "penny", "pence"),
        },
        units=_units(
            km="chilometro|chilometri", m="metro|metri", cm="centimetro|centimetri", mm="millimetro|millimetri",
            kg="chilo|chili", g="grammo|grammi", l="litro|litri", kmh="chilometro all'ora|chilometri all'ora",
            c="grado Celsius|gradi Celsius", deg="grado|gradi", GB="gigabyte|gigabyte", min="minuto|minuti", h="ora|ore",
        ),
        months=_months("it"),
        first="primo",
        clock="{hours} e {minutes}",
        ordinals={"º": "", "°": "", "ª": "a"},
        words={"Sig.": "signor", "Sig.ra": "signora", "Dott.": "dottor", "Dott.ssa": "dottoressa", "Prof.": "professor",
               "ecc.": "eccetera", "p. es.": "per esempio"},
    ),
    "pt": LocaleRules(
        percent="por cento",
        minus="menos",
        plus="mais",
        point="vírgula",
        dot="ponto",
        to="a",
        cents=" e ",
        money={
            "R$": ("real", "reais", "centavo", "centavos"),
            "€": ("euro", "euros", "cêntimo", "cêntimos"),
            "$": ("dólar", "dólares", "centavo", "centavos"),
            "£": ("libra", "libras", "penny", "pence"),
        },
        units=_units(
            km="quilômetro|quilômetros", m="metro|metros", cm="centímetro|centímetros", mm="milímetro|milímetros",
            kg="quilo|quilos", g="grama|gramas", l="litro|litros", kmh="quilômetro por hora|quilômetros por hora",
            c="grau Celsius|graus Celsius", deg="grau|graus", GB="gigabyte|gigabytes", min="minuto|minutos", h="hora|horas",
        ),
        months=_months("pt"),
        date="{day} de {month} de {year}",
        first="primeiro",
        clock="{hours} e {minutes}",
        ordinals={"º": "", ".º": "", "ª": "a", ".ª": "a"},
        words={"Sr.": "senhor", "Sra.": "senhora", "Dr.": "doutor", "Dra.": "doutora", "Prof.": "professor", "etc.": "etcétera",
               "p. ex.": "por exemplo"},
    ),
    "nl": LocaleRules(
        percent="procent", minus="min", plus="plus", dot="punt", to="tot",
        money={"€": ("euro", "euro", "", ""), "$": ("dollar", "dollar", "", ""), "£": ("pond", "pond", "", "")},
    ),
    "pl": LocaleRules(percent="procent", minus="minus"),
    "sv": LocaleRules(percent="procent", minus="minus"),
    "ja": LocaleRules(".", "パーセント", "マイナス", money={"¥": ("円", "円", "", ""), "$": ("ドル", "ドル", "", ""), "€": ("ユーロ", "ユーロ", "", "")}),
    "hi": LocaleRules(".", months=_months("hi")),
    **{code: LocaleRules(".") for code in ("ko", "th", "he", "kn", "te", "zh")},
}  # fmt: skip
OTHER = LocaleRules()
