"""Every format and version gives the planted scores back, and says what it flagged."""

from __future__ import annotations

import json
import math
import types
from pathlib import Path
from typing import Any

import generators
import generators_other as others
import polars as pl
import pytest

from cape.ingest import every_eval_ever, helm, inspect_ai, lighteval, lm_eval, lm_eval_old
from cape.ingest.reading import Reading, ReadOptions, Severity, read_results

STAMP = generators.STAMP
Known = dict[tuple[str, str], float | None]


def scores_of(reading: Reading, *columns: str) -> dict[str, tuple[Any, ...]]:
    """Return columns by benchmark and variant."""
    return {
        f"{row['benchmark']} {row['variant'] or ''}".strip(): tuple(row[column] for column in columns)
        for row in reading.scores.to_dicts()
    }


def flags_of(reading: Reading) -> set[str]:
    flags = reading.scores["quality_flags"].drop_nulls().str.split(";").explode()
    return set(flags.to_list())


def texts_of(reading: Reading, severity: Severity = Severity.FLAGGED) -> str:
    return "\n".join(finding.found for finding in reading.findings if finding.severity is severity)


def read_one(tmp_path: Path, known: Known, content: Any, name: str = f"org__m/results_{STAMP}.json") -> Reading:
    generators.write(tmp_path / name, content)
    return read_results([tmp_path / name], known_benchmarks=known)


# lm-evaluation-harness from 0.4.


def test_lm_eval_gives_the_metric_that_coupling_uses(tmp_path: Path, known: Known) -> None:
    reading = read_one(tmp_path, known, generators.lm_eval())
    assert scores_of(reading, "score", "stderr", "metric", "n_items", "n_shot", "task_version") == {
        "hellaswag": (0.51, 0.005, "acc_norm", 10042, 0, "1.0"),
        "arc_challenge": (0.32, 0.005, "acc_norm", 1172, 0, "1.0"),
        "winogrande": (0.61, 0.014, "acc", 1267, 0, "1.0"),
        "mmlu": (0.27, None, "acc", 5700, 0, "2"),
        "truthfulqa mc1": (0.23, 0.014, "acc", 817, 0, "1.0"),
        "truthfulqa mc2": (0.38, 0.014, "acc", 817, 0, "1.0"),
    }
    held = reading.scores
    assert held.filter(pl.col("is_group"))["benchmark"].to_list() == ["mmlu"]
    assert set(held["harness"]) == {"lm-eval"} and set(held["harness_version"]) == {"0.4"}
    assert set(held["unit"]) == {"fraction"} and held["model_id"][0] == "EleutherAI/pythia-160m"
    assert texts_of(reading) == "" and reading.counts == {"accepted": 1, "flagged": 0, "refused": 0}


def test_a_metric_is_split_at_its_first_comma() -> None:
    assert lm_eval.split_metric("exact_match,strict-match,x") == ("exact_match", "strict-match,x")
    assert lm_eval.split_metric("acc") == ("acc", "")


def test_model_args_may_be_an_object_and_the_name_may_be_the_folder(tmp_path: Path, known: Known) -> None:
    content = generators.lm_eval()
    content["config"] |= {"model_args": {"pretrained": "acme/lm-1b", "revision": "step3000"}}
    for key in ("model_revision", "model_name"):
        content.pop(key, None) or content["config"].pop(key)
    assert set(read_one(tmp_path, known, content).scores["model_id"]) == {"acme/lm-1b"}
    assert set(read_one(tmp_path, known, content).scores["revision"]) == {"step3000"}
    content["config"]["model_args"] = ""
    reading = read_one(tmp_path, known, content, name=f"acme__other-7b/results_{STAMP}.json")
    assert set(reading.scores["model_id"]) == {"acme/other-7b"}


