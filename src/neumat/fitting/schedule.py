"""The optimisation loop of both forms: Adam, cosine schedule, a budget in steps or seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from neumat.progress import Progress, silent


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run a block with `count` threads in torch: small networks lose more to waiting for threads than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class Schedule:
    """How long to train, and what was taken.

    Attributes:
        steps: most steps.
        seconds: most seconds, or None; the learning rate reaches its end either way.
        batch: rows a step.
        seed: of the order of batches.
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
        loss: Callable[[slice], torch.Tensor],
    ) -> None:
        """Minimise `loss(rows)` over batches of rows; groups are parameters and learning rates.

        Rows are independent draws, so a batch is a slice: gathering random rows would take a third of the time.
        The order of the batches is shuffled in every pass.
        """
        settings = [{"params": list(parameters), "lr": rate} for parameters, rate in groups]
        rates = [rate for _, rate in groups]
        optimiser = torch.optim.Adam(settings, betas=(0.9, 0.99), eps=1e-8, fused=True)
        generator = torch.Generator().manual_seed(self.seed)
        batches = max(count // self.batch, 1)
        order = list(range(batches))
        start = time.perf_counter()
        for step in range(self.steps):
            done = step / self.steps
            if self.seconds is not None:
                done = max(done, (time.perf_counter() - start) / self.seconds)
            if done >= 1.0:
                break
            factor = 0.5 * (1.0 + math.cos(math.pi * done)) * min(1.0, (done + 1e-3) / self.warmup) + 0.005
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            if step % batches == 0 and step > 0:
                order = torch.randperm(batches, generator=generator).tolist()
            first = order[step % batches] * self.batch
            rows = slice(first, min(first + self.batch, count))
            optimiser.zero_grad(set_to_none=True)
            value = loss(rows)
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            self.steps_taken += 1
            if step % 20 == 0:
                self.losses.append(float(value.detach()))
                self.progress("fit", done)
        self.progress("fit", 1.0)
