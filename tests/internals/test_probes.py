"""The probes as a whole: planted vectors, numbers recomputed from transformers, both backends, runs and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from cape import cli
from cape.errors import BadParameterError, TokenizerError
from cape.internals import probes, run
from cape.internals.activations import Recorded
from cape.internals.gather import N_BLOCKS, hooks, keep_vectors, running_sums
from cape.internals.models import LoadedModel, adapt, load_model
from cape.internals.probes import PARTS, Prompts, probe_rows
from cape.internals.prompts import MOST_CONTRAST, PromptSet
from cape.internals.results import ProbeConfig, alarms_of, read_shards, shard_frame
from cape.internals.rows import INSTRUMENTS
from cape.internals.run import Place, config_of, run_probe
from cape.lake.organism import shipped_checkpoints
from cape.lake.paths import SHIPPED_LAKE, LakePaths
from cape.organism.probe_prompts import background_set, contrast_set
from cape.organism.world import make_world
from tests.conftest import require
from tests.internals.tiny import VOCABULARY, tiny_model, word_tokenizer

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
torch = require("torch")
require("transformers")

SHIPPED = SHIPPED_LAKE / "organism" / "web" / "d36-l3"
N = 6
LETTERS = VOCABULARY[2:]


def letters(n: int, seed: int) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < n:
        found[" ".join(rng.choice(LETTERS, rng.integers(2, 9)))] = None
    return tuple(found)


PROMPTS = Prompts(
    contrast=PromptSet(name="a-b", version=1, groups=(("a", letters(N, 1)), ("b", letters(N, 2)))),
    background=PromptSet(name="c-d", version=1, groups=(("c", letters(20, 3)), ("d", letters(20, 4)))),
)
CONFIG = config_of(ProbeConfig(model="tiny", n_resamples=50), PROMPTS)


@pytest.fixture(scope="module")
def tiny() -> LoadedModel:
    return adapt(tiny_model("qwen3"), word_tokenizer(), model_id="tiny")


def values(rows: list[dict[str, Any]], probe: str) -> dict[Any, float | None]:
    """Return the values of a probe by layer and head."""
    return {(row.get("layer"), row.get("head")): row["value"] for row in rows if row["probe"] == probe}


def cosine(a: Any, b: Any) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


# planted answers


def planted_recorder(loaded: LoadedModel, angles: np.ndarray) -> Any:
    """Heads say (1, 0) to every prompt of the first group and the cosine of their angle to the second."""

    def recorder(batch: Any, sites: Any, prompts: Any) -> Recorded:
        is_second = np.array([row >= N for row in batch.rows])
        heads = np.zeros((loaded.n_layers, len(is_second), loaded.n_heads, 2), dtype=np.float32)
        heads[..., 0] = 1.0
        heads[:, is_second] = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[:, None]
        final = torch.ones(len(is_second), loaded.d_model)
        return Recorded(batch=batch, final=final, heads=torch.from_numpy(heads))

    return recorder


def test_planted_heads_have_their_planted_couplings(tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    angles = np.linspace(0.1, np.pi - 0.1, tiny.n_layers * tiny.n_heads).reshape(tiny.n_layers, tiny.n_heads)
    monkeypatch.setattr(probes, "hooks", lambda loaded: planted_recorder(loaded, angles))
    rows = probe_rows(tiny, CONFIG, replace(PROMPTS, background=None), parts=("heads",))
    found = values(rows, "head_coupling")
    for (layer, head), value in found.items():
        assert value == pytest.approx(np.cos(angles[layer, head]), abs=1e-6)
    whole = (None, None)
    assert values(rows, "net_coupling")[whole] == pytest.approx(np.cos(angles).mean(), abs=1e-6)
    assert values(rows, "competing_units")[whole] == (np.cos(angles) < -0.5).sum()
    assert values(rows, "head_coop_frac")[whole] == pytest.approx((np.cos(angles) > 0.1).mean())
    assert values(rows, "total_units")[whole] == angles.size


# independent computation


def hidden_by_hand(loaded: LoadedModel, prompts: tuple[str, ...]) -> np.ndarray:
    """Return transformers' own hidden states at the last token, (n_layers, n, d_model), the last after the norm."""
    found = []
    for prompt in prompts:
        ids = torch.tensor([loaded.tokenizer(prompt)["input_ids"]])
        with torch.no_grad():
            output = loaded.model(ids, output_hidden_states=True)
        found.append(torch.stack(output.hidden_states[1:])[:, 0, -1].double().numpy())
    return np.stack(found, axis=1)


