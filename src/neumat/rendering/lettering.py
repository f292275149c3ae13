"""A small bitmap font of our own, so that labels need no font file."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

GLYPH_HEIGHT, GLYPH_WIDTH = 7, 5

# Seven rows per glyph, top to bottom; each digit pair is a row of five pixels in binary, left pixel highest.
_ROWS = {
    "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0e11101010110e", "D": "1e11111111111e", "E": "1f10101e10101f",
    "F": "1f10101e101010", "G": "0e11101711110f", "H": "1111111f111111", "I": "0e04040404040e", "J": "0702020202120c",
    "K": "11121418141211", "L": "1010101010101f", "M": "111b1515111111", "N": "11191915131311", "O": "0e11111111110e",
    "P": "1e11111e101010", "Q": "0e11111115120d", "R": "1e11111e141211", "S": "0f10100e01011e", "T": "1f040404040404",
    "U": "1111111111110e", "V": "11111111110a04", "W": "11111115151b11", "X": "11110a040a1111", "Y": "11110a04040404",
    "Z": "1f01020408101f", "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204040404", "8": "0e11110e11110e",
    "9": "0e11110f01020c", ".": "00000000000c0c", ",": "000000000c0408", ":": "000c0c000c0c00", "-": "0000001f000000",
    "+": "0004041f040400", "/": "00010204081000", "(": "02040808080402", ")": "08040202020408", "%": "18190204081303",
    "_": "0000000000001f", "=": "00001f001f0000", "×": "00110a040a1100", "|": "04040404040404",
}  # fmt: skip


@cache
def _glyph(character: str) -> npt.NDArray[np.bool_]:
    rows = bytes.fromhex(_ROWS.get(character, "00" * GLYPH_HEIGHT))
    return np.array([[row >> (GLYPH_WIDTH - 1 - x) & 1 for x in range(GLYPH_WIDTH)] for row in rows], bool)


def text_mask(text: str, scale: int = 1) -> npt.NDArray[np.bool_]:
    """Draw one line of text; small letters become capitals, unknown characters blanks.

    Returns:
        (7·scale, 6·scale·len(text)) bool, true where there is ink.
    """
    cells = [np.pad(_glyph(character.upper()), ((0, 0), (0, 1))) for character in text]
    line = np.concatenate(cells, axis=1) if cells else np.zeros((GLYPH_HEIGHT, 0), bool)
    return line.repeat(scale, axis=0).repeat(scale, axis=1)


def draw_label(image: npt.NDArray[np.uint8], text: str, *, left: int, top: int, scale: int = 1) -> None:
    """Write white text on a darkened strip into an 8-bit picture (H, W, 3), in place; what sticks out is cut off."""
    ink = text_mask(text, scale)
    border = 2 * scale
    strip = image[max(top, 0) : top + ink.shape[0] + 2 * border, max(left, 0) : left + ink.shape[1] + 2 * border]
    strip //= 3
    inner = image[top + border :, left + border :][: ink.shape[0], : ink.shape[1]]
    inner[ink[: inner.shape[0], : inner.shape[1]]] = 255