def test_what_misleads_is_flagged_by_name(tmp_path: Path, known: Known) -> None:
    content = generators.lm_eval(chat_template="{{ x }}")
    content["config"] |= {"limit": 100, "model_args": "pretrained=EleutherAI/pythia-160m,load_in_4bit=True"}
    content["n-samples"]["hellaswag"] = {"original": 10042, "effective": 100}
    reading = read_one(tmp_path, known, content)
    wanted = {"limit", "quantised", "chat_template", "chat_template_on_base", "subset_of_items"}
    assert flags_of(reading) == wanted
    said = texts_of(reading)
    for words in ("limited to '100' items", "quantised", "base model", "100 of 10,042 items"):
        assert words in said
    assert scores_of(reading, "n_items")["hellaswag"] == (100,)


def test_not_a_number_is_null_and_said(tmp_path: Path, known: Known) -> None:
    content = generators.lm_eval()
    content["results"]["winogrande"]["acc,none"] = math.nan
    content["results"]["hellaswag"]["acc_norm,none"] = "N/A"
    reading = read_one(tmp_path, known, content)
    assert "winogrande" not in scores_of(reading, "score")
    assert scores_of(reading, "metric", "score")["hellaswag"] == ("acc", pytest.approx(0.41))
    assert "holds no number of acc" in texts_of(reading) and "acc_norm is missing or null" in texts_of(reading)


def test_a_group_without_its_row_is_averaged_by_items_and_counted(tmp_path: Path, known: Known) -> None:
    content = generators.lm_eval(groups={})
    leaves = {f"mmlu_{name}": value for name, value in (("a", 0.2), ("b", 0.6))}
    kept = {task: each for task, each in content["results"].items() if not task.startswith("mmlu")}
    content["results"] = kept | {task: {"acc,none": value} for task, value in leaves.items()}
    content["n-samples"] |= {
        "mmlu_a": {"original": 300, "effective": 300},
        "mmlu_b": {"original": 100, "effective": 100},
    }
    content["group_subtasks"] = {}
    content["n-shot"] |= {"mmlu_a": 5, "mmlu_b": 5}
    reading = read_one(tmp_path, known, content)
    planted = (0.2 * 300 + 0.6 * 100) / 400
    assert scores_of(reading, "score", "n_items", "n_shot")["mmlu"] == (pytest.approx(planted), 400, 5)
    assert {"averaged_here", "subset_of_subtasks"} <= flags_of(reading)
    assert "2 of 57 subtasks were averaged" in texts_of(reading)


def test_missing_leaves_of_a_group_are_counted(tmp_path: Path, known: Known) -> None:
    content = generators.lm_eval()
    for leaf in ("mmlu_subject_00", "mmlu_subject_01"):
        del content["results"][leaf]
    assert "55 of 57 subtasks" in texts_of(read_one(tmp_path, known, content))


# lm-evaluation-harness before 0.4 and the archive of the leaderboard.


def test_the_old_harness_names_the_variant_in_the_metric(tmp_path: Path, known: Known) -> None:
    reading = read_one(tmp_path, known, generators.lm_eval_old())
    assert scores_of(reading, "score", "metric", "n_shot", "task_version") == {
        "hellaswag": (0.51, "acc_norm", 0, "0"),
        "arc_challenge": (0.32, "acc_norm", 0, "0"),
        "winogrande": (0.61, "acc", 0, "0"),
        "truthfulqa mc1": (0.23, "acc", 0, "1"),
        "truthfulqa mc2": (0.38, "acc", 0, "1"),
        "mmlu": (pytest.approx(0.27), "acc", 0, None),
    }
    assert set(reading.scores["harness_version"]) == {"0.3"}


