"""The scorecard on a model whose truth is one known direction, and on one where no direction is truth."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cape.errors import BadParameterError, StoppedError
from cape.internals.arms import Arm, Bench, Scores
from cape.internals.endpoint_arm import EndpointTexts
from cape.internals.models import LoadedModel
from cape.internals.scorecard import Run, n_arms, run_scorecard
from cape.internals.scorecard_plan import SteerConfig, choose, grid_layers, learn
from cape.internals.scorecard_records import ArmKind, Matching, Scorecard, Split, Verdict, read_scorecard
from cape.internals.scoring import Answers
from cape.internals.steering import Term
from tests.conftest import require
from tests.internals.planted_steering import planted_model, planted_sets, scores_of

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
for package in ("torch", "transformers", "safetensors"):
    require(package)
require("torch").set_num_threads(1)  # as in the app; threads only wait for each other on models this small

CONFIG = SteerConfig(shares=(0.25, 0.75), n_resamples=500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("card")


@pytest.fixture(scope="module")
def planted() -> LoadedModel:
    return planted_model()[0]


@pytest.fixture(scope="module")
def card(planted: LoadedModel, folder: Path) -> Scorecard:
    return run_scorecard(planted, planted_sets(), CONFIG, Run(folder=folder, position="at"))


@pytest.fixture(scope="module")
def null_card() -> Scorecard:
    return run_scorecard(planted_model(is_null=True)[0], planted_sets(), CONFIG, Run())


def arm(card: Scorecard, name: str) -> Any:
    return next(row for row in card.arms if (row.arm, row.split) == (name, Split.TEST))


def fake_arm(model: LoadedModel, layer: int, share: float) -> Arm:
    vector = learn(model, planted_sets()).vectors[layer]
    term = Term(vector=vector, strength=1.0)
    return Arm(
        name="x", kind=ArmKind.STEERED, matching=Matching.GRID, split=Split.VALIDATION, terms=(term,), share=share
    )


def fake_answers(mc1: list[float], mc2: list[float]) -> Answers:
    n = len(mc1)
    return Answers(
        question_ids=("q",) * n, mc1=np.array(mc1), mc2=np.array(mc2), chosen=np.zeros(n, int), right=np.ones(n, bool)
    )


def fake_scores(*, mc2: list[float], capability: list[float], kl: float = 0.0) -> Scores:
    return Scores(
        truth=fake_answers(mc2, mc2),
        capability=fake_answers(capability, capability),
        n_tokens=1,
        cross_entropy=1.0,
        kl=kl,
        loss_by_text=np.ones(1),
        texts=None,
        repetitions=(),
    )


def test_the_direction_of_truth_is_recovered() -> None:
    model, truth = planted_model()
    found = learn(model, planted_sets())
    for vector in found.vectors:
        assert float(vector.direction @ truth) > 0.9


def test_the_planted_direction_is_found_and_random_ones_are_not(card: Scorecard) -> None:
    assert card.summary.verdict == Verdict.TRUER, card.summary.reason
    effect = scores_of(card, "steered", "mc1", "base")
    assert effect.low > 20 and effect.p_value < 1e-6 and effect.n_corrected > 5 * effect.n_broken
    for matching in (Matching.NORM, Matching.KL):
        beyond = scores_of(card, "steered", "mc2", f"mean of random directions, {matching}")
        assert beyond.low > 0 and beyond.p_value == pytest.approx(1 / 21)
    random = scores_of(card, f"mean of random directions, {Matching.KL}", "mc2", "base")
    assert random.low < random.value < scores_of(card, "steered", "mc2", "base").value
    assert scores_of(card, "negative", "mc2", "base").high < 0
    assert arm(card, "steered").capability_pct >= arm(card, "base").capability_pct - 5
    assert (card.summary.position, card.summary.n_random_matched) == ("at", 20)


def test_where_no_direction_is_truth_the_scorecard_says_so(null_card: Scorecard) -> None:
    assert null_card.summary.verdict == Verdict.NOT_BEYOND, null_card.summary.reason


def test_arms_of_equal_kl_have_it(card: Scorecard) -> None:
    steered, prompt = arm(card, "steered").kl_nats, arm(card, "prompt only").kl_nats
    matched = [row for row in card.arms if row.matching == Matching.KL]
    assert {row.kind for row in matched} >= {ArmKind.RANDOM, ArmKind.NEGATIVE, ArmKind.SHUFFLED, ArmKind.LAYER}
    assert [row.kl_nats for row in matched] == pytest.approx([steered] * len(matched), rel=0.06)
    at_prompt = [row.kl_nats for row in card.arms if row.matching == Matching.PROMPT_KL]
    assert at_prompt == pytest.approx([prompt] * len(at_prompt), rel=0.06)


def test_every_control_of_the_protocol_is_in_one_table(card: Scorecard) -> None:
    test_rows = [row for row in card.arms if row.split == Split.TEST]
    kinds = [row.kind for row in test_rows]
    assert set(kinds) == set(ArmKind) - {ArmKind.ENDPOINT}
    assert sum((row.kind, row.matching) == (ArmKind.RANDOM, Matching.NORM) for row in test_rows) == 20
    names = [(row.arm, row.split) for row in card.arms]
    assert len(set(names)) == len(names) <= n_arms(CONFIG, 2)
    base = arm(card, "base")
    assert (base.kl_nats, base.changed_pct, base.corrected_pct, base.broken_pct) == (0.0, 0.0, 0.0, 0.0)
    random = [row for row in test_rows if row.kind == ArmKind.RANDOM and row.matching == Matching.NORM]
    assert {round(row.strength, 6) for row in random} == {round(arm(card, "steered").strength, 6)}
    assert arm(card, "steered").repetition_pct is not None and arm(card, "random 0").n_generations == 0


def test_layer_and_strength_are_chosen_on_validation_only(card: Scorecard) -> None:
    grid = [row for row in card.arms if row.matching == Matching.GRID and row.split == Split.VALIDATION]
    assert len(grid) == 4
    base = next(row for row in card.arms if row.kind == ArmKind.BASE and row.split == Split.VALIDATION)
    allowed = [row for row in grid if row.capability_pct >= base.capability_pct - CONFIG.capability_loss_pp]
    best = max(allowed, key=lambda row: row.mc2_pct)
    assert (card.summary.layer, card.summary.strength_share) == (best.layer, best.strength_share)


def test_where_every_strength_costs_too_much_the_least_harmful_is_taken(planted: LoadedModel) -> None:
    base = fake_scores(mc2=[0.5], capability=[1.0] * 10)
    grid = {
        fake_arm(planted, 0, 0.5): fake_scores(mc2=[0.9], capability=[0.0] * 10, kl=0.3),
        fake_arm(planted, 1, 0.5): fake_scores(mc2=[0.6], capability=[0.0] * 10, kl=0.1),
    }
    found = choose(CONFIG, base, grid)
    assert found.layer == 1 and found.words.startswith("least KL")
    better = fake_arm(planted, 1, 0.25)
    found = choose(CONFIG, base, {**grid, better: fake_scores(mc2=[0.55], capability=[1.0] * 10)})
    assert (found.layer, found.share) == (1, 0.25) and "1 of 3 cells" in found.words


def test_the_histogram_counts_every_test_question_of_every_named_arm(card: Scorecard) -> None:
    for name in ("steered", "prompt only", "paper mode"):
        rows = [row for row in card.histogram if row.arm == name]
        assert sum(row.n_questions for row in rows) == card.summary.n_test
        wrong = scores_of(card, name, "mc2", "base").moved_wrong_pct
        below = sum(row.n_questions for row in rows if row.high <= 0)
        assert 100 * below / card.summary.n_test <= wrong + 1e-9


def test_changed_and_corrected_are_told_apart(card: Scorecard) -> None:
    row, effect = arm(card, "steered"), scores_of(card, "steered", "mc1", "base")
    assert row.changed_pct == pytest.approx(100 * effect.n_changed / effect.n)
    assert row.corrected_pct == pytest.approx(100 * effect.n_corrected / effect.n)
    assert row.mc1_pct - arm(card, "base").mc1_pct == pytest.approx(row.corrected_pct - row.broken_pct)


def test_a_finished_run_is_read_and_not_computed_again(
    planted: LoadedModel, folder: Path, card: Scorecard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **named: Any) -> Any:
        raise AssertionError("computed again")

    monkeypatch.setattr(Bench, "_computed", refuse)
    again = run_scorecard(planted, planted_sets(), CONFIG, Run(folder=folder, position="at"))
    assert replace(again, summary=replace(again.summary, seconds=0)) == replace(
        card, summary=replace(card.summary, seconds=0)
    )
    held = read_scorecard(folder / "scorecard.json")
    assert held == again and (folder / "arms.parquet").is_file()
    other = planted_model(is_null=True)[0]
    with pytest.raises(AssertionError, match="computed again"):  # other weights under the same name
        run_scorecard(replace(other, model_id=planted.model_id), planted_sets(), CONFIG, Run(folder=folder))


def test_a_cancelled_run_keeps_its_arms_and_goes_on(planted: LoadedModel, tmp_path: Path, card: Scorecard) -> None:
    cancel, seen = threading.Event(), list[str]()

    def stop(done: int, total: int, name: str) -> None:
        seen.append(name)
        if done == 7:
            cancel.set()

    with pytest.raises(StoppedError, match="goes on from there"):
        run_scorecard(planted, planted_sets(), CONFIG, Run(folder=tmp_path, cancel=cancel, on_progress=stop))
    assert len(seen) == 7 and len(list((tmp_path / "arms").glob("*.json"))) == 7
    again = run_scorecard(planted, planted_sets(), CONFIG, Run(folder=tmp_path))
    assert again.arms == card.arms and again.effects == card.effects


def test_a_broken_file_of_an_arm_is_computed_again(planted: LoadedModel, tmp_path: Path, card: Scorecard) -> None:
    bench = Bench(
        loaded=planted, sets=planted_sets(), texts=_texts(planted), run_hash="x", folder=tmp_path
    )  # fmt: skip
    from cape.internals.scorecard_plan import BASE_ARMS

    first = bench.score(BASE_ARMS[Split.TEST])
    for file in tmp_path.glob("*.json"):
        file.write_text("{", encoding="utf-8")
    again = bench.score(BASE_ARMS[Split.TEST])
    assert bench.n_computed == 2 and again.kl == first.kl and (again.truth.mc2 == first.truth.mc2).all()


def _texts(model: LoadedModel) -> Any:
    from cape.internals.damage import HeldOutTexts

    return HeldOutTexts.of(model, planted_sets().texts)


def test_an_endpoint_stands_in_the_same_table_with_texts_only(planted: LoadedModel, folder: Path) -> None:
    sets = planted_sets()
    texts = EndpointTexts(
        name="endpoint, theirs",
        questions=sets.prompts,
        plain=tuple(question.choices[1] for question in sets.prompts),
        prompted=tuple(question.choices[0] for question in sets.prompts),
    )
    found = run_scorecard(planted, sets, CONFIG, Run(folder=folder, endpoint_texts=texts))
    row = arm(found, "endpoint, theirs")
    assert (row.kind, row.changed_pct, row.corrected_pct, row.broken_pct) == (ArmKind.ENDPOINT, 100, 100, 0)
    assert row.mc1_pct is None and row.kl_nats is None and "generations only" in row.caveats
    assert sum(each.arm == "endpoint, theirs" for each in found.generations) == len(sets.prompts)


def test_too_few_random_directions_and_wrong_layers_are_refused() -> None:
    for wrong in ({"n_random": 19}, {"shares": ()}, {"shares": (0.0,)}, {"n_resamples": 0}):
        with pytest.raises(BadParameterError):
            SteerConfig(**wrong)  # type: ignore[arg-type]
    with pytest.raises(BadParameterError):
        grid_layers(SteerConfig(layers=(3,)), 3)
    for n_layers in (1, 2, 5, 12, 24, 80):
        layers = grid_layers(SteerConfig(), n_layers)
        assert n_layers // 4 in layers and len(layers) <= 6 and layers[-1] == n_layers - 1 and layers[0] >= 0


def test_other_seeds_draw_other_random_directions(planted: LoadedModel) -> None:
    from cape.internals.scorecard_plan import random_vectors

    vector = learn(planted, planted_sets()).vectors[0]
    first, more = random_vectors(CONFIG, vector), random_vectors(replace(CONFIG, n_random=25), vector)
    assert all(np.array_equal(a.direction, b.direction) for a, b in zip(first, more, strict=False))
    other = random_vectors(replace(CONFIG, seed=1), vector)
    assert not np.array_equal(first[0].direction, other[0].direction)
