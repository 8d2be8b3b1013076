"""The rows of a scorecard, from the scores of its arms: arms, paired effects, histogram, texts, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cape.internals.arms import Arm, Scores
from cape.internals.endpoint_arm import EndpointTexts, endpoint_rows, generation_row
from cape.internals.models import LoadedModel
from cape.internals.scorecard_plan import Directions, SteerConfig
from cape.internals.scorecard_records import (
    ArmKind,
    ArmRow,
    EffectRow,
    GenerationRow,
    HistogramRow,
    Matching,
    Metric,
    Split,
    Verdict,
)
from cape.internals.steering_sets import SteeringSets
from cape.stats.inference import Inference
from cape.stats.resampling import percentile_interval, row_weights
from cape.stats.steering_effect import AgainstRandom, against_random, histogram, moves, paired_effect, verdict_of
from cape.stats.summaries import wilson_interval

ARM_RESAMPLES = 2_000  # of the interval of one arm's MC2; effects use the run's own number
EDGES_PP = tuple(float(edge) for edge in range(-100, 101, 10))  # of the histogram of changes of MC2
RANDOM_NAME = "mean of random directions"
INTERVALS, EFFECTS = 4, 5  # streams of the seed
SCORES = {Metric.MC1: "mc1", Metric.MC2: "mc2"}
COUNTED = (Metric.MC1, Metric.CAPABILITY)  # right or wrong, so that McNemar's test applies

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Every arm with its scores, the base model's by split, and the directions."""

    base: Mapping[Split, Scores]
    scores: Mapping[Arm, Scores]
    directions: Directions