def test_the_archive_gives_the_leaderboards_protocol(tmp_path: Path, known: Known) -> None:
    reading = read_one(
        tmp_path, known, generators.leaderboard_v1(), name=f"EleutherAI/pythia-160m/results_{STAMP}.json"
    )
    held = scores_of(reading, "score", "stderr", "metric", "n_shot")
    assert held["hellaswag"] == (0.51, 0.0049, "acc_norm", 10)
    assert held["arc_challenge"] == (0.32, 0.0049, "acc_norm", 25)
    assert held["truthfulqa mc1"] == (0.23, 0.014, "acc", 0) and held["truthfulqa mc2"] == (0.38, 0.0137, "acc", 0)
    assert held["winogrande"][3] == 5 and held["gsm8k"][3] == 5
    mean, stderr, *_ = held["mmlu"]
    assert mean == pytest.approx(0.27) and stderr == pytest.approx(0.03 / math.sqrt(57))
    assert "mean of 57 subtasks" in " ".join(reading.scores["notes"])
    assert set(reading.scores["harness"]) == {lm_eval_old.HARNESS_V1}


def test_the_archive_says_how_many_subjects_there_were(tmp_path: Path, known: Known) -> None:
    content = generators.leaderboard_v1(n_subjects=40)
    content["results"]["harness|hendrycksTest-subject_00|5"]["acc"] = math.nan
    reading = read_one(tmp_path, known, content)
    assert "39 of 57 subtasks" in texts_of(reading) and "subset_of_subtasks" in flags_of(reading)


def test_older_archive_files_without_general_settings_take_the_folder(tmp_path: Path, known: Known) -> None:
    content = generators.leaderboard_v1()
    del content["config_general"]
    reading = read_one(tmp_path, known, content, name="acme/lm-7b/eval_hellaswag.json")
    assert set(reading.scores["model_id"]) == {"acme/lm-7b"}


def test_of_two_files_for_one_key_the_latest_stands_and_both_are_counted(tmp_path: Path, known: Known) -> None:
    for stamp, score in (("2023-08-01T00-00-00", 0.4), ("2024-01-01T00-00-00", 0.5), ("2023-09-01T00-00-00", 0.6)):
        content = generators.leaderboard_v1(scores={"hellaswag": score})
        content["config_general"]["model_sha"] = f"{ord(stamp[6]):040x}"
        generators.write(tmp_path / "a" / "m" / f"results_{stamp}.json", content)
    reading = read_results([tmp_path], known_benchmarks=known)
    assert scores_of(reading, "score")["hellaswag"] == (0.5,)
    older = [finding for finding in reading.findings if "have the same key" in finding.found]
    assert [finding.n_rows for finding in older] == [7, 7] and "3 values of one key" in older[0].found


# The others.


@pytest.mark.parametrize("with_suite", [True, False])
def test_lighteval(tmp_path: Path, known: Known, with_suite: bool) -> None:
    reading = read_one(tmp_path, known, others.lighteval(with_suite=with_suite))
    held = scores_of(reading, "score", "n_shot")
    assert held["hellaswag"] == (0.41, 10) and held["arc_challenge"] == (0.33, 25) and held["mmlu"] == (0.31, 5)
    assert held["truthfulqa mc1"] == (0.22, 0) and held["truthfulqa mc2"] == (0.39, 0)
    assert set(reading.scores["harness"]) == {"lighteval"}


def test_lighteval_averages_subjects_where_it_gave_no_average(tmp_path: Path, known: Known) -> None:
    reading = read_one(tmp_path, known, others.lighteval(with_average=False))
    assert scores_of(reading, "score")["mmlu"] == (pytest.approx(0.30),)
    assert "2 of 57 subtasks" in texts_of(reading)


def test_lighteval_keys() -> None:
    assert lighteval.split_key("leaderboard|mmlu:anatomy|5") == ("mmlu:anatomy", 5)
    assert lighteval.split_key("leaderboard|gsm8k|5|0") == ("gsm8k", 5)
    assert lighteval.split_key("ifeval|0") == ("ifeval", 0) and lighteval.split_key("x") == ("x", None)


