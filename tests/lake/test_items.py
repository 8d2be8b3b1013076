"""Item rows in the lake: paired errors replace the default ones, SQL equals Python, hostile files are refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cape.errors import IngestError, LakeBuildError
from cape.lake import Lake, LakePaths, build_lake, lake_version
from cape.lake import items as items_module
from cape.lake.items import read_item_file
from cape.lake.land import SourceRecord, land_tables
from cape.stats.paired import paired_difference, paired_standard_error

SOURCE = SourceRecord(source_id="mine", title="t", url="internal", kind="user", date="2026-01-02", licence="private")
SIZES = ("pythia-70m", "pythia-160m", "pythia-410m")
N = 400
BENCHMARKS = {"hellaswag": None, "truthfulqa": "mc2"}


def planted_items(*, seed: int = 0, n: int = N) -> pl.DataFrame:
    """Three sizes on the same items: hellaswag right or wrong and hardly ever flipping, truthfulqa a share."""
    rng = np.random.default_rng(seed)
    right = (rng.random(n) < 0.4).astype(float)
    share = rng.random(n)
    frames = []
    for place, model_id in enumerate(SIZES):
        right = np.where(rng.random(n) < 0.08, 1.0, right)
        share = np.clip(share + rng.normal(-0.02 * place, 0.05, n), 0, 1)
        for benchmark, values in (("hellaswag", right), ("truthfulqa", share)):
            frames.append(
                pl.DataFrame({
                    "model_id": model_id, "benchmark": benchmark, "variant": BENCHMARKS[benchmark],
                    "item_id": [f"q{i}" for i in range(n)], "value": values,
                    "category": ["even" if i % 2 == 0 else "odd" for i in range(n)],
                }, schema_overrides={"variant": pl.String})
            )  # fmt: skip
    return pl.concat(frames)


def scores_of(items: pl.DataFrame) -> pl.DataFrame:
    keys = ["model_id", "benchmark", "variant"]
    table = items.group_by(keys, maintain_order=True).agg((100 * pl.col("value").mean()).alias("score"))
    return table.with_columns(pl.col("score").round(6).cast(pl.String), n_items=pl.lit(str(N)))


@pytest.fixture(scope="module")
def template(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("items") / "la'ke"
    root.mkdir()
    for file in lake_paths.root.glob("*.csv"):
        shutil.copy(file, root)
    for name in ("amin-base63", "reference-models"):
        shutil.copytree(lake_paths.raw / name, root / "raw" / name)
    return root


@pytest.fixture
def land(template: Path, tmp_path: Path) -> Callable[..., LakePaths]:
    """Land scores and item files as source `mine` of a lake of this test's own."""

    def call(items: list[pl.DataFrame], scores: pl.DataFrame | None = None) -> LakePaths:
        root = tmp_path / "lake"
        shutil.copytree(template, root)
        table = tmp_path / "scores.csv"
        (scores_of(items[0]) if scores is None else scores).write_csv(table)
        files = [tmp_path / f"given{place}.parquet" for place in range(len(items))]
        for frame, file in zip(items, files, strict=True):
            frame.write_parquet(file)
        land_tables({"scores": table}, source=SOURCE, paths=LakePaths(root), is_local=True, items=files)
        return LakePaths(root)

    return call


def built(paths: LakePaths) -> Lake:
    build_lake(paths)
    return Lake.open(paths)


def values_of(items: pl.DataFrame, model_id: str, benchmark: str) -> np.ndarray:
    kept = items.filter((pl.col("model_id") == model_id) & (pl.col("benchmark") == benchmark)).sort("item_id")
    return kept["value"].cast(pl.Float64).to_numpy()


