"""Colours can be told apart by every reader; paths are written in few letters and go the same way."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from acdc_custom.figures.theme import Theme, _short_path

# Machado, Oliveira and Fernandes (2009), severity 1: what protan, deutan and tritan eyes see, in linear RGB.
EYES = {
    "all three cones": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TOLD_APART = 14.0  # CIE76 colour difference; about 2 can be noticed


def seen(colour: str, eyes: np.ndarray) -> np.ndarray:
    """CIELAB of a colour, as these eyes see it."""
    rgb = np.array(to_rgb(colour))
    linear = np.clip(eyes @ np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4), 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ linear / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("theme", Theme)
def test_seven_curves_have_colours_that_colour_blind_readers_can_tell_apart(theme: Theme, eyes: str) -> None:
    colours = [theme.look(number)[0] for number in range(7)]
    for one, other in itertools.combinations(colours, 2):
        assert np.linalg.norm(seen(one, EYES[eyes]) - seen(other, EYES[eyes])) >= TOLD_APART, (one, other)


def test_no_two_of_56_curves_look_alike() -> None:
    assert len({Theme.LIGHT.look(number) for number in range(56)}) == 56


def points(path: str) -> list[tuple[float, float]]:
    """Where a path of straight lines goes."""
    found: list[tuple[float, float]] = []
    for command, numbers in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        at = [float(number) for number in numbers.split()]
        match command:
            case "H":
                found.append((at[0], found[-1][1]))
            case "V":
                found.append((found[-1][0], at[0]))
            case "M" | "L":
                found.append((at[0], at[1]))
    return found


def test_a_path_is_shortened_and_goes_the_same_way() -> None:
    long = "M 10.001 20 \nL 30.123456 20 \nL 30.123456 40.5 \nL 10.001 40.5 \nz\nM 1 2 \nL 3 4 \nz\n"
    assert _short_path(long) == "M10 20H30.12V40.5H10zM1 2L3 4z"
    assert np.allclose(points(_short_path(long)), points(long), atol=0.005)


def test_curves_keep_all_their_numbers() -> None:
    assert _short_path("M 0 3 C 0.795609 3 1.55874 2.683901 2.12132 2.12132 L 2.12132 5 z") == (
        "M0 3C0.8 3 1.56 2.68 2.12 2.12V5z"
    )