@dataclass(slots=True, kw_only=True)
class Tables:
    """Turns scores into rows. endpoint_texts : texts of a user's endpoint, where one was asked."""

    loaded: LoadedModel
    sets: SteeringSets
    config: SteerConfig
    measured: Measured
    config_hash: str
    endpoint_texts: EndpointTexts | None = None
    _weights: dict[int, Array] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, Any]:
        """The columns that every row begins with."""
        return {"model_id": self.loaded.model_id, "revision": self.loaded.revision}

    def arms(self) -> tuple[ArmRow, ...]:
        """Return one row per arm and split, and the endpoint's."""
        rows = [self._arm_row(arm, scores) for arm, scores in self.measured.scores.items()]
        if self.endpoint_texts is not None:
            rows += endpoint_rows(self.endpoint_texts, self.names, seed=self.config.seed, config_hash=self.config_hash)
        return tuple(rows)

    def effects(self) -> tuple[EffectRow, ...]:
        """Return the paired effects on test questions: every arm against base, and the steered one against controls."""
        held = [*self._against_base(), *self._of_random(), *self._against_controls(), *self._beyond_random()]
        return tuple(held)

    def histogram(self) -> tuple[HistogramRow, ...]:
        """Return how far test questions moved, for every test arm that is no single random direction."""
        base = self.measured.base[Split.TEST].truth.mc2
        rows = []
        for arm, scores in self._test_arms():
            counts = histogram(100 * (scores.truth.mc2 - base), EDGES_PP)
            for low, high, n in zip(EDGES_PP, EDGES_PP[1:], counts, strict=False):
                rows.append(HistogramRow(**self.names, arm=arm.name, low=low, high=high, n_questions=int(n)))
        return tuple(rows)

    def generations(self) -> tuple[GenerationRow, ...]:
        """Return the texts before and after, of every arm that wrote some, and the endpoint's."""
        before = self.measured.base[Split.TEST].texts or ()
        rows = [
            generation_row(self.names, arm.name, question, first, second)
            for arm, scores in self.measured.scores.items()
            if scores.texts is not None and arm.kind is not ArmKind.BASE
            for question, first, second in zip(self.sets.prompts, before, scores.texts, strict=True)
        ]
        if self.endpoint_texts is not None:
            texts = self.endpoint_texts
            rows += [
                generation_row(self.names, texts.name, question, first, second)
                for question, first, second in zip(texts.questions, texts.plain, texts.prompted, strict=True)
            ]
        return tuple(rows)

    def beyond_random(self, matching: Matching, metric: Metric) -> AgainstRandom | None:
        """Return the steered arm beside the random directions of a matching; None without any that matched."""
        held = self.measured.scores.items()
        random = [scores for arm, scores in held if (arm.kind, arm.matching) == (ArmKind.RANDOM, matching)]
        if not random:
            return None
        base, steered = self.measured.base[Split.TEST], self.measured.scores[self._named("steered")]
        values = values_of(base, metric)
        if values.size == 0:
            return None
        return against_random(
            values, values_of(steered, metric), np.stack([values_of(scores, metric) for scores in random]),
            rng=self._rng(), n_resamples=self.config.n_resamples,
        )  # fmt: skip

    def effect_of(self, arm: Arm, metric: Metric) -> Inference:
        """Return the effect of an arm against the base model."""
        base = self.measured.base[Split.TEST]
        found = paired_effect(
            values_of(base, metric), values_of(self.measured.scores[arm], metric),
            rng=self._rng(), n_resamples=self.config.n_resamples, is_binary=metric in COUNTED,
        )  # fmt: skip
        return found.inference

    def _named(self, name: str) -> Arm:
        return next(arm for arm in self.measured.scores if arm.name == name and arm.split is Split.TEST)

    def _test_arms(self) -> Iterator[tuple[Arm, Scores]]:
        for arm, scores in self.measured.scores.items():
            if arm.split is Split.TEST and arm.kind not in (ArmKind.RANDOM, ArmKind.BASE):
                yield arm, scores

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng([self.config.seed, EFFECTS])

    def _arm_row(self, arm: Arm, scores: Scores) -> ArmRow:
        base = self.measured.base[arm.split]
        truth, control, n = scores.truth, scores.capability, len(scores.truth.question_ids)
        mc1 = _wilson(truth.mc1)
        capability = _wilson(control.mc1) if control is not None else (None, None, None)
        mc2 = self._mean_interval(truth.mc2)
        moved = moves(base.truth.chosen, truth.chosen, base.truth.right, truth.right)
        term = arm.terms[0] if arm.terms else None
        written = [(a, b) for a, b in zip(base.texts or (), scores.texts or (), strict=False)]
        repeated = [value for value in scores.repetitions if value is not None]
        return ArmRow(
            **self.names,
            arm=arm.name,
            kind=arm.kind,
            matching=arm.matching,
            split=arm.split,
            layer=None if arm.vector is None else arm.vector.layer,
            strength=None if term is None else term.strength,
            strength_share=arm.share,
            replicate=arm.replicate,
            n_questions=n,
            mc1_pct=mc1[0],
            mc1_low=mc1[1],
            mc1_high=mc1[2],
            mc2_pct=mc2[0],
            mc2_low=mc2[1],
            mc2_high=mc2[2],
            n_capability=0 if control is None else len(control.question_ids),
            capability_pct=capability[0],
            capability_low=capability[1],
            capability_high=capability[2],
            n_tokens=scores.n_tokens,
            cross_entropy_nats=scores.cross_entropy,
            kl_nats=scores.kl,
            n_generations=len(scores.texts or ()),
            repetition_pct=100 * float(np.mean(repeated)) if repeated else None,
            generation_changed_pct=100 * float(np.mean([a != b for a, b in written])) if written else None,
            changed_pct=100 * moved.n_changed / n,
            corrected_pct=100 * moved.n_corrected / n,
            broken_pct=100 * moved.n_broken / n,
            seed=self.config.seed,
            config_hash=self.config_hash,
            caveats=_caveats(arm),
        )

    def _mean_interval(self, values: Array) -> tuple[float, float | None, float | None]:
        """Return mean, low and high in percent, from one set of resamples per number of questions."""
        n = values.size
        if n not in self._weights:
            rng = np.random.default_rng([self.config.seed, INTERVALS])
            self._weights[n] = row_weights(n, n_resamples=ARM_RESAMPLES, rng=rng) / n
        low, high, _ = percentile_interval(100 * self._weights[n] @ values)
        return 100 * float(values.mean()), low, high

    def _against_base(self) -> Iterator[EffectRow]:
        base = self.measured.base[Split.TEST]
        for arm, scores in self._test_arms():
            for metric in Metric:
                yield from self._paired(arm, scores, base, metric, against="base")

    def _against_controls(self) -> Iterator[EffectRow]:
        """Yield the steered arm against each named control, at the control's own matching."""
        steered = self._named("steered")
        at_prompt_kl = [arm for arm in self.measured.scores if arm.matching is Matching.PROMPT_KL]
        kinds = (ArmKind.NEGATIVE, ArmKind.SHUFFLED, ArmKind.LAYER, ArmKind.PROMPT, ArmKind.PAPER)
        for arm, scores in self._test_arms():
            if arm.kind in kinds:
                for metric in Metric:
                    yield from self._paired(steered, self.measured.scores[steered], scores, metric, against=arm.name)
        prompt = self._named("prompt only")
        for arm in at_prompt_kl:
            for metric in Metric:
                mine, theirs = self.measured.scores[arm], self.measured.scores[prompt]
                yield from self._paired(arm, mine, theirs, metric, against=prompt.name)

    def _paired(self, arm: Arm, mine: Scores, theirs: Scores, metric: Metric, *, against: str) -> Iterator[EffectRow]:
        after, before = values_of(mine, metric), values_of(theirs, metric)
        if before.size == 0:
            return
        found = paired_effect(
            before, after, rng=self._rng(), n_resamples=self.config.n_resamples, is_binary=metric in COUNTED
        )
        moved = None
        if metric in COUNTED:
            first, second = _answers_of(theirs, metric), _answers_of(mine, metric)
            moved = moves(first.chosen, second.chosen, before > 0, after > 0)
        is_loss = metric is Metric.CROSS_ENTROPY
        wrong, right = (found.right_way, found.wrong_way) if is_loss else (found.wrong_way, found.right_way)
        yield self._effect_row(
            arm,
            metric,
            found.inference,
            against=against,
            p_value=found.p_value,
            p_test="" if found.p_value is None else "McNemar, exact",
            n_changed=None if moved is None else moved.n_changed,
            n_corrected=None if moved is None else moved.n_corrected,
            n_broken=None if moved is None else moved.n_broken,
            moved_wrong_pct=100 * wrong,
            moved_right_pct=100 * right,
        )

    def _of_random(self) -> Iterator[EffectRow]:
        """Yield the mean effect of the random directions with their central 95 % range, by matching."""
        for matching in (Matching.NORM, Matching.KL):
            for metric in Metric:
                found = self.beyond_random(matching, metric)
                if found is None:
                    continue
                range_ = Inference(
                    value=found.mean,
                    low=found.low,
                    high=found.high,
                    n=found.n_random,
                    method=f"mean and central 95 % range of the effects of {found.n_random} random directions",
                )
                arm = _random_arm(matching)
                yield self._effect_row(arm, metric, range_, against="base", p_value=None, p_test="")

    def _beyond_random(self) -> Iterator[EffectRow]:
        steered = self._named("steered")
        for matching in (Matching.NORM, Matching.KL):
            for metric in Metric:
                found = self.beyond_random(matching, metric)
                if found is not None:
                    yield self._effect_row(
                        steered,
                        metric,
                        found.inference,
                        against=f"{RANDOM_NAME}, {matching}",
                        p_value=found.p_value,
                        p_test=f"rank among {found.n_random} random directions, two-sided, at least {found.floor:.3f}",
                    )

    def _effect_row(self, arm: Arm, metric: Metric, found: Inference, **columns: Any) -> EffectRow:
        unit = "nats" if metric is Metric.CROSS_ENTROPY else "pp"
        empty = dict.fromkeys(("n_changed", "n_corrected", "n_broken", "moved_wrong_pct", "moved_right_pct"))
        return EffectRow(
            **self.names,
            arm=arm.name,
            kind=arm.kind,
            matching=arm.matching,
            metric=metric,
            value=found.value,
            low=found.low,
            high=found.high,
            unit=unit,
            n=found.n,
            method=found.method,
            caveats="; ".join(found.caveats),
            **{**empty, **columns},
        )


