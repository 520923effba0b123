# SPDX-License-Identifier: Apache-2.0
"""A learned policy as plain numbers: a small network that runs without its learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One affine layer: `weights` (out, in), `biases` (out,)."""

    weights: list[list[float]]
    biases: list[float]


class Weights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What training wrote: the layers, and where they come from."""

    layers: list[Layer]
    steps: int
    seed: int


@dataclass(frozen=True, slots=True)
class Network:
    """tanh between the layers, none after the last, the answer cut to [-1, 1]."""

    layers: tuple[tuple[Floats, Floats], ...]

    def __call__(self, observed: Sequence[float] | NDArray[np.floating[Any]]) -> Floats:
        """The action for an observation."""
        values: Floats = np.asarray(observed, dtype=np.float64)
        for place, (weights, biases) in enumerate(self.layers):
            values = weights @ values + biases
            if place < len(self.layers) - 1:
                values = np.tanh(values)
        return np.clip(values, -1.0, 1.0)


def network(weights: Weights) -> Network:
    """The network of some weights. `ValueError` if layers do not fit or numbers fail."""
    layers = []
    width: int | None = None
    for place, layer in enumerate(weights.layers):
        matrix = np.array(layer.weights, dtype=np.float64)
        biases = np.array(layer.biases, dtype=np.float64)
        if (
            matrix.ndim != 2
            or biases.shape != (matrix.shape[0],)
            or width not in (None, matrix.shape[1])
            or not (np.isfinite(matrix).all() and np.isfinite(biases).all())
        ):
            raise ValueError(f"layer {place} of the weights does not fit, or is not numbers")
        width = matrix.shape[0]
        layers.append((matrix, biases))
    if not layers:
        raise ValueError("a network has at least one layer")
    return Network(tuple(layers))


def load() -> Network:
    """The residual policy this package carries, as training left it."""
    raw = files("infold.research.learning").joinpath("residual.json").read_bytes()
    return network(msgspec.json.decode(raw, type=Weights))