def test_helm_drops_perturbed_statistics(tmp_path: Path, known: Known) -> None:
    others.helm_run(tmp_path / "run", "commonsense:dataset=hellaswag,method=m,model=eleutherai_pythia-6.9b")
    reading = read_results([tmp_path], known_benchmarks=known)
    assert scores_of(reading, "score", "n_items", "n_shot") == {"hellaswag": (0.54, 1000, 5)}
    assert "capped at 1,000 items" in texts_of(reading) and flags_of(reading) == {"limit"}
    assert reading.counts == {"accepted": 0, "flagged": 1, "refused": 0}


def test_one_subject_of_mmlu_is_not_mmlu(tmp_path: Path, known: Known) -> None:
    others.helm_run(tmp_path / "run", "mmlu:subject=anatomy,method=m,model=x")
    reading = read_results([tmp_path], known_benchmarks=known)
    assert reading.scores.is_empty()
    assert helm.task_of("mmlu:subject=anatomy,model=x") == "mmlu:anatomy"
    assert helm.task_of("truthful_qa:task=mc_single") == "truthful_qa"


def test_opencompass(tmp_path: Path, known: Known) -> None:
    (tmp_path / "summary_20250301_102030.csv").write_text(others.OPENCOMPASS)
    reading = read_results([tmp_path], known_benchmarks=known)
    held = {(row["model_id"], row["benchmark"]): row for row in reading.scores.to_dicts()}
    assert held["pythia-160m", "hellaswag"]["score"] == 30.25 and held["acme-7b", "mmlu"]["score"] == 60.25
    assert ("acme-7b", "winogrande") not in held and len(held) == 7
    assert held["acme-7b", "hellaswag"]["task_version"] == "3e134d"
    assert held["acme-7b", "hellaswag"]["metric"] == "accuracy (ppl)"


@pytest.mark.parametrize("name", ["contents.csv", "contents.parquet"])
def test_leaderboard_v2_uses_the_raw_columns(tmp_path: Path, known: Known, name: str) -> None:
    reading = read_results([others.leaderboard_v2(tmp_path / name)], known_benchmarks=known)
    held = {(row["model_id"], row["benchmark"]): row for row in reading.scores.to_dicts()}
    assert held["EleutherAI/pythia-160m", "ifeval"]["score"] == 0.1816
    assert held["acme/mix-8x7b", "mmlu_pro"]["score"] == 0.4 and len(held) == 4
    assert held["acme/mix-8x7b", "ifeval"]["revision"] == "a" * 40
    assert flags_of(reading) == {"mixture_of_experts", "flagged_by_leaderboard", "chat_template"} | (
        flags_of(reading) & {"chat_template_on_base"}
    )
    sizes = dict(reading.models.select("model_id", "params_b").rows())
    assert sizes == {"EleutherAI/pythia-160m": 0.213, "acme/mix-8x7b": 46.7}


def test_every_eval_ever_of_someone_else(tmp_path: Path, known: Known) -> None:
    reading = read_one(tmp_path, known, others.every_eval_ever(), name="data/x/y.json")
    held = scores_of(reading, "score", "unit", "stderr", "is_self_reported")
    assert held["hellaswag"] == (0.31, "fraction", 0.004, "0")
    score, unit, stderr, _ = held["truthfulqa mc2"]
    assert (score, unit) == (38.0, "percent") and stderr == pytest.approx(1.0, abs=1e-3)
    assert "stderr_from_interval" in flags_of(reading) and "Arena Elo" in texts_of(reading)
    assert set(reading.scores["retrieved_at"]) == {"2025-03-01"}