def test_numbers_are_those_of_transformers_hidden_states(tiny: LoadedModel) -> None:
    rows = probe_rows(tiny, CONFIG, PROMPTS, parts=("layers", "output"), batch=5)
    held = hidden_by_hand(tiny, PROMPTS.contrast.prompts)
    assert PROMPTS.background is not None
    background = hidden_by_hand(tiny, PROMPTS.background.prompts)
    for layer in range(tiny.n_layers - 1):
        first, second = held[layer, :N].mean(axis=0), held[layer, N:].mean(axis=0)
        mean = background[layer].mean(axis=0)
        at = (layer, None)
        assert values(rows, "layer_coupling")[at] == pytest.approx(cosine(first, second), abs=1e-5)
        assert values(rows, "layer_coupling_centred")[at] == pytest.approx(
            cosine(first - mean, second - mean), abs=1e-4
        )
        groups = background[layer, :20].mean(axis=0), background[layer, 20:].mean(axis=0)
        assert values(rows, "domain_coupling_c_d")[at] == pytest.approx(cosine(*groups), abs=1e-5)
        spectrum = np.linalg.eigvalsh(np.cov(held[layer], rowvar=False))
        assert values(rows, "d_rep")[at] == pytest.approx(spectrum.sum() ** 2 / (spectrum**2).sum(), rel=1e-4)
    final = held[-1]
    output = final @ tiny.unembedding.weight.detach().double().numpy().T
    gelu = torch.nn.functional.gelu(torch.from_numpy(final)).numpy()
    for name, vectors in (("hidden", final), ("output", output), ("wide", gelu)):
        by_hand = cosine(vectors[:N].mean(axis=0), vectors[N:].mean(axis=0))
        assert values(rows, f"proj_{name}_cos")[None, None] == pytest.approx(by_hand, abs=1e-5)
        pairs = [cosine(vectors[i], vectors[N + i]) for i in range(N)]
        assert values(rows, f"proj_{name}_mean_per_prompt")[None, None] == pytest.approx(np.mean(pairs), abs=1e-5)
    random = values(rows, "proj_random_cos")[None, None]
    assert random == pytest.approx(values(rows, "proj_hidden_cos")[None, None], abs=0.1)


def test_free_text_of_any_length_is_summed_and_little_of_it_kept(tiny: LoadedModel) -> None:
    long = PromptSet(name="l", version=1, groups=(("x", letters(700, 8)), ("y", letters(400, 9))))
    found = running_sums(tiny, long, recorder=hooks(tiny), size=64)
    assert found.counts.sum(axis=1).tolist() == [700, 400]
    assert found.counts.min() >= 400 // N_BLOCKS
    assert 100 < len(found.fit) <= MOST_CONTRAST
    some = PromptSet(name="s", version=1, groups=(("y", letters(40, 9)),))
    by_hand = hidden_by_hand(tiny, some.prompts)[:-1].mean(axis=1)
    mean = running_sums(tiny, some, recorder=hooks(tiny), size=7).mean[:-1]
    np.testing.assert_allclose(mean, by_hand, atol=1e-5)