def verdict(tables: Tables) -> tuple[str, str, float, int]:
    """Return (verdict, reason, smallest rank p, number of matched random directions) of MC2 at equal KL.

    Fewer than half of the random directions matched: too wide to say.
    """
    found = tables.beyond_random(Matching.KL, Metric.MC2)
    floor = 1 / (1 + tables.config.n_random)
    n_matched = 0 if found is None else found.n_random
    if found is None or 2 * n_matched < tables.config.n_random:
        reason = f"only {n_matched} of {tables.config.n_random} random directions could be brought to the same KL"
        return Verdict.UNDETERMINED, reason, floor, n_matched
    effect = tables.effect_of(tables._named("steered"), Metric.MC2)
    word, reason = verdict_of(effect, found.inference, found.p_value)
    return Verdict(word), reason, found.floor, n_matched


def values_of(scores: Scores, metric: Metric) -> Array:
    """Return the value of every question (pp), or of every text (nats), of a metric; empty where not measured."""
    if metric is Metric.CROSS_ENTROPY:
        return scores.loss_by_text
    if metric is Metric.CAPABILITY:
        return np.zeros(0) if scores.capability is None else 100 * scores.capability.mc1
    return 100 * getattr(scores.truth, SCORES[metric])


def _answers_of(scores: Scores, metric: Metric) -> Any:
    return scores.capability if metric is Metric.CAPABILITY else scores.truth


def _random_arm(matching: Matching) -> Arm:
    return Arm(name=f"{RANDOM_NAME}, {matching}", kind=ArmKind.RANDOM, matching=matching, split=Split.TEST)


def _wilson(hits: Array) -> tuple[float, float | None, float | None]:
    low, high = wilson_interval(float(hits.sum()), hits.size)
    return 100 * float(hits.mean()), None if low is None else 100 * low, None if high is None else 100 * high


def _caveats(arm: Arm) -> str:
    if arm.kind is ArmKind.PAPER:
        return "strength of each prompt by the paper's bands of its cosine with the direction; texts by their last word"
    if arm.kind is ArmKind.PROMPT:
        return "KL and cross-entropy with the instruction before every held-out text"
    return ""
