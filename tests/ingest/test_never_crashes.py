"""No input crashes the reader: random bytes, random JSON, and well-formed files with one thing changed.

`CAPE_FUZZ_SECONDS` turns the same properties into a long run (`make fuzz`).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import generators
import generators_other as others
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cape.ingest.model_names import named_model
from cape.ingest.reading import Reading, ReadOptions, Severity, read_results

Known = dict[tuple[str, str], float | None]
SECONDS = float(os.environ.get("CAPE_FUZZ_SECONDS", "0"))
EXAMPLES = 40
SETTINGS = {
    "max_examples": EXAMPLES,
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    "derandomize": not SECONDS,
    "phases": (Phase.explicit, Phase.generate, Phase.shrink),
}
NAMES = (
    f"results_{generators.STAMP}.json",
    "stats.json",
    "contents.csv",
    "contents.parquet",
    "log.eval",
    "runs.zip",
    f"samples_hellaswag_{generators.STAMP}.jsonl",
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
SEEDS: tuple[Any, ...] = (
    generators.lm_eval(),
    generators.lm_eval_old(),
    generators.leaderboard_v1(n_subjects=3),
    others.lighteval(),
    others.every_eval_ever(),
)


def read_as(name: str, content: bytes, known: Known) -> Reading:
    """Read bytes under a name beside a good file, in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "runs"
        place.mkdir()
        (place / "run_spec.json").write_text(
            '{"name": "commonsense:dataset=hellaswag", "adapter_spec": {"model": "m-7b"}}'
        )
        (place / name).write_bytes(content)
        options = ReadOptions(items_folder=Path(folder) / "items")
        reading = read_results([place], known_benchmarks=known, options=options)
        assert {path.parent for path in Path(folder).rglob("*")} <= {Path(folder), place, Path(folder) / "items"}
    return reading


def check(reading: Reading) -> None:
    """What holds of every reading: possible scores of known models, refused files without rows, words everywhere."""
    tops = {"fraction": 1.0, "percent": 100.0}
    for row in reading.scores.to_dicts():
        assert 0 <= row["score"] <= tops[row["unit"]]
        assert row["stderr"] is None or 0 < row["stderr"] <= tops[row["unit"]]
    assert set(reading.scores["model_id"]) == set(reading.models["model_id"])
    for finding in reading.findings:
        assert finding.file and finding.found and finding.action
    refused = {finding.file for finding in reading.findings if finding.severity is Severity.REFUSED}
    assert refused.isdisjoint(name for name, _, _ in reading.inputs)


def run(test: Any) -> None:
    """Run a property once, or anew with other examples until the time of a long run is over."""
    started = time.monotonic()
    test()
    while time.monotonic() - started < SECONDS:
        test()


def test_random_bytes(known: Known) -> None:
    @settings(**SETTINGS)
    @given(name=st.sampled_from(NAMES), content=st.binary(max_size=200))
    def holds(name: str, content: bytes) -> None:
        check(read_as(name, content, known))

    run(holds)


def test_random_json(known: Known) -> None:
    keys = ("results", "n-shot", "versions", "config_general", "schema_version", "evaluation_results", "model_info")

    @settings(**SETTINGS)
    @given(content=st.dictionaries(st.sampled_from(keys), JSON, max_size=7))
    def holds(content: dict[str, Any]) -> None:
        check(read_as(NAMES[0], json.dumps(content).encode("utf-8", "replace"), known))

    run(holds)


def test_one_thing_changed(known: Known) -> None:
    @settings(**SETTINGS)
    @given(seed=st.sampled_from(range(len(SEEDS))), data=st.data())
    def holds(seed: int, data: st.DataObject) -> None:
        content = json.loads(json.dumps(SEEDS[seed]))
        place = content
        while isinstance(place, dict) and place:
            key = data.draw(st.sampled_from(sorted(place)))
            if not isinstance(place[key], dict) or data.draw(st.integers(0, 4)) == 0:
                break
            place = place[key]
        if isinstance(place, dict) and place:
            place[data.draw(st.sampled_from(sorted(place)) | st.text(max_size=5))] = data.draw(JSON)
        check(read_as(NAMES[0], json.dumps(content).encode("utf-8", "replace"), known))

    run(holds)


def test_bytes_changed_in_good_files(known: Known) -> None:
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "runs.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/results.json", json.dumps(SEEDS[2]))
        good = {
            "runs.zip": packed.read_bytes(),
            "contents.csv": others.leaderboard_v2(Path(folder) / "c.csv").read_bytes(),
            "contents.parquet": others.leaderboard_v2(Path(folder) / "c.parquet").read_bytes(),
            "summary.csv": others.OPENCOMPASS.encode(),
            NAMES[0]: json.dumps(SEEDS[1]).encode(),
        }

    @settings(**SETTINGS)
    @given(name=st.sampled_from(sorted(good)), data=st.data())
    def holds(name: str, data: st.DataObject) -> None:
        content = bytearray(good[name])
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, 3))
        check(read_as(name, bytes(content[: len(content) // 2] if cut == 0 else content), known))

    run(holds)


def test_any_name_is_a_model() -> None:
    @settings(**SETTINGS)
    @given(name=st.text(max_size=60))
    def holds(name: str) -> None:
        read = named_model(name)
        assert read.model_id and read.family and not any(part == "" for part in read.model_id.split("/"))
        assert not any(character.isspace() for character in read.model_id)
        assert read.params_b is None or read.params_b > 0

    run(holds)
