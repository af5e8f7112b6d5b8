"""Prometheus' text format 0.0.4, read strictly: one meaning or a refusal with its line.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from governance import errors

MAX_BYTES = 4 * 1024 * 1024
MAX_SAMPLES = 50_000
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
BLANKS = re.compile(r"[ \t]*")
UNESCAPED = re.compile(r'[^"\\]*')
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
SPECIAL = {"NaN": Decimal("NaN"), "+Inf": Decimal("Infinity"), "Inf": Decimal("Infinity"), "-Inf": Decimal("-Infinity")}
TYPES = ("counter", "gauge", "histogram", "summary", "untyped")
ESCAPES = {"\\": "\\", '"': '"', "n": "\n"}
#: A line that ends an exposition, as OpenMetrics writes it: two expositions in one body are a window's start and end.
END = "# EOF"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Exposition:
    """The samples of one scrape, by name and labels (sorted), and the type of each family."""

    samples: dict[tuple[str, Labels], Decimal]
    types: dict[str, str]

    def of(self, name: str) -> Iterator[tuple[Labels, Decimal]]:
        """The samples of one name."""
        return ((labels, value) for (found, labels), value in self.samples.items() if found == name)

    def counts_up(self, name: str) -> bool:
        """Whether samples of this name only ever grow while their process lives: counters, and parts of histograms."""
        if self.types.get(name) == "counter":
            return True
        family = re.sub(r"_(?:bucket|sum|count)$", "", name)
        return family != name and self.types.get(family) in ("histogram", "summary")


def read_scrapes(text: str) -> list[Exposition]:
    """One exposition, or two that a line `# EOF` divides: at the window's start and at its end.

    Raises:
        errors.Invalid: naming the line that cannot be read. errors.TooLarge: beyond MAX_BYTES.
    """
    if len(text.encode()) > MAX_BYTES:
        raise errors.TooLarge(_("The exposition is larger than %(limit)d bytes.") % {"limit": MAX_BYTES})
    lines = text.split("\n")
    ends = [number for number, line in enumerate(lines) if line.rstrip("\r") == END]
    if ends and not any(line.strip() for line in lines[ends[-1] + 1 :]):
        ends.pop()
    if len(ends) > 1:
        raise _wrong(ends[1] + 1, _("One exposition, or two: at the window's start and at its end."))
    if not ends:
        return [_read(lines, 0)]
    return [_read(lines[: ends[0]], 0), _read(lines[ends[0] + 1 :], ends[0] + 1)]


def _read(lines: list[str], offset: int) -> Exposition:
    samples: dict[tuple[str, Labels], Decimal] = {}
    types: dict[str, str] = {}
    for number, raw in enumerate(lines, start=offset + 1):
        line = raw.removesuffix("\r").strip(" \t")
        if not line:
            continue
        if line.startswith("#"):
            _read_comment(line, number, types)
            continue
        name, labels, value = _sample(line, number)
        if (name, labels) in samples:
            raise _wrong(number, _("%(name)s stands twice with the same labels.") % {"name": name})
        samples[name, labels] = value
        if len(samples) > MAX_SAMPLES:
            raise _wrong(number, _("More than %(most)d samples.") % {"most": MAX_SAMPLES})
    if not samples:
        raise errors.Invalid(
            _("The exposition holds no sample."), errors={"(body)": [_("Send what /metrics answers.")]}
        )
    return Exposition(samples, types)


def _read_comment(line: str, number: int, types: dict[str, str]) -> None:
    words = line.split(None, 3)
    if len(words) < 2 or words[1] != "TYPE":
        return  # HELP and plain comments say nothing that is worked with
    if len(words) != 4 or not NAME.fullmatch(words[2]) or words[3].strip() not in TYPES:
        raise _wrong(number, _("# TYPE names a metric and one of: %(known)s.") % {"known": ", ".join(TYPES)})
    if words[2] in types:
        raise _wrong(number, _("The type of %(name)s is given twice.") % {"name": words[2]})
    types[words[2]] = words[3].strip()


def _sample(line: str, number: int) -> tuple[str, Labels, Decimal]:
    found = NAME.match(line)
    if found is None:
        raise _wrong(number, _("A sample begins with the name of a metric."))
    name, rest = found.group(), line[found.end() :]
    labels: Labels = ()
    if rest.lstrip(" \t").startswith("{"):
        labels, place = _labels(line, line.index("{", found.end()) + 1, number)
        rest = line[place:]
    elif not rest.startswith((" ", "\t")):
        raise _wrong(number, _("After the name come labels in braces, or a blank and the value."))
    words = rest.split()
    if len(words) not in (1, 2) or (len(words) == 2 and not re.fullmatch(r"-?[0-9]{1,18}", words[1])):
        raise _wrong(number, _("A sample ends with a value and, if any, a timestamp in milliseconds."))
    return name, labels, _value(words[0], number)


def _labels(line: str, place: int, number: int) -> tuple[Labels, int]:
    """The labels after the opening brace, and the place after the closing one.

    By places, never by what is left of the line: cut off anew at each label, a line of a megabyte takes minutes.
    """
    found: dict[str, str] = {}
    place = _after_blanks(line, place)
    while not line.startswith("}", place):
        name = LABEL.match(line, place)
        equals = _after_blanks(line, name.end()) if name else place
        if name is None or not line.startswith("=", equals):
            raise _wrong(number, _('Labels are name="value", divided by commas, in braces.'))
        value, place = _quoted(line, _after_blanks(line, equals + 1), number)
        if name.group() in found:
            raise _wrong(number, _("The label %(name)s stands twice.") % {"name": name.group()})
        found[name.group()] = value
        place = _after_blanks(line, place)
        if line.startswith(",", place):
            place = _after_blanks(line, place + 1)
        elif not line.startswith("}", place):
            raise _wrong(number, _('Labels are name="value", divided by commas, in braces.'))
    return tuple(sorted(found.items())), place + 1


def _after_blanks(line: str, place: int) -> int:
    blanks = BLANKS.match(line, place)
    return blanks.end() if blanks else place


def _quoted(line: str, place: int, number: int) -> tuple[str, int]:
    """A value in quotes with its escapes undone, and the place after it."""
    if not line.startswith('"', place):
        raise _wrong(number, _("The value of a label stands in double quotes."))
    kept: list[str] = []
    place += 1
    while (run := UNESCAPED.match(line, place)) is not None and run.end() < len(line):
        kept.append(run.group())
        place = run.end()
        if line[place] == '"':
            return "".join(kept), place + 1
        escaped = line[place + 1 : place + 2]
        if escaped not in ESCAPES:
            raise _wrong(number, _("After a backslash comes a backslash, a quote or n."))
        kept.append(ESCAPES[escaped])
        place += 2
    raise _wrong(number, _("A quote is not closed."))


def _value(text: str, number: int) -> Decimal:
    if text in SPECIAL:
        return SPECIAL[text]
    if not NUMBER.fullmatch(text) or len(text) > 60:
        raise _wrong(number, _("%(text)s is no number.") % {"text": text[:40]})
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _wrong(number, _("%(text)s is no number.") % {"text": text[:40]}) from None


def _wrong(line: int, sentence: str) -> errors.Invalid:
    said = _("Line %(line)d: %(sentence)s") % {"line": line, "sentence": sentence}
    return errors.Invalid(said, errors={"(body)": [said]})