def assert_sql_is_python(rows: pl.DataFrame, items: pl.DataFrame, *, benchmark: str) -> None:
    assert rows.height > 0
    for row in rows.iter_rows(named=True):
        a, b = (values_of(items, row[name], benchmark) for name in ("model_from", "model_to"))
        found = paired_difference(a, b, rng=np.random.default_rng(0), n_resamples=1)
        assert row["n_common"] == found.n and row["delta_pct"] == pytest.approx(100 * found.difference, abs=1e-9)
        assert row["paired_se_pct"] == pytest.approx(100 * found.se_adjusted, rel=1e-9)
        expected = None if found.correlation is None else pytest.approx(found.correlation, abs=1e-9)
        assert row["correlation"] == expected
        if row["is_binary"]:
            assert (row["n01"], row["n10"]) == (int((b > a).sum()), int((b < a).sum()))
            total, squares = row["n01"] - row["n10"], row["n01"] + row["n10"]
            by_counts = paired_standard_error(row["n_common"], total, squares, is_binary=True)
            assert row["paired_se_pct"] == pytest.approx(100 * by_counts)


def test_paired_errors_of_every_pair_equal_the_statistics(land: Callable[..., LakePaths]) -> None:
    items = planted_items()
    lake = built(land([items]))
    for benchmark, name in (("hellaswag", "hellaswag"), ("truthfulqa", "truthfulqa_mc2")):
        rows = lake.read("mart_items_paired", panel="mine", benchmark_id=name)
        assert rows.height == 3 and rows["is_step"].sum() == 2
        assert_sql_is_python(rows, items, benchmark=benchmark)
        deltas = lake.read("mart_deltas", panel="mine", benchmark_id=name)
        assert set(deltas["stderr_method"]) == {"paired items"}
        assert deltas["delta_se_pct"].to_list() == rows.filter("is_step")["paired_se_pct"].to_list()
        assert (deltas["delta_se_pct"] < deltas["delta_se_unpaired_pct"]).all()
    gamma = lake.read("mart_gamma", panel="mine", x="hellaswag", y="truthfulqa_mc2").sort("step_no")
    steps = lake.read("mart_items_paired", panel="mine", benchmark_id="hellaswag").filter("is_step")
    np.testing.assert_allclose(gamma["variance_x"].sqrt(), steps["paired_se_pct"])
    assert (gamma["variance_x"] < gamma["variance_x_unpaired"]).all()
    assert set(gamma["y_stderr_method"]) == {"paired items"} and gamma["x_n_items"].to_list() == [N, N]
    lake.close()


def test_shipped_items_of_the_organism_equal_the_statistics(lake: Lake, lake_paths: LakePaths) -> None:
    items = pl.read_parquet(lake_paths.raw / "organism" / "items.parquet")
    for benchmark in ("organism_truth", "organism_reasoning"):
        rows = lake.read("mart_items_paired", panel="organism", family="web", benchmark_id=benchmark)
        assert_sql_is_python(rows.filter("is_step"), items, benchmark=benchmark)
        assert (rows["model_from"].str.slice(-1) == rows["model_to"].str.slice(-1)).all()  # within a seed
    assert lake.read("mart_item_scores", source_id="organism")["item_flag"].null_count() == items.height // 615


def test_flips_by_category_add_up(land: Callable[..., LakePaths]) -> None:
    items = planted_items()
    lake = built(land([items]))
    flips = lake.read("mart_item_flips", panel="mine")
    assert set(flips["benchmark_id"]) == {"hellaswag"}  # shares are not right or wrong
    for _, step in flips.group_by("position_from"):
        whole = step.filter(pl.col("category").is_null())
        parts = step.filter(pl.col("category").is_not_null())
        assert set(parts["category"]) == {"even", "odd"}
        for column in ("n_items", "n_gained", "n_lost"):
            assert whole[column].item() == parts[column].sum()
        for row in step.iter_rows(named=True):
            before, after = (values_of(items, row[name], "hellaswag") for name in ("model_from", "model_to"))
            names = np.array(sorted(f"q{i}" for i in range(N)))  # as values_of sorts them
            odd = np.array([int(name[1:]) % 2 == 1 for name in names])
            held = {"even": ~odd, "odd": odd}.get(row["category"] or "", np.ones(N, dtype=bool))
            for column, sign in (("gained_items", 1), ("lost_items", -1)):
                flipped = sorted(names[held & (np.sign(after - before) == sign)])[:5]
                assert row[column] == (", ".join(flipped) or None)
    lake.close()