def test_reading_what_was_written_gives_every_kept_field_back(tmp_path: Path, known: Known) -> None:
    generators.write(tmp_path / "a" / f"results_{STAMP}.json", generators.lm_eval())
    generators.write(
        tmp_path / "b" / "acme" / "lm-7b" / f"results_{STAMP}.json", generators.leaderboard_v1("acme/lm-7b")
    )
    (tmp_path / "long.csv").write_text(others.LONG)
    (tmp_path / "map.toml").write_text(others.LONG_MAPPING)
    options = ReadOptions(mapping_file=tmp_path / "map.toml")
    first = read_results([tmp_path], known_benchmarks=known, options=options)
    scores = first.scores.with_columns(
        pl.lit("https://example.org/run").alias("source_url"), pl.lit("2025-03-02").alias("retrieved_at")
    )
    files = every_eval_ever.write(scores, first.models, tmp_path / "out", organisation="me")
    again = read_results([tmp_path / "out"], known_benchmarks=known)
    kept = [name for name in scores.columns if name not in ("notes", "is_group")]
    order = ["model_id", "benchmark", "variant", "harness", "position"]
    assert again.scores.select(kept).sort(order).equals(scores.select(kept).sort(order), null_equal=True)
    assert again.scores.sort(order)["is_group"].to_list() == scores.sort(order)["is_group"].to_list()
    described = ["model_id", "family", "params_b", "kind"]
    assert again.models.select(described).equals(first.models.select(described), null_equal=True)
    assert files == every_eval_ever.write(scores, first.models, tmp_path / "out", organisation="me")
    for file in files:
        record = json.loads(file.read_text())
        assert set(record) <= set(SCHEMA_TOP) and set(record) >= set(SCHEMA_REQUIRED)
        details = record["model_info"]["additional_details"]
        assert all(isinstance(value, str) for value in details.values())


SCHEMA_REQUIRED = (
    "schema_version",
    "evaluation_id",
    "retrieved_timestamp",
    "source_metadata",
    "model_info",
    "eval_library",
    "evaluation_results",
)
SCHEMA_TOP = (*SCHEMA_REQUIRED, "dedupe_identity", "evaluation_timestamp", "detailed_evaluation_results")


def test_a_wide_table_by_its_mapping(tmp_path: Path, known: Known) -> None:
    (tmp_path / "mine.csv").write_text(others.WIDE)
    (tmp_path / "map.toml").write_text(others.WIDE_MAPPING)
    options = ReadOptions(mapping_file=tmp_path / "map.toml")
    reading = read_results([tmp_path / "mine.csv"], known_benchmarks=known, options=options)
    held = {(row["model_id"], row["benchmark"]): row for row in reading.scores.to_dicts()}
    assert held["my-lm-1b", "hellaswag"]["score"] == 45.5 and held["my-lm-1b", "hellaswag"]["n_shot"] == 10
    assert held["my-lm-7b", "truthfulqa"]["variant"] == "mc2" and len(held) == 4
    assert dict(reading.models.select("model_id", "params_b").rows()) == {"my-lm-1b": 1.0, "my-lm-7b": 7.0}


def test_a_long_table_of_checkpoints_by_its_mapping(tmp_path: Path, known: Known) -> None:
    (tmp_path / "mine.csv").write_text(others.LONG)
    (tmp_path / "map.toml").write_text(others.LONG_MAPPING)
    options = ReadOptions(mapping_file=tmp_path / "map.toml")
    reading = read_results([tmp_path / "mine.csv"], known_benchmarks=known, options=options)
    rows = reading.scores.filter(pl.col("benchmark") == "hellaswag").sort("position")
    assert rows.select("axis", "position", "score", "stderr").rows() == [
        ("step", 1000.0, 0.31, 0.005),
        ("step", 2000.0, 0.45, 0.005),
    ]
    assert any("mystery" in finding.found for finding in reading.findings)


def test_revisions_of_one_model_form_a_ladder_of_checkpoints(tmp_path: Path, known: Known) -> None:
    for step in (1000, 2000, 143000):
        content = generators.lm_eval(scores={"hellaswag": 0.3 + step / 1e6})
        content["config"]["model_revision"] = f"step{step}"
        generators.write(tmp_path / str(step) / f"results_{STAMP}.json", content)
    reading = read_results([tmp_path], known_benchmarks=known)
    rows = reading.scores.filter(pl.col("benchmark") == "hellaswag").sort("position")
    assert rows["position"].to_list() == [1000.0, 2000.0, 143000.0] and set(rows["axis"]) == {"step"}
    assert any("3 checkpoints" in finding.found for finding in reading.findings)


