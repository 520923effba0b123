# SPDX-License-Identifier: Apache-2.0
"""Train the residual policy: proximal policy optimisation (Schulman and others 2017) as
stable-baselines3 has it, then the actor written down as plain numbers.

`make learn` runs this in `.venv-learning`, an environment with a lock of its own: the demo, the
tests and CI never need it. The same seed on the same machine gives the same weights; another
processor's arithmetic may not, so what is committed is the weights and how they score.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from infold.research.learning.environment import DealerEnvironment
from infold.research.learning.evaluation import compare
from infold.research.learning.network import Layer, Weights, network
from infold.research.simulation.quotes import paper_world

HIDDEN: Final = (16, 16)
HORIZON_DAY: Final = 0.2
SCORED_PATHS: Final = 40


def train(steps: int, seed: int, say: Any = print) -> Weights:
    """Learn for so many steps; the actor's weights."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    torch.set_num_threads(1)
    environments = make_vec_env(
        lambda: DealerEnvironment(paper_world(HORIZON_DAY), paired=True), n_envs=4, seed=seed
    )
    model = PPO(
        "MlpPolicy",
        environments,
        learning_rate=3e-4,
        n_steps=1_024,
        batch_size=1_024,
        n_epochs=10,
        gamma=0.99,
        gae_lambda=0.95,
        ent_coef=0.0,
        policy_kwargs={
            "net_arch": {"pi": list(HIDDEN), "vf": [64, 64]},
            "log_std_init": -1.0,
        },
        seed=seed,
        device="cpu",
        verbose=0,
    )
    say(f"{steps:,} steps, seed {seed}")
    model.learn(total_timesteps=steps)
    return Weights(layers=layers_of(model), steps=steps, seed=seed)


def layers_of(model: Any) -> list[Layer]:
    """The actor's affine layers, first to last."""
    import torch

    actor = [*model.policy.mlp_extractor.policy_net, model.policy.action_net]
    return [
        Layer(weights=layer.weight.tolist(), biases=layer.bias.tolist())
        for layer in actor
        if isinstance(layer, torch.nn.Linear)
    ]


def main() -> None:
    """Train, score, and write the weights only if they do not lose to the closed form."""
    parser = argparse.ArgumentParser(description="Train the dealer's residual policy.")
    parser.add_argument("--steps", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("residual.json"))
    arguments = parser.parse_args()
    weights = train(arguments.steps, arguments.seed)
    found = compare(DealerEnvironment(), network(weights), range(SCORED_PATHS))
    print(f"score less the closed form's: {found.mean:.2f}, standard error {found.error:.2f}")
    if found.mean < -found.error:
        sys.exit("the learned policy loses to the closed form: nothing was written")
    arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=1) + b"\n")


if __name__ == "__main__":
    main()
