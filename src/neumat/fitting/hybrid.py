"""The fit of the hybrid form: only latents and decoder are trained, the explicit channels stay as they are.

As the march, the explicit channels at the hit and the march to the light depend on nothing that is trained, the
compiled shader computes them once for every sample, and torch sees only the learned layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from neumat.fitting.modules import LatentTexture, log_loss, perceptron, to_network, width_of
from neumat.fitting.samples import Samples
from neumat.fitting.schedule import Schedule, torch_threads
from neumat.materials.neural import HYBRID_INPUTS, Network
from neumat.materials.reference import clamped_wo
from neumat.shading.runtime_cpp import CompiledMaterial


@dataclass
class HybridBatch:
    """Samples with all that the shader knows of them, as tensors on one device."""

    index: torch.Tensor  # (n, 4)
    weight: torch.Tensor  # (n, 4)
    features: torch.Tensor  # (n, 16): the inputs behind the latents
    base: torch.Tensor  # (n, 3), pi·BRDF·cosine of the explicit channels
    fade: torch.Tensor  # (n, 1)
    target: torch.Tensor  # (n, 3)


class HybridFit(nn.Module):
    """Latent texture and decoder of a hybrid."""

    def __init__(
        self, size: tuple[int, int], hidden: tuple[int, ...], *, tileable: bool, seed: int, device: torch.device
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.latent = LatentTexture(size, tileable, generator)
        self.decoder = perceptron(width_of(HYBRID_INPUTS), hidden, 4, generator)
        last = self.decoder[-1]
        assert isinstance(last, torch.nn.Linear)
        with torch.no_grad():
            # Start as the PBR material: lit, with a small residual.
            last.bias.copy_(torch.tensor([2.0, -4.0, -4.0, -4.0]))
        self.device = device
        self.to(device)

    def prepare(self, shader: CompiledMaterial, samples: Samples, pixel: float) -> HybridBatch:
        """Run the shader over the samples and put everything on the device."""
        count = len(samples)
        known = shader.features(samples.uv, np.full(count, pixel, np.float32), samples.wo, samples.wi)
        wo = clamped_wo(samples.wo).astype(np.float32)
        half = samples.wi + wo
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        cos_d = np.sum(samples.wi * half, axis=1, keepdims=True)
        # In the order of HYBRID_INPUTS, behind the latents.
        features = np.concatenate(
            [samples.wi, wo, half, cos_d, known[:, 3:6], known[:, 9:11], known[:, 11:12]], axis=1
        )

        def tensor(array: npt.NDArray[np.float32]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)

        with torch.no_grad():
            index, weight = self.latent.taps(tensor(known[:, :2]))
        return HybridBatch(
            index=index,
            weight=weight,
            features=tensor(features),
            base=tensor(known[:, 6:9] * np.float32(np.pi)),
            fade=tensor(np.clip(samples.wi[:, 2:3] * 10.0, 0.0, 1.0)),
            target=tensor(samples.x),
        )

    def forward(self, batch: HybridBatch, rows: slice) -> torch.Tensor:
        """x = pi·f of the given rows: (n, 3)."""
        latent = self.latent.look_up(batch.index[rows], batch.weight[rows])
        y = self.decoder(torch.cat([latent, batch.features[rows]], dim=1))
        visibility = torch.sigmoid(y[:, :1])
        residual = nn.functional.softplus(y[:, 1:])
        return batch.base[rows] * visibility + residual * batch.fade[rows]

    def train_on(self, batch: HybridBatch, schedule: Schedule) -> None:
        """Take the schedule's steps on the batch."""
        with torch_threads(1):
            schedule.run(
                [(self.latent.parameters(), 1e-2), (self.decoder.parameters(), 3e-3)],
                count=len(batch.target),
                loss=lambda rows: log_loss(self(batch, rows), batch.target[rows]),
            )

    def network(self) -> Network:
        """The decoder as a material's network."""
        return to_network(self.decoder, HYBRID_INPUTS)
