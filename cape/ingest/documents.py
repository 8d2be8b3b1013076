"""One delivered file, opened with care: its size is known before a byte is read, its JSON holds no key twice.

Whatever is wrong with the bytes is an IngestError that names the file and the place; nothing else escapes.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cape.errors import IngestError
from cape.ingest.observations import UTF8_MARK, UTF16_MARKS
from cape.ingest.records import Finding, Severity

JSON_BYTES_MAX = 64 * 2**20  # the largest result file of a harness has a few MB; samples are read as a stream
NAME_LENGTH_MAX = 200
SHOWN_CHARACTERS = 80
HASH_CHUNK = 2**20
RUN_AGAIN = "Write the file again, or leave it out."

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2})[-:](\d{2})[-:](\d{2}(?:\.\d+)?)")
Layout = TypeVar("Layout", bound=BaseModel)


class _RepeatedKeyError(Exception):
    """A JSON object holds the same key twice."""


class Document:
    """A file and the name that findings call it by; its JSON is parsed at most once.

    path : where the bytes are. name : how the user knows the file (its path as given, or its path inside a zip).
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.path = path
        self.name = _shown_name(path.name if name is None else name)
        self._json: Any = None
        self._is_parsed = False

    @classmethod
    def of(cls, given: Path | Document) -> Document:
        return given if isinstance(given, Document) else cls(given)

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()

    @property
    def run_at(self) -> str:
        """Time of the run as its file name tells it (ISO), or an empty text."""
        found = _STAMP.search(self.path.name)
        return "{}T{}:{}:{}".format(*found.groups()) if found else ""

    def refuse(self, found: str, action: str = RUN_AGAIN, *, place: str = "") -> IngestError:
        """Return the error that refuses this file."""
        return IngestError(file=self.name, column=place or None, found=found, action=action)

    def json(self) -> Any:
        """Return the parsed content; raises IngestError naming the line of the fault."""
        if not self._is_parsed:
            self._json = self._parsed()
            self._is_parsed = True
        return self._json

    def is_json_object(self, *keys: str) -> bool:
        """Return whether this is a readable JSON object with all of these keys; a broken file is none."""
        if self.suffix != ".json":
            return False
        content = self.json()
        return isinstance(content, dict) and all(key in content for key in keys)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        with self.path.open("rb") as stream:
            while chunk := stream.read(HASH_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def text(self, *, bytes_max: int = JSON_BYTES_MAX) -> str:
        """Return the whole text; raises IngestError for a file that is too large, or not UTF-8."""
        size = self.path.stat().st_size
        if size > bytes_max:
            raise self.refuse(
                f"The file has {size:,} bytes and {bytes_max:,} are allowed.", "Split it, or leave it out."
            )
        data = self.path.read_bytes()
        if data.startswith(UTF16_MARKS):
            raise self.refuse("The file is in UTF-16, not in UTF-8.", "Save it in UTF-8.")
        try:
            return data.removeprefix(UTF8_MARK).decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            found = f"Byte {error.start} (0x{data[error.start]:02x}) is not UTF-8."
            raise IngestError(file=self.name, row=line, found=found, action="Save it in UTF-8.") from error

    def _parsed(self) -> Any:
        text = self.text()
        if not text.strip():
            raise self.refuse("The file is empty.")
        return parse_json(text, file=self.name)


def parse_json(text: str, *, file: str, row: int | None = None) -> Any:
    """Return parsed JSON. row : line of the text in its file, where it is one line of many.

    Raises IngestError for broken JSON, a key that stands twice, nesting too deep and a number too long.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        found = f"It is no JSON from column {error.colno} on ({error.msg})."
        raise IngestError(file=file, row=row or error.lineno, found=found, action=RUN_AGAIN) from error
    except _RepeatedKeyError as error:
        found = f"The key {shown(str(error))} stands twice in one object."
        raise IngestError(file=file, row=row, found=found, action="Keep one of them.") from error
    except RecursionError as error:
        found = "Its objects are nested too deep for a result file."
        raise IngestError(file=file, row=row, found=found, action=RUN_AGAIN) from error
    except ValueError as error:  # the interpreter's own limit on the digits of a whole number
        found = "It holds a whole number of thousands of digits."
        raise IngestError(file=file, row=row, found=found, action=RUN_AGAIN) from error


def validated(layout: type[Layout], content: Any, document: Document) -> Layout:
    """Return content as a pydantic layout; raises IngestError naming the first field that does not fit."""
    try:
        return layout.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise document.refuse(f"{first['msg']}.", place=_shown_name(place)) from error


def number(value: Any) -> float | None:
    """Return a finite number, or None for anything else; true and false are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def whole(value: Any) -> int | None:
    """Return a whole number from 0 to 10^15, or None for anything else."""
    found = number(value)
    return int(found) if found is not None and 0 <= found <= 1e15 and found == int(found) else None


def text_of(value: Any) -> str | None:
    """Return a text or a number as text, None for anything else and for an empty text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip()[:NAME_LENGTH_MAX] or None


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def has_control(text: str) -> bool:
    """Return whether a text holds characters that move or hide what stands beside them."""
    return bool(_CONTROL.search(text))


def shown(value: Any) -> str:
    """Return a value as it is quoted in a message, shortened and without control characters."""
    text = _CONTROL.sub("?", str(value))
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")


def refused(error: IngestError) -> Finding:
    """Return the finding that an error of reading is reported as."""
    row = "" if error.row is None else f"row {error.row}"
    return Finding(
        file=error.file,
        severity=Severity.REFUSED,
        place=row,
        column=error.column or "",
        found=error.found,
        action=error.action,
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedKeyError(key)
            seen.add(key)
    return built


def _shown_name(name: str) -> str:
    return _CONTROL.sub("?", name).encode("utf-8", "replace").decode()
