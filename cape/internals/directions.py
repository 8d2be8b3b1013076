"""Directions in the residual stream: truth from contrasted statements, and the controls that it must beat.

A direction is mean(true) - mean(false) of the last word's hidden states at one layer, scaled to norm 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cape.errors import BadParameterError, SteeringVectorError
from cape.internals.hidden_states import last_states
from cape.internals.models import LoadedModel, adapt
from cape.internals.steering_sets import Pair, pairs_hash

PAPER_PAIRS = 8  # statements of each kind in the paper's tool
DEPTH = 4  # the default layer is n_layers // DEPTH
SMALLEST_NORM = 1e-12  # of a difference of means that still has a direction

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringVector:
    """A direction at the output of one decoder layer of one model.

    direction : (d_model,) float32; of norm 1 after `train`, not after sums. norm : of the difference of means before
    scaling. data_hash : of the statements it was trained on.
    """

    direction: NDArray[np.float32] = field(repr=False)
    layer: int
    model_id: str
    revision: str
    data_hash: str
    norm: float = 1.0

    @staticmethod
    def train(
        model: Any, tokenizer: Any = None, pairs: Sequence[Pair] = (), *, layer: int | None = None
    ) -> SteeringVector:
        """Return the unit direction from false to true statements at the output of a layer.

        model : a LoadedModel, or a transformers model with its tokenizer. layer : n_layers // 4 by default.
        Raises BadParameterError without pairs or for a layer that is not there, SteeringVectorError where the means
        are equal.
        """
        loaded = as_loaded(model, tokenizer)
        place = check_layer(loaded, default_layer(loaded) if layer is None else layer)
        states, is_true = statement_states(loaded, pairs)
        return vector_from_states(states[:, place], is_true, layer=place, like=loaded, data_hash=pairs_hash(pairs))

    @property
    def d_model(self) -> int:
        """Width of the direction."""
        return int(self.direction.size)

    @property
    def checksum(self) -> str:
        """SHA-256 of the direction's numbers."""
        return hashlib.sha256(np.ascontiguousarray(self.direction, dtype="<f4").tobytes()).hexdigest()

    def apply(self, model: Any, strength: float = 1.0, *, schedule: Any = None) -> AbstractContextManager[Any]:
        """Return a context in which strength times the direction is added to the layer's output.

        model : a LoadedModel or a transformers model. schedule : see `cape.internals.steering.Schedule`.
        Raises SteeringVectorError where the model does not fit.
        """
        from cape.internals.steering import Schedule, Term, steer

        return steer(as_loaded(model), [Term(vector=self, strength=strength, schedule=schedule or Schedule())])

    def cosine(self, states: Array) -> Array:
        """Return the cosine of each state with the direction, (n,). states : (n, d_model)."""
        norms = np.linalg.norm(states, axis=-1) * np.linalg.norm(self.direction)
        return states @ self.direction.astype(np.float64) / np.maximum(norms, SMALLEST_NORM)

    def unit(self) -> SteeringVector:
        """Return the direction scaled to norm 1; raise SteeringVectorError for one without a direction."""
        norm = float(np.linalg.norm(self.direction))
        if norm < SMALLEST_NORM:
            raise SteeringVectorError("A vector of zeros has no direction to scale. Add other vectors.")
        return replace(self, direction=(self.direction / np.float32(norm)).astype(np.float32))

    def __add__(self, other: SteeringVector) -> SteeringVector:
        self._check_like(other)
        both = f"({self.data_hash}+{other.data_hash})"
        return replace(self, direction=self.direction + other.direction, data_hash=both)

    def __sub__(self, other: SteeringVector) -> SteeringVector:
        return self + (-other)

    def __mul__(self, factor: float) -> SteeringVector:
        if not np.isfinite(factor):
            raise BadParameterError(f"A vector can be scaled by a finite number only, got {factor}.")
        return replace(
            self, direction=(self.direction * np.float32(factor)), data_hash=f"{float(factor):g}*{self.data_hash}"
        )

    __rmul__ = __mul__

    def __neg__(self) -> SteeringVector:
        return replace(self, direction=-self.direction, data_hash=f"-{self.data_hash}")

    def save(self, file: Path) -> Path:
        """Write the vector as safetensors; see `cape.internals.vector_files`."""
        from cape.internals.vector_files import save_vector

        return save_vector(self, file)

    @staticmethod
    def load(file: Path, model: LoadedModel | None = None) -> SteeringVector:
        """Read a vector, checked against its checksum and the model; see `cape.internals.vector_files`."""
        from cape.internals.vector_files import load_vector

        return load_vector(file, model)

    def _check_like(self, other: SteeringVector) -> None:
        mine = (self.model_id, self.revision, self.layer, self.d_model)
        theirs = (other.model_id, other.revision, other.layer, other.d_model)
        if mine != theirs:
            raise SteeringVectorError(
                f"Vectors of model, revision, layer, width {mine} and {theirs} cannot be added. "
                "Apply both at once with `steer` instead."
            )


