"""Names of metrics and labels in expressions of PromQL, and in the templates that show their results."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset"}
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTOR = re.compile(r"\b([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
_MATCHER = re.compile(r'\s*(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*')
_GROUPING = re.compile(r"\b(by|without|on|ignoring)\s*\(([^)]*)\)\s*(\(?)")


@dataclass(frozen=True)
class Matcher:
    """A condition on a label in a selector."""

    metric: str
    label: str
    operator: str
    value: str

    @property
    def alternatives(self) -> list[str]:
        """The regular expressions of which a value must match one; a value in plain characters matches only itself."""
        return self.value.split("|") if "~" in self.operator else [re.escape(self.value)]


@dataclass(frozen=True)
class Grouping:
    """Labels by which the metrics of an aggregation, or of a whole expression, are grouped or matched."""

    labels: frozenset[str]
    metrics: frozenset[str]


def metric_names(expression: str) -> set[str]:
    """Return the names of the metrics in an expression."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", _STRING.sub("", expression))
    bare = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", "", bare)
    return {name for name in re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare) if name not in _WORDS}


def matchers(expression: str) -> Iterator[Matcher]:
    """Yield the conditions of all selectors. Raises `ValueError` for one that is not understood."""
    for selector in _SELECTOR.finditer(expression):
        metric, conditions = selector[1], selector[2].strip().rstrip(",")
        place = 0
        while place < len(conditions):
            found = _MATCHER.match(conditions, place)
            if found is None or conditions[found.end() : found.end() + 1] not in {"", ","}:
                raise ValueError(f"{selector[0]} has a condition that is not understood.")
            yield Matcher(metric, found[1], found[2], found[3])
            place = found.end() + 1


def groupings(expression: str) -> Iterator[Grouping]:
    """Yield the groupings. Raises `ValueError` for `sum(…) by (…)`, whose argument is not looked up."""
    bare = _STRING.sub('""', expression)
    for found in _GROUPING.finditer(bare):
        labels = frozenset(label.strip() for label in found[2].split(",") if label.strip())
        aggregates = found[1] in {"by", "without"}
        if aggregates and not found[3]:
            raise ValueError(f"Write the labels before the argument: sum by ({found[2]}) (…).")
        argument = _argument(bare, found.end()) if aggregates else bare
        yield Grouping(labels, frozenset(metric_names(argument)))


def template_labels(template: str) -> set[str]:
    """Return the labels in a template of an alert (`{{ $labels.service }}`) or a legend (`{{service}}`)."""
    return set(re.findall(r"\{\{\s*\$labels\.(\w+)", template)) | set(re.findall(r"\{\{\s*(\w+)\s*\}\}", template))


def _argument(expression: str, start: int) -> str:
    """Return the expression from `start`, which follows an opening parenthesis, to the closing one."""
    depth = 1
    for place in range(start, len(expression)):
        depth += {"(": 1, ")": -1}.get(expression[place], 0)
        if not depth:
            return expression[start:place]
    raise ValueError(f"{expression} lacks a closing parenthesis.")
