"""What a trained actor does, compiled: the deterministic actions that agents are judged by and served with.

In double precision and one observation after another, so that a year alone, years together and a request to the
service give the same bits, on every processor. Learning has its own way, in single precision and in batches of torch
(`plant_view.Actor`); a test holds the two to each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pvbesscar.agents.policies.plant_view import OF_CONTEXT, Actor, Numbers, read
from pvbesscar.arithmetic.functions import compiled, tanh
from pvbesscar.plant.observation import PRESENCE

Array = NDArray[np.float64]


class Layers(NamedTuple):
    """Linear layers one after another, with a hyperbolic tangent between them.

    Attributes
    ----------
    weights
        Of each layer, shape (inputs, outputs).
    biases
        Of each layer, shape (outputs,).
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]


class SocketLayers(NamedTuple):
    """The network that all sockets share: hidden = tanh(context @ shared + own inputs @ own + bias).

    Attributes
    ----------
    shared, own, bias
        Shapes (`OF_CONTEXT`, H), (3, H) and (H,).
    last, last_bias
        Shapes (H,) and (1,).
    """

    shared: Array
    own: Array
    bias: Array
    last: Array
    last_bias: Array


@compiled
def _linear(x: Array, weights: Array, bias: Array) -> Array:
    result = bias.copy()
    for i in range(x.size):
        if x[i] != 0.0:  # of the hours of the day all but one
            for j in range(result.size):
                result[j] += x[i] * weights[i, j]
    return result


@compiled
def _target(context: Array, target: Layers) -> float:
    """Import target in its unit, not cut."""
    x = context
    for layer in range(len(target.weights)):
        if layer > 0:
            for j in range(x.size):
                x[j] = tanh(x[j])
        x = _linear(x, target.weights[layer], target.biases[layer])
    return float(x[0])


@compiled
def _asked(n: Numbers, o: NDArray[np.float32], context: Array, full: Array, least: Array, own: SocketLayers) -> Array:
    """What each socket is asked for, as a share of its power, cut to [0, 1]."""
    asked = np.ones(full.size)
    if own.last.size == 0:
        return asked
    shared = _linear(context, own.shared, own.bias)
    for k in range(full.size):
        presence, urgency = float(o[PRESENCE + k]), float(o[PRESENCE + full.size + k])
        waits = (full[k] - least[k]) / n.socket_kw
        total = own.last_bias[0]
        for j in range(shared.size):
            inputs = shared[j] + presence * own.own[0, j] + urgency * own.own[1, j] + waits * own.own[2, j]
            total += own.last[j] * tanh(inputs)
        asked[k] = min(max(total, 0.0), 1.0)
    return asked


@compiled
def act(
    n: Numbers,
    target: Layers,
    own: SocketLayers,
    observations: NDArray[np.float32],
    actions: NDArray[np.float32],
) -> None:
    """Deterministic actions for observations, shape (B, 394), into `actions`, shape (B, 1 + K), in [0, 1]."""
    sockets = actions.shape[1] - 1
    context, full, least = np.empty(OF_CONTEXT), np.empty(sockets), np.empty(sockets)
    for row in range(observations.shape[0]):
        o = observations[row]
        load = read(n, o, context, full, least)
        asked = _asked(n, o, context, full, least, own)
        power = 0.0
        for k in range(sockets):
            power += max(min(asked[k] * n.socket_kw, full[k]), least[k])
            actions[row, 1 + k] = asked[k]
        target_kw = max(_target(context, target) * n.target_kw, 0.0)
        discharge = (load + power - target_kw) / n.bess_kw
        if n.bidirectional:
            discharge = (discharge + 1.0) / 2.0
        actions[row, 0] = min(max(discharge, 0.0), 1.0)


class CompiledActor:
    """An actor as it acts when nothing is learned any more.

    Parameters
    ----------
    actor
        Its weights are copied.
    """

    def __init__(self, actor: Actor) -> None:
        self._numbers = actor.view.plant
        weights, biases = zip(*(_arrays(layer) for layer in actor.target if isinstance(layer, nn.Linear)), strict=True)
        self._target = Layers(weights, biases)
        none = np.empty(0)
        self._own = SocketLayers(np.empty((0, 0)), np.empty((0, 0)), none, none, none)
        if actor.socket is not None:
            (first, own, last), (of_first, of_own, bias) = zip(*map(_arrays, actor.socket), strict=True)
            self._own = SocketLayers(first, own, of_first + of_own, last[:, 0].copy(), bias)
        self._sockets = actor.view.sockets

    def predict(self, observation: Any, *, deterministic: bool = False) -> tuple[NDArray[np.float32], None]:  # noqa: ANN401
        """Actions for an observation, shape (394,), or for several, shape (B, 394)."""
        assert deterministic
        rows = np.atleast_2d(np.ascontiguousarray(observation, np.float32))
        actions = np.empty((len(rows), 1 + self._sockets), np.float32)
        act(self._numbers, self._target, self._own, rows, actions)
        return (actions if observation.ndim > 1 else actions[0]), None


def _arrays(layer: nn.Module) -> tuple[Array, Array]:
    """Weights, shape (inputs, outputs), and biases of a linear layer."""
    assert isinstance(layer, nn.Linear)
    weights, bias = (part.detach().cpu().numpy().astype(np.float64) for part in (layer.weight.T, layer.bias))
    return np.ascontiguousarray(weights), bias