def compared(first: list[dict[str, Any]], second: list[dict[str, Any]], atol: float) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        keys = ("instrument", "probe", "layer", "head", "prompt_id")
        assert [one.get(key) for key in keys] == [other.get(key) for key in keys]
        for name in ("value", "low", "high"):
            assert (one.get(name) is None) == (other.get(name) is None), one
            if one.get(name) is not None and not one["probe"].endswith(("_p", "_split_half", "ridge_skill")):
                assert one[name] == pytest.approx(other[name], abs=atol), one


def test_both_backends_give_the_same_numbers_on_a_shipped_model() -> None:
    require("transformer_lens")
    loaded, world = load_model(str(SHIPPED)), make_world(0)
    prompts = Prompts(contrast=contrast_set(world), background=background_set(world))
    config = config_of(ProbeConfig(model="d36", n_resamples=50), prompts)
    ours = probe_rows(loaded, config, prompts)
    theirs = probe_rows(loaded, replace(config, backend="transformerlens"), prompts)
    assert {row["instrument"] for row in ours} == set(INSTRUMENTS.values())
    compared(ours, theirs, atol=2e-4)


def test_the_batch_does_not_matter_and_a_run_repeats(tiny: LoadedModel) -> None:
    first = probe_rows(tiny, CONFIG, PROMPTS, batch=3)
    assert first == probe_rows(tiny, CONFIG, PROMPTS, batch=3)
    compared(first, probe_rows(tiny, CONFIG, PROMPTS, batch=32), atol=2e-4)


# edges


def test_every_row_is_a_row_of_a_shard_and_says_how_it_was_measured(tiny: LoadedModel) -> None:
    frame = shard_frame(probe_rows(tiny, CONFIG, PROMPTS))
    of_domains = pl.col("probe").str.starts_with("domain_coupling")
    assert frame.filter(~of_domains)["n_prompts"].unique().to_list() == [2 * N]
    assert frame.filter(of_domains)["n_prompts"].unique().to_list() == [40]
    assert json.loads(frame["versions"][0])["torch"]
    keys = ("instrument", "probe", "layer", "head", "prompt_id")
    assert frame.select(keys).is_duplicated().sum() == 0
    undefined = frame.filter(frame["value"].is_null())
    assert undefined["notes"].null_count() == 0


def test_layers_that_add_nothing_raise_the_alarm() -> None:
    model = tiny_model("llama")
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.data.zero_()
        layer.mlp.down_proj.weight.data.zero_()
    loaded = adapt(model, word_tokenizer(), model_id="idle")
    frame = shard_frame(probe_rows(loaded, CONFIG, PROMPTS, parts=("layers",)))
    assert any("constant across 3 layers" in said for said in alarms_of(frame))


def test_chosen_layers_and_heads_leave_the_numbers_as_they_are(tiny: LoadedModel) -> None:
    whole = values(probe_rows(tiny, CONFIG, PROMPTS), "head_coupling")
    some = probe_rows(tiny, replace(CONFIG, layers=(1,), heads=(0, 2)), PROMPTS)
    assert values(some, "head_coupling") == {place: whole[place] for place in ((1, 0), (1, 2))}
    assert {row["layer"] for row in some if row.get("layer") is not None} == {1}


@pytest.mark.parametrize("changes", [{"backend": "other"}, {"layers": (3,)}, {"heads": (4,)}, {"n_resamples": 0}])
def test_choices_that_a_model_does_not_have_are_refused(tiny: LoadedModel, changes: dict[str, Any]) -> None:
    with pytest.raises(BadParameterError):
        probe_rows(tiny, replace(CONFIG, **changes), PROMPTS)
    with pytest.raises(BadParameterError, match="part"):
        probe_rows(tiny, CONFIG, PROMPTS, parts=("layers", "soul"))


