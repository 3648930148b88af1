"""Several actors as one that acts as their mean: an ensemble that is an ordinary model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pvbesscar.agents.policies.plant_view import Actor


def averaged(actors: Sequence[Actor]) -> Actor:
    """Actor whose import target, before it is cut at zero, and what whose sockets are asked for are the actors' means.

    Parameters
    ----------
    actors
        Of one shape; the networks stand beside each other in wider layers, and do not see each other.
    """
    first, count = actors[0], len(actors)
    units = 0 if first.socket is None else _linears(first.socket)[0].out_features
    mean = Actor(first.view, [count * layer.out_features for layer in _linears(first.target)[:-1]], count * units)
    with torch.no_grad():
        _beside(mean.target, [actor.target for actor in actors])
        if mean.socket is not None:
            _beside(mean.socket, [actor.socket for actor in actors if actor.socket is not None], shared=2)
    return mean


def _beside(mean: nn.Module, parts: Sequence[nn.Module], shared: int = 1) -> None:
    """Fill linear layers with those of the parts: the first `shared` see the same inputs, the last takes the mean."""
    wide, narrow = _linears(mean), [_linears(part) for part in parts]
    for number, layer in enumerate(wide):
        weights: list[Tensor] = [part[number].weight for part in narrow]
        biases: list[Tensor] = [part[number].bias for part in narrow]
        if number == len(wide) - 1:
            layer.weight.copy_(torch.cat(weights, dim=1) / len(parts))
            layer.bias.copy_(torch.stack(biases).mean(0))
            continue
        layer.bias.copy_(torch.cat(biases))
        if number < shared:
            layer.weight.copy_(torch.cat(weights))
            continue
        layer.weight.zero_()
        rows, columns = weights[0].shape
        for place, weight in enumerate(weights):
            layer.weight[place * rows : (place + 1) * rows, place * columns : (place + 1) * columns] = weight


def _linears(module: nn.Module) -> list[nn.Linear]:
    return [layer for layer in module.children() if isinstance(layer, nn.Linear)]
