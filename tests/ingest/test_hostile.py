"""Hostile and broken input: a refused finding naming file and place, nothing half-loaded, never an exception."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import generators
import generators_other as others
import polars as pl
import pyarrow.parquet as pq
import pytest

from cape.errors import BadParameterError, IngestError
from cape.ingest import documents, inputs, mapped_table, reading, samples
from cape.ingest.documents import Document
from cape.ingest.reading import Finding, Reading, ReadOptions, Severity, read_results

Known = dict[tuple[str, str], float | None]


def refused(result: Reading) -> list[Finding]:
    return [finding for finding in result.findings if finding.severity is Severity.REFUSED]


def read_bytes(tmp_path: Path, known: Known, content: bytes, name: str = "results.json") -> Reading:
    file = tmp_path / name
    file.write_bytes(content)
    return read_results([file], known_benchmarks=known)


GOOD = json.dumps(generators.lm_eval()).encode()


@pytest.mark.parametrize(
    ("content", "words", "place"),
    [
        (GOOD[: len(GOOD) // 2], "no JSON", "row 1"),
        (b"", "empty", ""),
        (b"\n\n{,", "no JSON", "row 3"),
        (b"[" * 100_000, "nested too deep", ""),
        (b'{"results": ' * 5_000 + b"1" + b"}" * 5_000, "nested too deep", ""),
        ('{"results": "é"}'.encode("latin-1"), "not UTF-8", "row 1"),
        (GOOD.decode().encode("utf-16"), "UTF-16", ""),
        (b'{"results": {}, "n-shot": {}, "results": {}}', "stands twice", ""),
        (b'{"results": ' + b"9" * 10_000 + b"}", "thousands of digits", ""),
        (b'{"results": [], "n-shot": {}}', "dict", "results"),
        (b'{"results": {"hellaswag": 3}, "n-shot": {}}', "dict", "results.hellaswag"),
        (b'"a text"', "not a format", ""),
        (b"\x00\x01\x02", "no JSON", "row 1"),
    ],
)
def test_broken_json_is_refused_at_its_place(
    tmp_path: Path, known: Known, content: bytes, words: str, place: str
) -> None:
    result = read_bytes(tmp_path, known, content)
    (finding,) = refused(result)
    assert words in finding.found and place in (finding.place, finding.column)
    assert finding.file == "results.json" and finding.action and result.scores.is_empty()


@pytest.mark.parametrize("value", [1.7, -3, 57.0, 1e308, 10**400, -0.0001, 101])
def test_an_impossible_score_refuses_its_whole_file(tmp_path: Path, known: Known, value: Any) -> None:
    content = generators.lm_eval()
    content["results"]["winogrande"]["acc,none"] = value
    good = generators.write(tmp_path / "good" / "results.json", generators.lm_eval("EleutherAI/pythia-410m"))
    bad = generators.write(tmp_path / "bad" / "results.json", content)
    result = read_results([good, bad], known_benchmarks=known)
    if value == 10**400:  # larger than any float: no number, so null and said
        assert refused(result) == [] and "winogrande" in "".join(finding.found for finding in result.findings)
        return
    (finding,) = refused(result)
    assert "is not between 0 and 1" in finding.found and finding.place == "results.winogrande.acc,none"
    assert set(result.scores["model_id"]) == {"EleutherAI/pythia-410m"}
    assert ("Percent and fraction are mixed" in finding.found) == (1 < value <= 100)


def test_a_percentage_that_looks_like_a_fraction_is_refused(tmp_path: Path, known: Known) -> None:
    (tmp_path / "t.csv").write_text(others.WIDE.replace("45.5", "0.455"))
    (tmp_path / "m.toml").write_text(others.WIDE_MAPPING)
    options = ReadOptions(mapping_file=tmp_path / "m.toml")
    (finding,) = refused(read_results([tmp_path / "t.csv"], known_benchmarks=known, options=options))
    assert "looks like a fraction" in finding.found and finding.place == "row 2, HellaSwag"


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path, known: Known) -> None:
    file = tmp_path / "results.json"
    with file.open("wb") as stream:
        stream.truncate(2 * 2**30)  # sparse: no disk is filled
    document = Document(file)
    with pytest.raises(IngestError, match="2,147,483,648 bytes"):
        document.text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Document, "sha256", lambda self: "0")
        (finding,) = refused(read_results([file], known_benchmarks=known))
    assert "are allowed" in finding.found


@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "\u202eevil", "x\x1b[31m"])
def test_control_characters_in_a_name_are_refused_and_not_repeated(tmp_path: Path, known: Known, name: str) -> None:
    file = generators.write(tmp_path / "results.json", generators.lm_eval(name))
    (finding,) = refused(read_results([file], known_benchmarks=known))
    assert "control characters" in finding.found and not documents.has_control(finding.found)


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "@SUM(A1)", "+cmd|x", "-cmd|x"])
def test_a_formula_in_a_table_is_refused_by_row(tmp_path: Path, known: Known, cell: str) -> None:
    (tmp_path / "t.csv").write_text(others.WIDE.replace("my-lm-7b", cell))
    (tmp_path / "m.toml").write_text(others.WIDE_MAPPING)
    options = ReadOptions(mapping_file=tmp_path / "m.toml")
    (finding,) = refused(read_results([tmp_path / "t.csv"], known_benchmarks=known, options=options))
    assert "formula" in finding.found and finding.place == "row 3" and finding.column == "Model"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('layout = "wide"', "required"),
        ('layout = "tall"\nunit = "percent"\n[columns]\nmodel = "m"', "wide"),
        ('layout = "long"\nunit = "percent"\n[columns]\nmodel = "m"', "needs them"),
        ('layout = "wide"\nunit = "percent"\n[columns]\nmodel = "m"', "needs it"),
        ('layout = "wide"\nunit = "percent"\nextra = 1\n[columns]\nmodel = "m"', "not permitted"),
        ("layout = ", "TOMLDecodeError"),
    ],
)
def test_a_faulty_mapping_names_its_field(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "m.toml"
    file.write_text(text)
    with pytest.raises(IngestError, match=words):
        mapped_table.read_mapping(file)


@pytest.mark.parametrize("content", [b"PAR1 not really", b"PAR1" + b"\xff" * 100 + b"PAR1", b""])
def test_a_broken_parquet_is_refused(tmp_path: Path, known: Known, content: bytes) -> None:
    assert len(refused(read_bytes(tmp_path, known, content, "t.parquet"))) == 1


# Zips.


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_zip_is_read_member_by_member(tmp_path: Path, known: Known) -> None:
    file = zipped(tmp_path / "runs.zip", {"a/m/results_x.json": GOOD, "notes.txt": b"x", "inner.zip": b"PK"})
    result = read_results([file], known_benchmarks=known)
    assert refused(result) == [] and result.scores.height == 6
    assert result.inputs[0][0] == "runs.zip/a/m/results_x.json"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../results.json", "out of its folder"),
        ("a/../../results.json", "out of its folder"),
        ("/etc/results.json", "absolute"),
        ("C:\\results.json", "absolute"),
        ("..\\..\\results.json", "out of its folder"),
        ("a\x01b.json", "control characters"),
    ],
)
def test_a_member_that_leads_elsewhere_refuses_the_zip(tmp_path: Path, known: Known, name: str, words: str) -> None:
    file = zipped(tmp_path / "runs.zip", {"good/results.json": GOOD, name: GOOD})
    result = read_results([file], known_benchmarks=known)
    (finding,) = refused(result)
    assert words in finding.found and finding.file == "runs.zip" and result.scores.is_empty()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["runs.zip"]


def test_a_link_in_a_zip_is_refused(tmp_path: Path, known: Known) -> None:
    file = tmp_path / "runs.zip"
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("results.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert "symbolic link" in refused(read_results([file], known_benchmarks=known))[0].found


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path, known: Known) -> None:
    file = others.bomb(tmp_path / "bomb.zip")
    assert "times its size" in refused(read_results([file], known_benchmarks=known))[0].found


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("MEMBERS_MAX", 1, "2 members"),
        ("MEMBER_BYTES_MAX", 10, "unpacks to more"),
        ("TOTAL_BYTES_MAX", len(GOOD) + 10, "unpacked size"),
    ],
)
def test_members_and_sizes_of_a_zip_are_capped(
    tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, words: str
) -> None:
    monkeypatch.setattr(inputs, limit, value)
    file = zipped(tmp_path / "runs.zip", {"a.json": GOOD, "b.json": GOOD})
    assert words in refused(read_results([file], known_benchmarks=known))[0].found


def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path, known: Known) -> None:
    file = zipped(tmp_path / "runs.zip", {"a.json": GOOD})
    data = bytearray(file.read_bytes())
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        start = data.index(mark) + place
        data[start : start + 4] = (10).to_bytes(4, "little")
    file.write_bytes(bytes(data))
    assert len(refused(read_results([file], known_benchmarks=known))) == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip at all"])
def test_what_is_no_zip_is_refused(tmp_path: Path, known: Known, content: bytes) -> None:
    assert len(refused(read_bytes(tmp_path, known, content, "runs.zip"))) == 1
    assert len(refused(read_bytes(tmp_path, known, content, "log.eval"))) == 1


# Folders, patterns, links.


def test_a_path_that_is_not_there_is_said(tmp_path: Path, known: Known) -> None:
    for given in (tmp_path / "nowhere", f"{tmp_path}/*.json"):
        with pytest.raises(BadParameterError, match="Check the"):
            read_results([given], known_benchmarks=known)


def test_a_pattern_and_a_folder_mean_the_same_file_once(tmp_path: Path, known: Known) -> None:
    generators.write(tmp_path / "runs" / "results.json", generators.lm_eval())
    result = read_results([tmp_path / "runs", f"{tmp_path}/runs/*.json"], known_benchmarks=known)
    assert result.counts == {"accepted": 1, "flagged": 0, "refused": 0}


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path, known: Known) -> None:
    outside = generators.write(tmp_path / "outside" / "results.json", generators.lm_eval())
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "results.json").symlink_to(outside)
    result = read_results([tmp_path / "runs"], known_benchmarks=known)
    assert "link out of the folder" in refused(result)[0].found and result.scores.is_empty()


def test_files_of_other_kinds_beside_results_are_not_refused(tmp_path: Path, known: Known) -> None:
    generators.write(tmp_path / "runs" / "results.json", generators.lm_eval())
    generators.write(tmp_path / "runs" / "config.json", {"hidden_size": 1})
    (tmp_path / "runs" / "log.txt").write_text("x")
    result = read_results([tmp_path / "runs"], known_benchmarks=known)
    assert refused(result) == [] and result.scores.height == 6
    said = " ".join(finding.found for finding in result.findings)
    assert "not a format that is read" in said and "1 files of other kinds" in said


def test_a_file_without_permission_is_refused(tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Document) -> str:
        raise PermissionError(13, "Permission denied")

    file = generators.write(tmp_path / "results.json", generators.lm_eval())
    monkeypatch.setattr(Document, "sha256", fail)
    assert "Permission denied" in refused(read_results([file], known_benchmarks=known))[0].found


def test_several_processes_read_what_one_reads(tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    generators.folder_of_v1(tmp_path / "v1", 12)
    (tmp_path / "v1" / "broken.json").write_text("{")
    seen: list[tuple[int, int]] = []
    one = read_results([tmp_path], known_benchmarks=known, on_progress=lambda done, total: seen.append((done, total)))
    monkeypatch.setattr(reading, "POOL_FROM_FILES", 2)
    monkeypatch.setattr(reading, "FILES_PER_TASK", 4)
    two = read_results([tmp_path], known_benchmarks=known, options=ReadOptions(workers=2))
    assert one.scores.equals(two.scores, null_equal=True) and one.findings == two.findings and one.inputs == two.inputs
    assert seen[-1] == (13, 13)


# Samples.


def sampled(tmp_path: Path, text: str, task: str = "hellaswag") -> Path:
    folder = tmp_path / "org__lm-7b"
    generators.write(folder / f"results_{generators.STAMP}.json", generators.lm_eval("org/lm-7b"))
    (folder / f"samples_{task}_{generators.STAMP}.jsonl").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"doc_id": 1, "acc_norm": 1.0', "no JSON"),
        ('{"doc_id": 1, "acc_norm": 1.7}', "1.7 is not between"),
        ('{"doc_id": 1, "acc_norm": -3}', "-3 is not between"),
        ("[1, 2]", "no object"),
        ('{"doc_id": 1, "doc_id": 2}', "stands twice"),
    ],
)
def test_a_broken_line_refuses_its_samples_file_and_leaves_the_scores(
    tmp_path: Path, known: Known, line: str, words: str
) -> None:
    folder = sampled(tmp_path, generators.lm_eval_samples("hellaswag", 3) + line + "\n")
    options = ReadOptions(items_folder=tmp_path / "items")
    result = read_results([folder], known_benchmarks=known, options=options)
    (finding,) = refused(result)
    assert words in finding.found and finding.place == "row 4"
    assert result.items == () and list((tmp_path / "items").iterdir()) == [] and result.scores.height == 6


def test_a_line_without_end_is_refused(tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "LINE_BYTES_MAX", 100)
    folder = sampled(tmp_path, "x" * 1000)
    options = ReadOptions(items_folder=tmp_path / "items")
    (finding,) = refused(read_results([folder], known_benchmarks=known, options=options))
    assert "more than 100 bytes" in finding.found


def test_an_item_that_stands_twice_counts_once(tmp_path: Path, known: Known) -> None:
    text = generators.lm_eval_samples("hellaswag", 5)
    folder = sampled(tmp_path, text + text.splitlines()[0] + '\n{"doc_id": 9}\n')
    options = ReadOptions(items_folder=tmp_path / "items")
    result = read_results([folder], known_benchmarks=known, options=options)
    (file,) = result.items
    items = pl.read_parquet(file)
    assert items.height == items["item_id"].n_unique() == 5 and set(items["metric"]) == {"acc_norm"}
    said = [finding for finding in result.findings if "5 items" in finding.found]
    assert "1 lines hold no such metric, 1 lines repeat an item" in said[0].found


def test_samples_of_every_eval_ever(tmp_path: Path, known: Known) -> None:
    generators.write(tmp_path / "r" / "a.json", others.every_eval_ever())
    line = {"evaluation_name": "HellaSwag", "sample_hash": "h1", "evaluation": {"score": 1.0, "is_correct": True}}
    line |= {"metadata": {"subject": "s"}}
    (tmp_path / "r" / "a_samples.jsonl").write_text(json.dumps(line) + "\n")
    options = ReadOptions(items_folder=tmp_path / "items")
    result = read_results([tmp_path / "r"], known_benchmarks=known, options=options)
    rows = pl.read_parquet(result.items[0]).rows()
    assert rows == [("EleutherAI/pythia-160m", None, "hellaswag", None, "score", "h1", 1.0, "s")]


def test_memory_does_not_grow_with_the_samples(tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "ROWS_PER_WRITE", 10)
    folder = sampled(tmp_path, generators.lm_eval_samples("hellaswag", 95))
    options = ReadOptions(items_folder=tmp_path / "items")
    (file,) = read_results([folder], known_benchmarks=known, options=options).items
    assert pl.read_parquet(file).height == 95 and pq.ParquetFile(file).num_row_groups == 10


def test_samples_without_their_results_are_refused(tmp_path: Path, known: Known) -> None:
    folder = sampled(tmp_path, generators.lm_eval_samples("hellaswag", 5))
    (folder / f"results_{generators.STAMP}.json").unlink()
    options = ReadOptions(items_folder=tmp_path / "items")
    (finding,) = refused(read_results([folder], known_benchmarks=known, options=options))
    assert "whose items these are" in finding.found


def test_text_in_a_parquet_that_is_no_utf8_is_refused(tmp_path: Path, known: Known) -> None:
    file = tmp_path / "t.parquet"
    table = others.leaderboard_v2(tmp_path / "good.parquet")
    pl.read_parquet(table).write_parquet(file, compression="uncompressed", statistics=False)
    file.write_bytes(file.read_bytes().replace(b"acme/mix-8x7b", b"acme/\xff\xff\xff-8x7b"))
    (finding,) = refused(read_results([file], known_benchmarks=known))
    assert "Parquet" in finding.found