def test_two_task_versions_in_one_family_are_said(tmp_path: Path, known: Known) -> None:
    for model, version in (("EleutherAI/pythia-160m", 1.0), ("EleutherAI/pythia-410m", 2.0)):
        content = generators.lm_eval(model)
        content["versions"]["hellaswag"] = version
        generators.write(tmp_path / model.replace("/", "__") / f"results_{STAMP}.json", content)
    said = texts_of(read_results([tmp_path], known_benchmarks=known))
    assert "two versions of the task of hellaswag: 1.0, 2.0" in said


def test_the_projects_own_table_is_one_format_among_others(tmp_path: Path, known: Known) -> None:
    (tmp_path / "own.csv").write_text(
        "model_id,benchmark,variant,score\npythia-70m,hellaswag,,27.5\nx-7b,truthfulqa,mc2,40\n"
    )
    reading = read_results([tmp_path / "own.csv"], known_benchmarks=known)
    assert scores_of(reading, "score", "unit") == {"hellaswag": (27.5, "percent"), "truthfulqa mc2": (40.0, "percent")}


# Inspect: only through its library, here a stand-in with the library's own attribute names.


def inspect_log(**changes: Any) -> Any:
    metrics = {
        name: types.SimpleNamespace(name=name, value=value) for name, value in (("accuracy", 0.7), ("stderr", 0.02))
    }
    score = types.SimpleNamespace(name="choice", scorer="choice", metrics=metrics)
    spec = types.SimpleNamespace(
        model="hf/EleutherAI/pythia-160m",
        model_args={},
        task="inspect_evals/hellaswag",
        task_args={"fewshot": 0},
        task_version=0,
        created="2025-03-01T10:20:30+00:00",
        config=types.SimpleNamespace(limit=None),
    )
    results = types.SimpleNamespace(scores=[score], completed_samples=10042, total_samples=10042)
    return types.SimpleNamespace(
        **({"status": "success", "invalidated": False, "eval": spec, "results": results} | changes)
    )


@pytest.fixture
def inspect_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def given(log: Any) -> Path:
        module = types.ModuleType("inspect_ai.log")
        module.read_eval_log = lambda path, header_only: log  # type: ignore[attr-defined]
        monkeypatch.setitem(__import__("sys").modules, "inspect_ai", types.ModuleType("inspect_ai"))
        monkeypatch.setitem(__import__("sys").modules, "inspect_ai.log", module)
        return generators.write(tmp_path / "log.json", {"version": 2, "status": "success", "eval": {}, "plan": {}})

    return given


def test_inspect_logs_give_their_scores(inspect_file: Any, known: Known) -> None:
    reading = read_results([inspect_file(inspect_log())], known_benchmarks=known)
    assert scores_of(reading, "score", "stderr", "n_items") == {"hellaswag": (0.7, 0.02, 10042)}
    assert set(reading.scores["model_id"]) == {"EleutherAI/pythia-160m"}


@pytest.mark.parametrize(("change", "words"), [({"status": "error"}, "status"), ({"invalidated": True}, "invalidated")])
def test_unfinished_and_invalidated_logs_are_refused(inspect_file: Any, known: Known, change: Any, words: str) -> None:
    reading = read_results([inspect_file(inspect_log(**change))], known_benchmarks=known)
    assert reading.scores.is_empty() and words in texts_of(reading, Severity.REFUSED)


def test_without_inspects_library_the_install_line_is_shown(
    tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai", None)
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai.log", None)
    file = generators.write(tmp_path / "log.json", {"version": 2, "eval": {}, "plan": {}})
    reading = read_results([file], known_benchmarks=known)
    (finding,) = reading.findings
    assert finding.severity is Severity.REFUSED and inspect_ai.INSTALL in finding.action
