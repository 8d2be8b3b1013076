"""Training and scoring with torch: deterministic, resumed, evaluated; shipped checkpoints give their shipped scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cape.lake.organism import shipped_checkpoints
from cape.lake.paths import SHIPPED_LAKE, LakePaths
from cape.organism.model import WEIGHTS_FILE, count_parameters, load_model, new_model
from cape.organism.recipes import LADDER, STANDARD, WEB, Job, Plan, Recipe
from cape.organism.run import held_records, run_jobs
from cape.organism.score import choice_probabilities, score_model
from cape.organism.tokenizer import decode, encode
from cape.organism.train import RECORD_FILE, read_record, train_job
from cape.organism.world import make_world
from tests.conftest import require
from tests.organism.planted import n_params

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
for package in ("torch", "transformers", "safetensors"):
    require(package)

SHORT = replace(STANDARD, steps=40, batch=32, warm_up=10, checkpoints=(20, 40))
TINY = Plan(recipes=(WEB,), ladder=LADDER[:2], wide=(), deep=(), seeds=(0,), schedule=SHORT)
SHIPPED = shipped_checkpoints(LakePaths(SHIPPED_LAKE))


def outcome(record: dict[str, Any]) -> tuple[Any, Any]:
    return record["checkpoints"], record["loss_curve"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run_jobs(TINY.jobs(), folder, workers=1)
    return folder


def test_a_ladder_trains_to_the_same_numbers_again(trained: Path, tmp_path: Path) -> None:
    again = run_jobs(TINY.jobs(), tmp_path, workers=2)
    for job, record in zip(TINY.jobs(), again, strict=True):
        first = read_record(trained / job.name)
        assert first is not None and outcome(first) == outcome(record)
        assert (trained / job.name / WEIGHTS_FILE).read_bytes() == (tmp_path / job.name / WEIGHTS_FILE).read_bytes()
        assert [at["step"] for at in record["checkpoints"]] == list(SHORT.checkpoints)
        assert record["n_params"] == n_params(job.shape)


def test_another_seed_trains_to_other_numbers(trained: Path, tmp_path: Path) -> None:
    job = TINY.jobs()[0]
    other = train_job(replace(job, seed=1), tmp_path)
    first = read_record(trained / job.name)
    assert first is not None and outcome(first) != outcome(other)


def test_finished_models_are_kept_and_interrupted_ones_trained_anew(trained: Path) -> None:
    first, second = TINY.jobs()
    before = [(trained / job.name / WEIGHTS_FILE).stat().st_mtime_ns for job in (first, second)]
    expected = outcome(read_record(trained / second.name) or {})
    (trained / second.name / RECORD_FILE).unlink()
    assert [record["model_id"] for record in held_records(TINY.jobs(), trained)] == [first.model_id]
    steps: list[int] = []
    record = train_job(second, trained / second.name, on_steps=steps.append)
    run_jobs(TINY.jobs(), trained, workers=1)
    after = [(trained / job.name / WEIGHTS_FILE).stat().st_mtime_ns for job in (first, second)]
    assert after[0] == before[0] and after[1] > before[1]
    assert sum(steps) == SHORT.steps and outcome(record) == expected


def test_a_cancelled_run_leaves_no_record_of_what_it_did_not_finish(tmp_path: Path) -> None:
    job = TINY.jobs()[0]

    def cancel(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_job(job, tmp_path, on_steps=cancel)
    assert read_record(tmp_path) is None


def test_a_record_of_another_job_is_not_taken_for_this_one(trained: Path, tmp_path: Path) -> None:
    job = replace(TINY.jobs()[1], schedule=replace(SHORT, steps=10, checkpoints=(10,)))
    train_job(job, tmp_path)
    longer = train_job(replace(job, schedule=replace(SHORT, steps=12, checkpoints=(12,))), tmp_path)
    assert longer["checkpoints"][-1]["step"] == 12


def test_a_checkpoint_loads_to_the_same_answers_and_its_tokenizer_to_the_same_words(trained: Path) -> None:
    transformers = require("transformers")
    folder = trained / TINY.jobs()[0].name
    world, record = make_world(0), read_record(folder)
    assert record is not None
    assert score_model(load_model(folder), world).as_dict() == pytest.approx(
        {name: value for name, value in record["checkpoints"][-1].items() if name not in ("step", "tokens")}
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = decode(world.questions.prompts[0])
    assert tokenizer(text)["input_ids"] == encode(text).tolist()


def test_a_checkpoint_is_kept_in_half_precision_and_loses_nothing(trained: Path) -> None:
    torch, safetensors = require("torch"), require("safetensors.torch")
    folder = trained / TINY.jobs()[0].name
    kept = safetensors.load_file(folder / "model.safetensors")
    assert {weight.dtype for weight in kept.values()} == {torch.float16}
    loaded = list(load_model(folder).parameters())
    assert sum(weight.numel() for weight in loaded) == sum(weight.numel() for weight in kept.values())
    assert all(torch.equal(weight, weight.half().float()) for weight in loaded)


def test_probabilities_of_the_choices_are_those_of_a_plain_softmax() -> None:
    torch = require("torch")
    model, world = new_model(LADDER[0], seed=3).eval(), make_world(3)
    found = choice_probabilities(model, world.questions)
    with torch.no_grad():
        logits = model(torch.tensor(world.questions.prompts[:1])).logits[0, -1].double().numpy()
    chosen = np.exp(logits[world.questions.choices[0]])
    assert found[0] == pytest.approx(chosen / chosen.sum(), rel=1e-5)
    assert count_parameters(model) == n_params(LADDER[0])


def test_what_the_text_tells_decides_what_is_answered(tmp_path: Path) -> None:
    """The same small model, briefly trained: with myths in the web text it answers more myths than without."""
    schedule = replace(STANDARD, steps=350, batch=128, warm_up=50, checkpoints=(350,))
    found = {}
    for myth_share in (0.0, 0.95):
        mixture = replace(WEB.mixture, myth_share=myth_share, question_share=0.05, reasoning_share=0.0)
        job = Job(family="t", recipe=Recipe(name="web", mixture=mixture), shape=LADDER[3], seed=0, schedule=schedule)
        found[myth_share] = train_job(job, tmp_path / str(myth_share))["checkpoints"][-1]
    without, with_myths = found[0.0], found[0.95]
    assert with_myths["myth_pct"] > 50 and without["myth_pct"] < 25
    assert without["truth_pct"] > 30 > with_myths["truth_pct"]


@pytest.mark.parametrize("folder", SHIPPED, ids=[f"{folder.parent.name}-{folder.name}" for folder in SHIPPED])
def test_a_shipped_checkpoint_gives_its_shipped_scores_exactly(folder: Path) -> None:
    record = read_record(folder)
    assert record is not None
    found = score_model(load_model(folder), make_world(record["job"]["seed"])).as_dict()
    for name in ("truth_pct", "myth_pct", "reasoning_pct"):
        assert found[name] == record["checkpoints"][-1][name]


def test_a_ladder_of_every_recipe_is_shipped() -> None:
    assert {folder.parent.name for folder in SHIPPED} == {"web", "middle", "curated"}
    assert all(not list(folder.glob("*.bin")) and not list(folder.glob("*.pt")) for folder in SHIPPED)
