"""YAML with one meaning or a refusal: read strictly, with line and column of each fault; written to read back.

YAML leaves more room than JSON: `no` is false to some readers, 1:30 is ninety, an anchor can unfold to gigabytes, a tag
can build objects, the later of two equal keys wins. A text that two readers could read differently is no policy, so
nothing of it is taken: plain words that some reader takes for a boolean, number or date must be put in quotes.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from django.utils.translation import gettext as _

from governance import errors
from governance.api.parsers import WHOLE_BODY, join_path, text_fault

MAX_BYTES = 128 * 1024
MAX_DEPTH = 12
MAX_FAULTS = 20
BOUNDS = ("threshold", "at_least", "at_most", "low", "high", "change_low", "change_high", "min", "max")

Path = tuple[str | int, ...]

# The C library where PyYAML was built with it (its wheels are), twenty times as fast. The events are the same.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
#: What readers of YAML 1.2 take for a number, and of 1.1 for a boolean, beyond what PyYAML resolves.
_OTHERS = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[yYnN]")


@dataclass(slots=True)
class Read:
    """What a text says, and where each part of it stands."""

    value: Any
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column, from 1, of a part; of what holds it where it is not there itself."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def read(text: str | bytes) -> Read:
    """Read one document: objects, lists, texts, whole numbers, true, false and null.

    A plain decimal under a key that names a bound (BOUNDS) is read as text, digit for digit.

    Raises:
        errors.Invalid: `errors` by path, each sentence with line and column. errors.TooLarge: beyond MAX_BYTES.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_BYTES:
        raise errors.TooLarge(_("The text is larger than %(limit)d bytes.") % {"limit": MAX_BYTES})
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _invalid({WHOLE_BODY: [_("The text is not UTF-8.")]}) from None
    if fault := text_fault(whole):
        raise _invalid({WHOLE_BODY: [fault]})
    reader = _Reader()
    try:
        for event in yaml.parse(whole, Loader=_LOADER):
            reader.take(event)
            if len(reader.faults) >= MAX_FAULTS:
                break
    except yaml.MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reader.fault_at(
            (), line, column, _("This is not YAML: %(problem)s.") % {"problem": broken.problem or broken.context}
        )
    except yaml.YAMLError:
        reader.fault_at((), 1, 1, _("This is not YAML."))
    if not reader.faults and not reader.documents:
        reader.fault_at((), 1, 1, _("There is nothing in it."))
    if reader.faults:
        raise _invalid(reader.faults)
    return Read(reader.root, reader.places)


def at(line: int, column: int, sentence: Any) -> str:
    """A sentence with where it belongs."""
    return _("Line %(line)d, column %(column)d: %(sentence)s") % {"line": line, "column": column, "sentence": sentence}


def path_text(path: Path) -> str:
    """A path as the API names fields: requirements[0].params.count; the whole for the empty one."""
    found = ""
    for step in path:
        found = join_path(found, step)
    return found or WHOLE_BODY


