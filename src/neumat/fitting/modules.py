"""The trainable parts of both forms in torch: latent textures and small networks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from neumat.errors import DeviceError
from neumat.materials.neural import FEATURES, LATENT_CHANNELS, LEAKY_SLOPE, Layer, Network

Array = npt.NDArray[np.float32]


def perceptron(inputs: int, hidden: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Sequential:
    """Dense layers with leaky ReLU between them, He-initialised, the last one small."""
    widths = (inputs, *hidden, outputs)
    layers: list[nn.Module] = []
    for index, (a, b) in enumerate(pairwise(widths)):
        last = index == len(widths) - 2
        layer = nn.Linear(a, b)
        gain = 0.1 if last else 2.0**0.5
        with torch.no_grad():
            layer.weight.copy_(torch.randn(b, a, generator=generator) * gain / a**0.5)
            layer.bias.zero_()
        layers.append(layer)
        if not last:
            layers.append(nn.LeakyReLU(LEAKY_SLOPE))
    return nn.Sequential(*layers)


def to_network(module: nn.Sequential, inputs: tuple[str, ...]) -> Network:
    """Copy a trained perceptron into a material's network."""
    layers = [layer for layer in module if isinstance(layer, nn.Linear)]
    return Network(
        inputs,
        tuple(
            Layer(layer.weight.detach().cpu().float().numpy(), layer.bias.detach().cpu().float().numpy())
            for layer in layers
        ),
        "leaky_relu",
    )


def width_of(inputs: tuple[str, ...]) -> int:
    """Number of values of the named network inputs."""
    return sum(FEATURES[name] for name in inputs)


class LatentTexture(nn.Module):
    """A texture (h, w, 12) with bilinear look-up, the texels' gradient scattered by one fused kernel."""

    def __init__(self, size: tuple[int, int], tileable: bool, generator: torch.Generator) -> None:
        super().__init__()
        self.width, self.height = size
        self.tileable = tileable
        texels = torch.randn(self.width * self.height, LATENT_CHANNELS, generator=generator) * 0.05
        self.texels = nn.Parameter(texels)

    def taps(self, uv: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Texel indices (n, 4) int64 and bilinear weights (n, 4) of uv (n, 2); the weights carry uv's gradient."""
        p = uv - torch.floor(uv) if self.tileable else uv.clamp(0.0, 1.0)
        x = p[:, 0] * self.width - 0.5
        y = p[:, 1] * self.height - 0.5
        x0, y0 = torch.floor(x).detach(), torch.floor(y).detach()
        fx, fy = x - x0, y - y0
        ix, iy = x0.long(), y0.long()

        def column(i: torch.Tensor, n: int) -> torch.Tensor:
            return i % n if self.tileable else i.clamp(0, n - 1)

        left, right = column(ix, self.width), column(ix + 1, self.width)
        top, bottom = column(iy, self.height) * self.width, column(iy + 1, self.height) * self.width
        index = torch.stack([top + left, top + right, bottom + left, bottom + right], dim=1)
        weight = torch.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], dim=1)
        return index, weight

    def look_up(self, index: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Bilinear sum (n, 12) of `taps`."""
        return nn.functional.embedding_bag(index, self.texels, per_sample_weights=weight, mode="sum")

    def forward(self, uv: torch.Tensor) -> torch.Tensor:
        """Look up uv (n, 2): (n, 12)."""
        return self.look_up(*self.taps(uv))

    def to_array(self) -> npt.NDArray[np.float16]:
        """The texture (h, w, 12), float16."""
        values = self.texels.detach().cpu().float().numpy()
        return values.reshape(self.height, self.width, LATENT_CHANNELS).astype(np.float16)


def log_loss(x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of log(1 + 20x), x = pi·f."""
    difference = torch.log1p(20.0 * x) - torch.log1p(20.0 * target)
    return (difference * difference).mean()


def device_for(told: str) -> torch.device:
    """``cpu``, ``cuda``, or ``auto``: CUDA where there is one.

    Raises:
        DeviceError: CUDA is told, and there is none.
    """
    if told == "auto":
        told = "cuda" if torch.cuda.is_available() else "cpu"
    if told == "cuda" and not torch.cuda.is_available():
        raise DeviceError("device cuda: torch finds no CUDA device here; use cpu or auto")
    return torch.device(told)