def test_items_of_other_answers_or_other_questions_are_not_paired(land: Callable[..., LakePaths]) -> None:
    """A mean that contradicts the score, an item that one size lacks, and items without a score."""
    items = planted_items()
    wrong = (pl.col("model_id") == SIZES[0]) & (pl.col("benchmark") == "hellaswag")
    contradicting = items.with_columns(pl.when(wrong).then(1.0).otherwise("value").alias("value"))
    lacking = (pl.col("model_id") == SIZES[2]) & (pl.col("benchmark") == "truthfulqa") & (pl.col("item_id") == "q0")
    unscored = items.filter(wrong).with_columns(benchmark=pl.lit("winogrande"))
    lake = built(land([pl.concat([contradicting.filter(~lacking), unscored])], scores_of(items)))
    flags = lake.read("mart_item_scores", source_id="mine")
    told = dict(zip(flags["benchmark"] + " " + flags["model_id"], flags["item_flag"], strict=True))
    assert "contradicts the score" in told[f"hellaswag {SIZES[0]}"] and told[f"hellaswag {SIZES[1]}"] is None
    assert "no score of the same model" in told[f"winogrande {SIZES[0]}"]
    gamma = lake.read("mart_gamma", panel="mine", x="hellaswag", y="truthfulqa_mc2").sort("step_no")
    assert gamma["x_stderr_method"].to_list() == ["scores", "paired items"]
    assert gamma["y_stderr_method"].to_list() == ["paired items", "scores"]
    assert gamma["variance_x"][0] == gamma["variance_x_unpaired"][0]
    lake.close()


def test_seeds_are_paired_within_themselves(land: Callable[..., LakePaths]) -> None:
    """The same models as two replicates under two revisions: no pair crosses from one to the other."""
    both = [planted_items(seed=s).with_columns(revision=pl.lit(f"seed{s}")) for s in (1, 2)]
    items = pl.concat(both)
    scores = pl.concat([
        scores_of(frame).with_columns(revision=pl.lit(f"seed{s}"), replicate=pl.lit(str(s)))
        for s, frame in enumerate(both, start=1)
    ])  # fmt: skip
    lake = built(land([items], scores))
    rows = lake.read("mart_items_paired", panel="mine", benchmark_id="hellaswag")
    assert rows.height == 6 and rows["replicate"].sort().to_list() == ["1"] * 3 + ["2"] * 3
    for s, frame in enumerate(both, start=1):
        assert_sql_is_python(rows.filter(pl.col("replicate") == str(s)), frame, benchmark="hellaswag")
    lake.close()


def test_two_files_and_whole_numbers_are_one_set_of_items(land: Callable[..., LakePaths]) -> None:
    items = planted_items().filter(pl.col("benchmark") == "hellaswag").drop("variant", "category")
    numbered = items.with_columns(pl.col("value").cast(pl.Boolean), pl.col("item_id").str.slice(1).cast(pl.Int64))
    first, second = (numbered.filter(pl.col("item_id") % 2 == r) for r in (0, 1))
    lake = built(land([first, second], scores_of(planted_items())))
    rows = lake.read("mart_items_paired", panel="mine", benchmark_id="hellaswag")
    assert_sql_is_python(rows, items, benchmark="hellaswag")
    assert lake.read("mart_item_flips", panel="mine")["category"].null_count() == 2
    lake.close()


def test_an_overlay_pairs_its_own_items_and_keeps_the_shipped_sums(lake: Lake) -> None:
    items = planted_items()
    own = lake.with_overlay(scores=scores_of(items), items=items)
    rows = own.read("mart_items_paired", panel="session", benchmark_id="hellaswag")
    assert_sql_is_python(rows, items, benchmark="hellaswag")
    shipped = lake.read("mart_items_paired", panel="organism")
    assert own.read("mart_items_paired", panel="organism").equals(shipped, null_equal=True) and shipped.height > 0
    without = lake.with_overlay(scores=scores_of(items))
    assert without.read("mart_items_paired", panel="session").height == 0 and without.version != own.version
    with pytest.raises(LakeBuildError, match="chk_items_are_shares_and_unique"):
        lake.with_overlay(scores=scores_of(items), items=pl.concat([items, items]))
    own.close()
    without.close()


