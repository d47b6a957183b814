"""Circuits that others found in GPT-2 small and published, as ground truth for a search.

Owns the lists, each with its source. Nobody built these circuits: they are what their authors found, by other means and
on prompts of their own. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from acdc_custom.errors import UsageError
from acdc_custom.graph import GraphShape, Sender, Stage
from acdc_custom.heads.evidence import Role

GPT2 = "gpt2"  # its name on the Hugging Face hub
GPT2_SMALL = GraphShape(12, 12, 12)


class PublishedName(StrEnum):
    """Which published circuit (`--published`)."""

    IOI = "gpt2-ioi"
    GREATER_THAN = "gpt2-greater-than"


@dataclass(frozen=True)
class Group:
    """Nodes that do the same, by their publication. `role` is what `acdc-custom roles` calls it, if it has a name."""

    name: str
    nodes: tuple[Sender, ...]
    role: Role | None = None


@dataclass(frozen=True)
class Published:
    """A circuit as it was published. `with_mlps`: whether it says which MLPs take part, or takes all of them."""

    name: PublishedName
    about: str
    source: str
    groups: tuple[Group, ...]
    with_mlps: bool

    @property
    def heads(self) -> frozenset[Sender]:
        """All its heads."""
        return self._of(Stage.HEAD)

    @property
    def mlps(self) -> frozenset[Sender]:
        """All its MLPs."""
        return self._of(Stage.MLP)

    @property
    def roles(self) -> Mapping[Role, frozenset[Sender]]:
        """Its heads by role, as far as our roles have its groups."""
        return {group.role: frozenset(group.nodes) for group in self.groups if group.role is not None}

    def _of(self, stage: Stage) -> frozenset[Sender]:
        return frozenset(node for group in self.groups for node in group.nodes if node.stage is stage)


def _nodes(names: str) -> tuple[Sender, ...]:
    return tuple(map(Sender.parse, names.split()))


PUBLISHED: Mapping[PublishedName, Published] = {
    PublishedName.IOI: Published(
        PublishedName.IOI,
        "indirect object identification, 26 heads in 7 classes; MLPs take part as they are",
        "Wang et al. 2022, Interpretability in the Wild, arXiv 2211.00593, section 3 and figure 2",
        (
            Group("name mover", _nodes("a9.h6 a9.h9 a10.h0"), Role.NAME_MOVER),
            Group("negative name mover", _nodes("a10.h7 a11.h10"), Role.NEGATIVE_NAME_MOVER),
            Group("S-inhibition", _nodes("a7.h3 a7.h9 a8.h6 a8.h10"), Role.S_INHIBITION),
            Group("induction", _nodes("a5.h5 a5.h8 a5.h9 a6.h9"), Role.INDUCTION),
            Group("duplicate token", _nodes("a0.h1 a0.h10 a3.h0"), Role.DUPLICATE_TOKEN),
            Group("previous token", _nodes("a2.h2 a4.h11"), Role.PREVIOUS_TOKEN),
            Group("backup name mover", _nodes("a9.h0 a9.h7 a10.h1 a10.h2 a10.h6 a10.h10 a11.h2 a11.h9")),
        ),
        with_mlps=False,
    ),
    PublishedName.GREATER_THAN: Published(
        PublishedName.GREATER_THAN,
        "a span of years ends after it began: 9 heads and 8 MLPs in 5 groups",
        "Hanna et al. 2023, How does GPT-2 compute greater-than?, arXiv 2305.00586, as the ACDC repository writes it "
        "down (ArthurConmy/Automatic-Circuit-Discovery, acdc/greaterthan/utils.py)",
        (
            Group("early head", _nodes("a0.h1")),
            Group("early heads, for the middle ones", _nodes("a0.h3 a0.h5")),
            Group("early MLPs", _nodes("m0 m1 m2 m3")),
            Group("middle heads", _nodes("a5.h5 a6.h1 a6.h9 a7.h10 a8.h11 a9.h1")),
            Group("late MLPs", _nodes("m8 m9 m10 m11")),
        ),
        with_mlps=True,
    ),
}


def check_together(of_published: bool, positions: bool, before: str = "", **for_published: Any) -> None:
    """Raises `UsageError` for what only published circuits can have, and what they cannot; `before` stands before the
    name of an option."""
    if of_published and positions:
        raise UsageError(
            f"{before}positions is for the small models: published circuits say nothing of positions. Leave it out."
        )
    for option, value in for_published.items():
        if value is not None and not of_published:
            raise UsageError(
                f"{before}{option} goes with {before}published: the small models are searched as they are."
            )


def check_shape(published: Published, shape: GraphShape, model: str) -> None:
    """Raises `UsageError` for a model of which the circuit cannot be one."""
    if shape != GPT2_SMALL:
        unlike = (", in groups" * shape.grouped) + (", no MLPs" * (not shape.has_mlp)) + (", parallel" * shape.parallel)
        raise UsageError(
            f"{published.name} is a circuit of GPT-2 small, which has 12 layers of 12 heads and MLPs after them; "
            f"{model} has {shape.n_layers} layers of {shape.n_heads} heads{unlike}."
        )
