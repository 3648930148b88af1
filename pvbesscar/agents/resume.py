"""The state of a training between two updates: written so that whoever reads it goes on as if nothing had happened.

One zip file, moved in whole: `card.json` (what it belongs to), `weights.pt` (networks, optimisers, entropy
coefficient), `arrays.npz` (replay buffer, last observation, plants, random generators) and `rest.json` (counters).
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from pvbesscar.envs.plant_env import PlantEnv
from pvbesscar.envs.twin_vec_env import TwinVecEnv
from pvbesscar.store.files import atomic_path
from schemas.results import Result

Arrays = dict[str, NDArray[Any]]
BUFFER = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
COUNTERS = ("num_timesteps", "_n_updates", "_episode_num")


class ResumeCard(Result):
    """What the state of an unfinished training belongs to; with any other value the training starts over."""

    agent: str
    profile: str
    dataset_digest: str
    settings_digest: str
    code_digest: str
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Resumed:
    """What was read back beside the agent itself: the notes that `write_state` was given."""

    notes: dict[str, Any]


def write_state(model: BaseAlgorithm, path: Path, card: ResumeCard, notes: Mapping[str, Any]) -> None:
    """Write the state of an agent that stands between two updates.

    Parameters
    ----------
    notes
        Whatever else must come back, as JSON.
    """
    arrays, rest = _random_state(model)
    arrays |= _last_arrays(model) | _buffer_arrays(model)
    env = model.get_env()
    assert env is not None
    env_arrays, env_rest = _env_state(env)
    rest |= {name: getattr(model, name) for name in COUNTERS if hasattr(model, name)}
    rest |= {"notes": dict(notes), "env": env_rest, "episodes": list(model.ep_info_buffer or ())}
    everything: dict[str, Any] = arrays | {f"env_{name}": values for name, values in env_arrays.items()}
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("card.json", card.model_dump_json(indent=2))
        archive.writestr("rest.json", json.dumps(rest, default=float))
        with archive.open("weights.pt", "w", force_zip64=True) as stream:
            torch.save(_weights(model), stream)
        with archive.open("arrays.npz", "w", force_zip64=True) as stream:
            np.savez(stream, allow_pickle=False, **everything)


def read_state(model: BaseAlgorithm, path: Path, card: ResumeCard) -> Resumed | str:
    """Put a freshly made agent into a written state.

    Returns
    -------
    Resumed or str
        The notes, or why the state can not be used: none is there, it belongs to something else, or it is damaged.
        The agent is untouched then.
    """
    if not path.is_file():
        return "nothing to resume"
    try:
        with zipfile.ZipFile(path) as archive:
            if (damaged := archive.testzip()) is not None:
                return f"{path.name} is damaged ({damaged})"
            found = ResumeCard.model_validate_json(archive.read("card.json"))
            weights = torch.load(io.BytesIO(archive.read("weights.pt")), weights_only=True, map_location="cpu")
            rest = json.loads(archive.read("rest.json"))
            with np.load(io.BytesIO(archive.read("arrays.npz")), allow_pickle=False) as stored:
                arrays = dict(stored)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        return f"{path.name} can not be read ({error})"
    if found != card:
        theirs, ours = found.model_dump(), card.model_dump()
        return f"it is of another {' and '.join(name for name in ours if ours[name] != theirs[name])}"
    _restore(model, weights, arrays, rest)
    return Resumed(rest["notes"])


def _restore(model: BaseAlgorithm, weights: Any, arrays: Arrays, rest: dict[str, Any]) -> None:  # noqa: ANN401
    model.set_parameters(weights["parameters"], exact_match=True)
    for name, value in weights["variables"].items():
        with torch.no_grad():
            getattr(model, name).copy_(value)
    for name in COUNTERS:
        if name in rest:
            setattr(model, name, rest[name])
    model.ep_info_buffer = deque(rest["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    model._last_obs = arrays["last_obs"]
    model._last_episode_starts = arrays["last_episode_starts"]
    _fill_buffer(model, arrays)
    env = model.get_env()
    assert env is not None
    prefix = "env_"
    _restore_env(env, {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}, rest["env"])
    # Last: what comes before draws numbers.
    _restore_random(model, arrays, rest)


def _weights(model: BaseAlgorithm) -> dict[str, Any]:
    _, variables = model._get_torch_save_params()
    return {
        "parameters": model.get_parameters(),
        "variables": {name: getattr(model, name).detach() for name in variables},
    }


def _last_arrays(model: BaseAlgorithm) -> Arrays:
    assert isinstance(model._last_obs, np.ndarray)
    assert model._last_episode_starts is not None
    return {"last_obs": model._last_obs, "last_episode_starts": model._last_episode_starts}


def _buffer_arrays(model: BaseAlgorithm) -> Arrays:
    buffer = _buffer(model)
    if buffer is None:
        return {}
    filled = buffer.buffer_size if buffer.full else buffer.pos
    arrays: Arrays = {f"buffer_{name}": getattr(buffer, name)[:filled] for name in BUFFER}
    return arrays | {"buffer_pos": np.array(buffer.pos), "buffer_full": np.array(buffer.full)}


def _fill_buffer(model: BaseAlgorithm, arrays: Arrays) -> None:
    buffer = _buffer(model)
    if buffer is None:
        return
    for name in BUFFER:
        stored = arrays[f"buffer_{name}"]
        getattr(buffer, name)[: len(stored)] = stored
    buffer.pos, buffer.full = int(arrays["buffer_pos"]), bool(arrays["buffer_full"])


def _buffer(model: BaseAlgorithm) -> ReplayBuffer | None:
    # That of PPO and A2C is empty between two updates.
    return model.replay_buffer if isinstance(model, OffPolicyAlgorithm) else None


def _random_state(model: BaseAlgorithm) -> tuple[Arrays, dict[str, Any]]:
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    version, internal, gauss = random.getstate()
    arrays: Arrays = {
        "random_torch": torch.get_rng_state().numpy(),
        "random_numpy": np.asarray(keys),
        "random_python": np.array(internal, np.uint64),
    }
    return arrays, {
        "random_numpy": [str(name), int(position), int(has_gauss), float(cached)],
        "random_python": [version, gauss],
        "random_actions": model.action_space.np_random.bit_generator.state,
    }


def _restore_random(model: BaseAlgorithm, arrays: Arrays, rest: dict[str, Any]) -> None:
    name, position, has_gauss, cached = rest["random_numpy"]
    np.random.set_state((name, arrays["random_numpy"], position, has_gauss, cached))
    version, gauss = rest["random_python"]
    random.setstate((version, tuple(int(one) for one in arrays["random_python"]), gauss))
    torch.set_rng_state(torch.from_numpy(arrays["random_torch"]))
    model.action_space.np_random.bit_generator.state = rest["random_actions"]


def _env_state(env: VecEnv) -> tuple[Arrays, dict[str, Any]]:
    if isinstance(env, TwinVecEnv):
        return env.snapshot()
    return _plant_env(env).course()


def _restore_env(env: VecEnv, arrays: Arrays, rest: dict[str, Any]) -> None:
    if isinstance(env, TwinVecEnv):
        env.restore(arrays, rest)
        return
    assert isinstance(env, DummyVecEnv)
    # CityLearn can not be copied: its episode is run again, action by action, up to where it was.
    inner = env.envs[0]
    inner.reset(options={"start": rest["start"], "hours": rest["hours"]})
    for action in arrays["actions"]:
        inner.step(action)
    _plant_env(env).np_random.bit_generator.state = rest["generator"]


def _plant_env(env: VecEnv) -> PlantEnv:
    assert isinstance(env, DummyVecEnv)
    inner = env.envs[0].unwrapped
    assert isinstance(inner, PlantEnv)
    return inner