def write(value: Mapping[str, Any] | list[Any]) -> str:
    """A value as YAML that `read` reads back as the same value."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=4096, default_flow_style=False
    )
    return text


def _invalid(faults: Mapping[str, list[str]]) -> errors.Invalid:
    return errors.Invalid(
        _("The YAML cannot be read in one way only. Mend what is named and send it again."), errors=faults
    )


_NO_KEY = object()


@dataclass(slots=True)
class _Open:
    """An object or a list whose end has not come yet."""

    value: Any
    path: Path
    key: Any = _NO_KEY


class _Reader:
    """Builds the value out of the parser's events; nothing is built for a fault."""

    def __init__(self) -> None:
        self.root: Any = None
        self.documents = 0
        self.places: dict[Path, tuple[int, int]] = {}
        self.faults: dict[str, list[str]] = {}
        self._open: list[_Open] = []

    def fault_at(self, path: Path, line: int, column: int, sentence: Any) -> None:
        self.faults.setdefault(path_text(path), []).append(at(line, column, sentence))

    def take(self, event: Any) -> None:
        """One event of the parser."""
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._fault(event, (), _("Send one document, not several."))
            elif event.version or event.tags:
                self._fault(event, (), _("Leave directives (%) out."))
        elif isinstance(event, yaml.AliasEvent):
            self._fault(event, self._path(), _("Write it out: * repeats what stands elsewhere, and is not taken."))
            self._put(event, None)
        elif isinstance(event, yaml.ScalarEvent):
            self._checked(event)
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._checked(event)
            self._begin(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent) and self._open:
            self._open.pop()

    def _checked(self, event: Any) -> None:
        if event.anchor:
            self._fault(event, self._path(), _("Leave the anchor &%(name)s out.") % {"name": event.anchor})
        if event.tag:
            self._fault(event, self._path(), _("Leave the tag %(tag)s out.") % {"tag": event.tag})

    def _begin(self, event: Any, value: Any) -> None:
        if self._wants_key():
            self._fault(event, self._path(), _("A key is a word, no list and no object."))
        if len(self._open) >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=_("it is nested deeper than %(limit)d levels") % {"limit": MAX_DEPTH},
                problem_mark=event.start_mark,
            )
        path = self._put(event, value)
        self._open.append(_Open(value, path))

    def _scalar(self, event: Any) -> None:
        if self._wants_key():
            self._key(event)
            return
        top = self._open[-1] if self._open else None
        value: Any = event.value
        if event.implicit[0]:  # plain, without quotes
            value = self._plain(event, top.key if top is not None and isinstance(top.value, dict) else None)
        self._put(event, value)

    def _plain(self, event: Any, key: Any) -> Any:
        text: str = event.value
        if key in BOUNDS and _DECIMAL.fullmatch(text):
            return text
        if text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text]
        if _WHOLE.fullmatch(text):
            return int(text)
        if text == "":
            self._fault(
                event, self._path(), _("There is no value here. Leave the field out, or write '' for an empty text.")
            )
        elif ambiguous(text):
            self._fault(event, self._path(), _quotes(text))
        return text

    def _key(self, event: Any) -> None:
        top, text = self._open[-1], event.value
        if event.implicit[0] and (ambiguous(text) or _WHOLE.fullmatch(text) or text in ("true", "false", "null", "")):
            self._fault(event, (*top.path, text), _quotes(text))
        if text in top.value:
            self._fault(
                event, (*top.path, text), _("This key stands here already; which value is meant cannot be known.")
            )
        top.key = text

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is _NO_KEY

    def _path(self) -> Path:
        """Where the next value goes."""
        if not self._open:
            return ()
        top = self._open[-1]
        if isinstance(top.value, list):
            return (*top.path, len(top.value))
        return top.path if top.key is _NO_KEY else (*top.path, top.key)

    def _put(self, event: Any, value: Any) -> Path:
        path = self._path()
        self.places[path] = (event.start_mark.line + 1, event.start_mark.column + 1)
        if not self._open:
            self.root = value
        elif isinstance(self._open[-1].value, list):
            self._open[-1].value.append(value)
        else:
            self._open[-1].value[self._open[-1].key] = value
            self._open[-1].key = _NO_KEY
        return path

    def _fault(self, event: Any, path: Path, sentence: Any) -> None:
        self.fault_at(path, event.start_mark.line + 1, event.start_mark.column + 1, sentence)


def _quotes(text: str) -> str:
    return _("Put %(text)s in quotes if it is text: some readers take it for something else.") % {"text": text[:40]}


def ambiguous(text: str) -> bool:
    """Whether some reader of YAML takes this plain word for no text: a boolean, a number, a date, nothing, a merge."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    for _tag, pattern in [*resolvers.get(text[:1], ()), *resolvers.get(None, ())]:  # None: any first letter
        if pattern.match(text):
            return True
    return _OTHERS.fullmatch(text) is not None


class _Dumper(yaml.SafeDumper):
    """Quotes what `read` would not take plain, and sets paragraphs as blocks where that loses nothing."""

    def ignore_aliases(self, data: Any) -> bool:
        """A value that stands twice is written out twice."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        """Lists are indented below their key."""
        return super().increase_indent(flow, False)


def _text(dumper: Any, value: str) -> Any:
    value, style = str(value), None
    if "\n" in value:
        style = "|" if all(_plain_lines(value)) else '"'
    elif ambiguous(value) or _WHOLE.fullmatch(value) or value in ("", "true", "false", "null"):
        style = "'"
    elif not value.isprintable():
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _plain_lines(value: str) -> Iterator[bool]:
    for line in value.removesuffix("\n").split("\n"):
        yield line.isprintable() and line == line.strip() and line != ""


_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(str, _text)  # choices are texts of a class of their own
