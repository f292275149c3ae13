"""The optimisation loop of both forms: Adam, cosine schedule, a budget in steps or seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import nn

from neumat.progress import Progress, silent


@dataclass
class Schedule:
    """How long to train, and what was taken.

    Attributes:
        steps: most steps.
        seconds: most seconds, or None; the learning rate reaches its end either way.
        batch: rows a step.
        seed: of the order of rows.
        progress: called while it runs.
        warmup: share of the steps over which the learning rate rises.
    """

    steps: int
    seconds: float | None = None
    batch: int = 2048
    seed: int = 0
    progress: Progress = silent
    warmup: float = 0.02
    losses: list[float] = field(default_factory=list)
    steps_taken: int = 0

    def run(
        self,
        groups: list[tuple[Iterable[nn.Parameter], float]],
        *,
        count: int,
        device: torch.device,
        loss: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        """Minimise `loss(rows)` over batches of rows of 0 … count − 1; groups are parameters and learning rates."""
        settings = [{"params": list(parameters), "lr": rate} for parameters, rate in groups]
        rates = [rate for _, rate in groups]
        optimiser = torch.optim.Adam(settings, betas=(0.9, 0.99), eps=1e-8, fused=True)
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(count, generator=generator)
        at, start = 0, time.perf_counter()
        for step in range(self.steps):
            done = step / self.steps
            if self.seconds is not None:
                done = max(done, (time.perf_counter() - start) / self.seconds)
            if done >= 1.0:
                break
            factor = 0.5 * (1.0 + math.cos(math.pi * done)) * min(1.0, (done + 1e-3) / self.warmup) + 0.005
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            if at + self.batch > count:
                order = torch.randperm(count, generator=generator)
                at = 0
            rows = order[at : at + self.batch].to(device)
            at += self.batch
            optimiser.zero_grad(set_to_none=True)
            value = loss(rows)
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            self.steps_taken += 1
            if step % 20 == 0:
                self.losses.append(float(value.detach()))
                self.progress("fit", done)
        self.progress("fit", 1.0)