def test_groups_of_unequal_size_have_no_pairs_and_no_background_no_centre(tiny: LoadedModel) -> None:
    uneven = PromptSet(name="x", version=1, groups=(("a", letters(4, 5)), ("b", letters(7, 6))))
    rows = probe_rows(tiny, CONFIG, Prompts(contrast=uneven))
    assert values(rows, "proj_hidden_mean_per_prompt")[None, None] is None
    assert values(rows, "layer_coupling_centred")[0, None] is None
    assert values(rows, "proj_ridge_cos")[None, None] is None


def test_more_prompts_than_are_kept_are_refused(tiny: LoadedModel) -> None:
    with pytest.raises(BadParameterError, match="1 to 200"):
        keep_vectors(tiny, letters(MOST_CONTRAST + 1, 1), ("layers",), recorder=hooks(tiny), size=8)


# runs and the command


def place(folder: Path, **changes: Any) -> Place:
    return replace(Place(source=str(SHIPPED), folder=folder), **changes)


def shipped_prompts() -> Prompts:
    world = make_world(0)
    return Prompts(contrast=contrast_set(world), background=background_set(world))


def test_a_run_is_stored_once_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = shipped_prompts()
    config = config_of(ProbeConfig(model=str(SHIPPED), n_resamples=20), prompts, ("layers",))
    file = run_probe(config, prompts, place(tmp_path, model_id="mine"), parts=("layers",))
    assert read_shards(tmp_path)["model_id"].unique().to_list() == ["mine"]

    def never(*arguments: Any, **more: Any) -> Any:
        raise AssertionError("a stored run is not loaded again")

    monkeypatch.setattr(run, "load_with", never)
    assert run_probe(config, prompts, place(tmp_path), parts=("layers",)) == file


def test_a_run_that_is_stopped_leaves_no_shard(tmp_path: Path) -> None:
    prompts = shipped_prompts()

    def stop(n: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_probe(config_of(ProbeConfig(model="x"), prompts), prompts, place(tmp_path), on_prompts=stop)
    assert list(tmp_path.iterdir()) == []


def command(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, ["probe", *arguments])


def test_the_command_prints_its_rows_as_json_and_stores_them(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    groups = dict(contrast_set(make_world(0)).groups)
    file.write_text(json.dumps({"name": "mine", "groups": {name: list(group) for name, group in groups.items()}}))
    done = command(
        str(SHIPPED), "--prompts", str(file), "--background", "none", "--parts", "heads,layers", "--layers", "0-1",
        "--resamples", "20", "--out", str(tmp_path / "out"), "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert {row["layer"] for row in said["rows"]} == {None, 0, 1}
    assert read_shards(tmp_path / "out").height == len(said["rows"])


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "Name a model"),
        (("--shipped", "x"), "Leave the others out"),
        (("x", "--parts", "soul"), "There is no part"),
        (("x", "--layers", "a"), "numbers and ranges"),
        (("x", "--layers", "3-1"), "ranges that rise"),
        (("x", "--heads", "0-9999999999"), "stay below"),
        (("x", "--prompts", "nothing"), "no prompt set"),
    ],
)
def test_a_wrong_command_is_refused(arguments: tuple[str, ...], fault: str) -> None:
    done = command(*arguments)
    assert isinstance(done.exception, BadParameterError)
    assert fault in str(done.exception)


def test_prompts_longer_than_a_model_takes_are_refused(tmp_path: Path) -> None:
    done = command(str(SHIPPED), "--out", str(tmp_path))
    assert isinstance(done.exception, TokenizerError)
    assert not list(tmp_path.glob("*"))


def test_a_cancelled_command_says_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: Any, **more: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("cape.cli_probe.run_probe", stop)
    done = command("--shipped", "--out", str(tmp_path))
    assert done.exit_code == 130
    n_models = len(shipped_checkpoints(LakePaths.from_environment()))
    assert f"0 of {n_models} models are stored" in done.output


def test_the_parts_are_those_of_the_issue() -> None:
    assert PARTS == ("layers", "heads", "attention", "output")