def as_loaded(model: Any, tokenizer: Any = None) -> LoadedModel:
    """Return a LoadedModel as it is, and any other model adapted under the name in its configuration."""
    if isinstance(model, LoadedModel):
        return model
    name = str(getattr(model.config, "_name_or_path", "") or type(model).__name__)
    return adapt(model, tokenizer, model_id=name)


def default_layer(loaded: LoadedModel) -> int:
    """Return the quarter-depth layer."""
    return loaded.n_layers // DEPTH


def check_layer(loaded: LoadedModel, layer: int) -> int:
    """Return a layer's number; raise BadParameterError where the model has no such layer."""
    if not 0 <= layer < loaded.n_layers:
        raise BadParameterError(f"{loaded.model_id} has layers 0 to {loaded.n_layers - 1}, not {layer}.")
    return layer


def check_fits(vector: SteeringVector, loaded: LoadedModel) -> None:
    """Raise SteeringVectorError unless a vector is of this model: width, layer, identity and revision."""
    if vector.d_model != loaded.d_model or not 0 <= vector.layer < loaded.n_layers:
        raise SteeringVectorError(
            f"A vector of width {vector.d_model} at layer {vector.layer} does not fit {loaded.model_id}, which has "
            f"width {loaded.d_model} and {loaded.n_layers} layers. Train one on this model."
        )
    if (vector.model_id, vector.revision) != (loaded.model_id, loaded.revision):
        raise SteeringVectorError(
            f"The vector is of {vector.model_id} at revision {vector.revision or 'none'}, the model is "
            f"{loaded.model_id} at {loaded.revision or 'none'}. Train a vector on this model."
        )


def statement_states(loaded: LoadedModel, pairs: Sequence[Pair]) -> tuple[Array, NDArray[np.bool_]]:
    """Return (states, is_true) of calibration statements: (2 n_pairs, n_layers, d_model) and (2 n_pairs,)."""
    if not pairs:
        raise BadParameterError("A truth direction needs at least 1 pair of a true and a false statement, got 0.")
    texts = [text for pair in pairs for text in (pair.true, pair.false)]
    return last_states(loaded, texts), np.tile([True, False], len(pairs))


def mean_difference(states: Array, is_true: NDArray[np.bool_]) -> Array:
    """Return mean(true) - mean(false), (d_model,). states : (n, d_model)."""
    return states[is_true].mean(axis=0) - states[~is_true].mean(axis=0)


def vector_from_states(
    states: Array, is_true: NDArray[np.bool_], *, layer: int, like: LoadedModel, data_hash: str
) -> SteeringVector:
    """Return the unit direction of labelled states of one layer; raise SteeringVectorError where the means agree."""
    difference = mean_difference(states, is_true)
    norm = float(np.linalg.norm(difference))
    if norm < SMALLEST_NORM:
        raise SteeringVectorError(
            f"True and false statements have the same mean at layer {layer} of {like.model_id}; there is no direction. "
            "Use statements that differ, or another layer."
        )
    return SteeringVector(
        direction=(difference / norm).astype(np.float32),
        layer=layer,
        model_id=like.model_id,
        revision=like.revision,
        data_hash=data_hash,
        norm=norm,
    )


def random_vector(vector: SteeringVector, rng: np.random.Generator) -> SteeringVector:
    """Return a direction drawn evenly from the sphere, with the norm of a vector and at its layer."""
    drawn = rng.standard_normal(vector.d_model)
    scale = np.linalg.norm(vector.direction) / np.linalg.norm(drawn)
    return replace(vector, direction=(drawn * scale).astype(np.float32), data_hash="random")


def shuffled_labels(is_true: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return labels with true and false exchanged in a random half of the pairs, so that half of each kind is right."""
    n_pairs = is_true.size // 2
    flipped = np.zeros(n_pairs, dtype=bool)
    flipped[rng.permutation(n_pairs)[: n_pairs // 2]] = True
    return is_true ^ np.repeat(flipped, 2)


def split_half_cosine(
    states: Array, is_true: NDArray[np.bool_], *, n_splits: int, rng: np.random.Generator
) -> float | None:
    """Return the mean cosine of the directions of two halves of the pairs; None with fewer than 2 pairs.

    states : (2 n_pairs, d_model), true and false of a pair side by side.
    """
    n_pairs = is_true.size // 2
    if n_pairs < 2:
        return None
    change = np.where(is_true, 1.0, -1.0)[:, None] * states
    by_pair = change.reshape(n_pairs, 2, -1).sum(axis=1)  # true minus false of each pair
    order = rng.random((n_splits, n_pairs)).argsort(axis=1)
    first = (order < n_pairs // 2).astype(np.float64)
    halves = first @ by_pair, (1 - first) @ by_pair
    norms = np.linalg.norm(halves[0], axis=1) * np.linalg.norm(halves[1], axis=1)
    return float(((halves[0] * halves[1]).sum(axis=1) / np.maximum(norms, SMALLEST_NORM)).mean())
