"""Which files a path means: a file, a folder, a pattern or a zip, each opened without trusting what it says.

A zip is unpacked into a folder of ours by counting the bytes that really come out; a member that would land outside
it, a link, an encrypted member, a bomb or too many members refuse the whole zip, and nothing of it is read.
"""

from __future__ import annotations

import glob
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cape.errors import BadParameterError, IngestError
from cape.ingest.documents import Document, has_control, refused, shown
from cape.ingest.records import Finding, Severity

SUFFIXES = frozenset({".json", ".jsonl", ".csv", ".parquet", ".eval", ".zip"})
FILES_MAX = 200_000
MEMBERS_MAX = 50_000
MEMBER_BYTES_MAX = 2 * 2**30
TOTAL_BYTES_MAX = 4 * 2**30
RATIO_MAX = 200.0  # text of results packs 5 to 30 times; a bomb packs 1,000 times
RATIO_FROM_BYTES = 2**20  # small members may pack well
CHUNK = 2**20
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The files to read, and what was refused or passed over on the way. named : given by name, not found."""

    documents: tuple[Document, ...]
    named: frozenset[str]
    findings: tuple[Finding, ...]


def expand(paths: Sequence[Path | str], work: Path) -> Inputs:
    """Return every file that the paths mean. work : folder into which zips are unpacked.

    Raises BadParameterError for a path that is not there or a pattern that matches nothing.
    """
    documents: dict[Path, Document] = {}
    named: set[str] = set()
    findings: list[Finding] = []
    for given in paths:
        for path in _matching(given):
            if path.is_dir():
                _add(documents, _folder_documents(path, findings))
                continue
            named.add(path.name)
            _add(documents, [Document(path, path.name)])
    _check_count(len(documents))
    held = list(documents.values())
    for place, document in enumerate(held):
        if document.suffix == ".zip":
            del documents[document.path.absolute()]
            _add(documents, _unpacked(document, work / f"zip{place}", findings))
    return Inputs(documents=tuple(documents.values()), named=frozenset(named), findings=tuple(findings))


def _add(documents: dict[Path, Document], found: Iterable[Document]) -> None:
    for document in found:
        documents.setdefault(document.path.absolute(), document)


def _check_count(count: int) -> None:
    if count > FILES_MAX:
        raise BadParameterError(f"{count:,} files are more than {FILES_MAX:,}. Name fewer folders.")


def _matching(given: Path | str) -> list[Path]:
    path = Path(given)
    if path.exists():
        return [path]
    if any(mark in str(given) for mark in "*?["):
        found = sorted(Path(each) for each in glob.glob(str(given), recursive=True))
        if found:
            return found
        raise BadParameterError(f"No file matches {shown(given)}. Check the pattern and the folder.")
    raise BadParameterError(f"There is no file or folder {shown(given)}. Check the path.")


def _folder_documents(folder: Path, findings: list[Finding]) -> Iterator[Document]:
    """Yield the files of a folder that may hold results; say how many others there are."""
    root = folder.resolve()
    others = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            error = IngestError(file=name, found="It is a link out of the folder.", action="Name its target itself.")
            findings.append(refused(error))
        elif path.suffix.lower() in SUFFIXES:
            yield Document(path, name)
        else:
            others += 1
    if others:
        text = f"{others:,} files of other kinds were not read."
        findings.append(Finding(file=folder.name, severity=Severity.ACCEPTED, found=text, action="Nothing."))


def _unpacked(document: Document, target: Path, findings: list[Finding]) -> list[Document]:
    """Return the files of a zip, or none and a refused finding for the whole zip."""
    try:
        with zipfile.ZipFile(document.path) as archive:
            members = checked_members(archive, document)
            target.mkdir(parents=True)
            return _extracted(archive, members, document, target)
    except IngestError as error:
        findings.append(refused(error))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        findings.append(refused(document.refuse(f"The zip cannot be read ({type(error).__name__}).", "Pack it again.")))
    return []


def checked_members(archive: zipfile.ZipFile, document: Document) -> list[zipfile.ZipInfo]:
    """Return the members of a zip that are files; raises IngestError for the first that is not to be trusted."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MEMBERS_MAX:
        raise document.refuse(f"It has {len(members):,} members and {MEMBERS_MAX:,} are allowed.", "Split it.")
    total = 0
    seen: set[str] = set()
    for member in members:
        fault = _member_fault(member)
        if fault is None and member.filename in seen:
            fault = "stands twice"
        seen.add(member.filename)
        total += member.file_size
        if fault is None and total > TOTAL_BYTES_MAX:
            fault = f"brings the unpacked size above {TOTAL_BYTES_MAX:,} bytes"
        if fault is not None:
            text = f"The member {shown(member.filename)} {fault}."
            raise document.refuse(text, "Pack the result files alone, by plain relative names.")
    return members


def _member_fault(member: zipfile.ZipInfo) -> str | None:
    name = member.orig_filename
    path = PurePosixPath(name.replace("\\", "/"))
    packed = max(member.compress_size, 1)
    checks = (
        (has_control(name), "has control characters in its name"),
        (path.is_absolute() or bool(_DRIVE.match(name)), "has an absolute name"),
        (".." in path.parts, "leads out of its folder"),
        (stat.S_ISLNK(member.external_attr >> 16), "is a symbolic link"),
        (bool(member.flag_bits & 1), "is encrypted"),
        (member.file_size > MEMBER_BYTES_MAX, f"unpacks to more than {MEMBER_BYTES_MAX:,} bytes"),
        (
            member.file_size > RATIO_FROM_BYTES and member.file_size / packed > RATIO_MAX,
            f"unpacks to more than {RATIO_MAX:g} times its size",
        ),
    )
    return next((fault for is_fault, fault in checks if is_fault), None)


def _extracted(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], document: Document, target: Path
) -> list[Document]:
    """Unpack what may hold results; the bytes that come out are counted, whatever the directory of the zip says."""
    documents = []
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.suffix.lower() not in SUFFIXES - {".zip"}:
            continue
        file = target.joinpath(*path.parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        written = 0
        with archive.open(member) as source, file.open("xb") as sink:
            while chunk := source.read(CHUNK):
                written += len(chunk)
                if written > member.file_size:
                    text = f"The member {shown(member.filename)} is larger than the zip says."
                    raise document.refuse(text, "Pack it again.")
                sink.write(chunk)
        documents.append(Document(file, f"{document.name}/{path.as_posix()}"))
    return documents
