"""The fit of the neumip form (VideoNeuMat section 4.1): two latent textures and two networks, trained together.

Two things that direct optimisation alone gets wrong are helped along where the surface is known: the offset is
supervised with true hits, and the reflectance latents start from the maps, which keeps the hues.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from neumat.fitting.modules import LatentTexture, log_loss, perceptron, to_network, width_of
from neumat.fitting.samples import Samples
from neumat.fitting.schedule import Schedule, torch_threads
from neumat.materials.neural import NEUMIP_OFFSET_INPUTS, NEUMIP_RGB_INPUTS, Network
from neumat.materials.reference import clamped_wo

Array = npt.NDArray[np.float32]
#: Weight of the squared error of Δu, measured in pixels.
OFFSET_WEIGHT = 0.02
#: Neurons in a layer from which on more threads pay.
WIDE = 64


class NeumipFit(nn.Module):
    """Latent textures and networks of a neumip material."""

    def __init__(
        self,
        size: tuple[int, int],
        hidden: tuple[int, ...],
        *,
        offset_range: float,
        tileable: bool,
        seed: int,
        device: torch.device,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.offset_latent = LatentTexture(size, tileable, generator)
        self.rgb_latent = LatentTexture(size, tileable, generator)
        self.offset = perceptron(width_of(NEUMIP_OFFSET_INPUTS), hidden, 2, generator)
        self.rgb = perceptron(width_of(NEUMIP_RGB_INPUTS), hidden, 3, generator)
        self.width = hidden[0]
        self.offset_range = offset_range
        self.tileable = tileable
        self.device = device
        self.to(device)

    def start_from(self, maps: Array, height: Array) -> None:
        """Put maps (h, w, up to 12) in front of the reflectance latents and height (h, w) into the offset's."""
        with torch.no_grad():
            channels = maps.shape[2]
            values = torch.from_numpy(np.ascontiguousarray(maps.reshape(-1, channels), np.float32))
            self.rgb_latent.texels[:, :channels] = values.to(self.device)
            z = torch.from_numpy(np.ascontiguousarray(height.reshape(-1), np.float32)).to(self.device)
            self.offset_latent.texels[:, 0] = z

    def delta(self, uv: torch.Tensor, wo: torch.Tensor) -> torch.Tensor:
        """Δu (n, 2) of equation 3."""
        latent = self.offset_latent(uv)
        return torch.tanh(self.offset(torch.cat([latent, wo], dim=1))) * self.offset_range

    def reflectance(self, uv: torch.Tensor, wi: torch.Tensor, wo: torch.Tensor, fade: torch.Tensor) -> torch.Tensor:
        """x = pi·f (n, 3) of equation 4 at uv + Δu."""
        latent = self.rgb_latent(uv)
        return nn.functional.softplus(self.rgb(torch.cat([latent, wi, wo], dim=1))) * fade

    def train_on(self, samples: Samples, true_delta: Array | None, pixel: float, schedule: Schedule) -> None:
        """Train on samples; `true_delta` (n, 2) in uv supervises the offset where the surface is known."""

        def tensor(array: Array) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)

        clamped = clamped_wo(samples.wo).astype(np.float32)
        uv, wo, wi, target = tensor(samples.uv), tensor(clamped), tensor(samples.wi), tensor(samples.x)
        fade = (wi[:, 2:3] * 10.0).clamp(0.0, 1.0)
        known = None if true_delta is None else tensor(true_delta)

        def loss(rows: slice) -> torch.Tensor:
            here, view = uv[rows], wo[rows]
            delta = self.delta(here, view)
            value = log_loss(self.reflectance(here + delta, wi[rows], view, fade[rows]), target[rows])
            if known is not None:
                error = (delta - known[rows]) / pixel
                # Silhouettes jump: a robust loss lets them lie between.
                value = value + OFFSET_WEIGHT * torch.log1p(error * error).mean()
            return value

        networks = [*self.offset.parameters(), *self.rgb.parameters()]
        latents = [*self.offset_latent.parameters(), *self.rgb_latent.parameters()]
        # Two threads help wide networks a little, and narrow ones not at all.
        with torch_threads(torch.get_num_threads() if self.width >= WIDE else 1):
            schedule.run([(latents, 1e-2), (networks, 2e-3)], count=len(samples), loss=loss)

    def export_networks(self) -> dict[str, Network]:
        """The networks by name."""
        return {
            "offset": to_network(self.offset, NEUMIP_OFFSET_INPUTS),
            "rgb": to_network(self.rgb, NEUMIP_RGB_INPUTS),
        }