def test_the_version_follows_what_source_toml_says_of_the_items(land: Callable[..., LakePaths], tmp_path: Path) -> None:
    paths = land([planted_items()])
    before = lake_version(paths)
    file = tmp_path / "again.parquet"
    planted_items(seed=5).write_parquet(file)
    land_tables({}, source=SOURCE, paths=paths, is_local=True, items=[file])
    assert lake_version(paths) != before


def test_a_changed_item_file_is_refused_by_its_hash(land: Callable[..., LakePaths]) -> None:
    paths = land([planted_items()])
    planted_items(seed=6).write_parquet(paths.local / "mine" / "items.parquet")
    with pytest.raises(LakeBuildError, match="mine/items.parquet: sha256 differs"):
        build_lake(paths)


HOSTILE: list[tuple[str, Callable[[pl.DataFrame], pl.DataFrame], str]] = [
    ("no value", lambda f: f.drop("value"), "value"),
    ("no item", lambda f: f.drop("item_id"), "item_id"),
    ("text values", lambda f: f.with_columns(pl.col("value").cast(pl.String)), "value"),
    ("numbers for models", lambda f: f.with_columns(model_id=pl.lit(7)), "model_id"),
    ("lists", lambda f: f.with_columns(pl.concat_list("value").alias("value")), "value"),
    ("a foreign column", lambda f: f.with_columns(prompt=pl.lit("text")), "prompt"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "column"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_a_hostile_file_is_refused_by_file_and_column(
    change: Callable[[pl.DataFrame], pl.DataFrame], column: str, land: Callable[..., LakePaths]
) -> None:
    items = planted_items(n=5)
    with pytest.raises(IngestError) as caught:
        land([change(items)], scores_of(items))
    assert "mine/given0.parquet" in str(caught.value) and column in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"model_id,value\na,1\n", b"PAR1" + b"\0" * 64 + b"PAR1"])
def test_what_is_no_parquet_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "items.parquet"
    file.write_bytes(content)
    with pytest.raises(IngestError, match="mine/items.parquet"):
        read_item_file(file, source_id="mine")


def test_a_file_placed_by_hand_is_read_or_refused_by_the_build(land: Callable[..., LakePaths]) -> None:
    paths = land([planted_items(n=5).head(0)], scores_of(planted_items()))
    build_lake(paths)
    file = paths.local / "mine" / "items-zz.parquet"
    file.write_bytes(b"not parquet")
    with pytest.raises(IngestError, match="mine/items-zz.parquet"):
        build_lake(paths)
    planted_items().write_parquet(file)
    with pytest.raises(LakeBuildError, match="items-zz.parquet: the file is not listed"):
        build_lake(paths)


def test_the_public_copy_holds_sums_and_no_items(land: Callable[..., LakePaths]) -> None:
    from cape.lake import public_database

    paths = land([planted_items()])
    copy = Lake.open_file(public_database(build_lake(paths).database))
    assert copy.read("mart_items_paired", panel="mine").height == 6
    assert copy.columns("raw_items") == {} and copy.columns("stg_items") == {}
    copy.close()


def test_a_killed_build_leaves_nothing_that_stops_the_next(land: Callable[..., LakePaths]) -> None:
    paths = land([planted_items()])
    spilled = paths.built / "draft-1.duckdb.tmp"
    spilled.mkdir(parents=True)
    (spilled / "block").write_bytes(b"x")
    build_lake(paths)
    assert not spilled.exists()


def test_pairs_formed_part_by_part_are_those_formed_at_once(
    land: Callable[..., LakePaths], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = planted_items()
    paths = land([items])
    lake = built(paths)
    whole = lake.read("mart_items_paired", panel="mine")
    lake.close()
    monkeypatch.setattr(items_module, "ROWS_PER_PART", 300)  # eight parts
    again = Lake.open_file(build_lake(paths, force=True).database)
    assert again.read("mart_items_paired", panel="mine").equals(whole, null_equal=True) and whole.height == 6
    again.close()
