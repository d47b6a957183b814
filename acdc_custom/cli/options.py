"""The options that several commands have: their names, defaults and help. Imports nothing heavy."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acdc_custom.choices import (
    DEFAULT_METHOD,
    DEFAULT_THRESHOLD,
    Ablation,
    Device,
    ExecutorKind,
    Metric,
    Order,
    Precision,
    Ranking,
    checked_seed,
    checked_threshold,
    parse_metric,
)
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import UsageError
from acdc_custom.graph import parse_heads
from acdc_custom.memory import parse_bytes
from acdc_custom.model.catalogue import DEFAULT_MODEL
from acdc_custom.search.registry import methods
from acdc_custom.task.selection import DEFAULT_HELD_OUT

if TYPE_CHECKING:
    from acdc_custom.grid.scheduling import Executor

HUB_HINT = (
    "a bundled or packaged model (see acdc-custom models), a Hugging Face directory, a GGUF file, "
    "or a hub name such as gpt2"
)

RESULTS = Path("results")


def checked_folder(name: str) -> Path:
    """The folder of this name; an empty one, which would be the current folder, is a slip. Raises `UsageError`."""
    if not name.strip():
        raise UsageError("--out: the folder's name is empty. Give one, or leave --out away.")
    return Path(name)


Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def seed_option(about: str) -> Decorator:
    """`--seed`, and what it is the seed of."""
    return click.option(
        "--seed",
        type=int,
        callback=lambda ctx, option, value: checked_seed(value),
        default=0,
        show_default=True,
        help=about,
    )


def out_option(about: str) -> Decorator:
    """`--out`, and what goes into that folder."""
    return click.option(
        "--out",
        metavar="FOLDER",
        callback=lambda ctx, option, value: value if value is None else checked_folder(value),
        help=about,
    )


def listed_tasks(value: str) -> tuple[str, ...]:
    """The tasks of a list with commas, which a file's name may have, too. Raises `UsageError` for a gap in the list."""
    if "," not in value or os.path.exists(value):  # of any length, which a path may not have
        return (value,)
    names = tuple(name.strip() for name in value.split(","))
    if not all(names):
        raise UsageError(
            f'--task is "{value}": there is no task beside one of its commas. Give some such as ioi,latest_s.'
        )
    return names


def _one_task(value: str) -> str:
    """The only task of a command. Raises `UsageError` for several."""
    names = listed_tasks(value)
    if len(names) > 1:
        raise UsageError(
            f'--task is "{value}": this command takes one task. Give it once for each; acdc-custom sweep takes several.'
        )
    return names[0]


task_option = click.option(
    "--task",
    required=True,
    callback=lambda ctx, option, value: _one_task(value),
    metavar="NAME|FILE",
    help="A built-in task (see acdc-custom tasks), or a task file.",
)
model_option = click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME|FOLDER", help=f"The model: {HUB_HINT}."
)
run_device_option = click.option(
    "--device", type=click.Choice([d.value for d in Device]), help="Where to compute.  [default: where the run did]"
)
# Those of `SearchSettings`, by the names of its fields.
SETTINGS: Mapping[str, Decorator] = {
    "method": click.option(
        "--method",
        type=click.Choice([m.name for m in methods()]),
        metavar="METHOD",
        default=DEFAULT_METHOD,
        show_default=True,
        help="How edges are chosen: " + "; ".join(f"{m.name}: {m.about}" for m in methods()) + ".",
    ),
    "threshold": click.option(
        "--threshold",
        type=float,
        callback=lambda ctx, option, value: value if value is None else checked_threshold(value),
        help="Of a method that decides edges: remove one if that raises the metric by less; in the metric's unit.  "
        f"[default: {DEFAULT_THRESHOLD}]",
    ),
    "edges": click.option(
        "--edges",
        type=click.IntRange(min=1),
        metavar="N",
        help="Of a method that scores edges: the circuit is the N that come first.",
    ),
    "ranking": click.option(
        "--ranking",
        type=click.Choice([r.value for r in Ranking]),
        default=Ranking.ABSOLUTE.value,
        show_default=True,
        help="Of a method that scores edges, what puts one first: "
        + "; ".join(f"{r.value}: {r.about}" for r in Ranking)
        + ".",
    ),
    "start": click.option(
        "--start",
        metavar="FOLDER",
        default="",
        help="Of a method that decides edges: start from the circuit of this run, and decide its edges alone.",
    ),
    "refine": click.option(
        "--refine",
        is_flag=True,
        help="Of a method that decides edges: decide those that are left once more, until none of them goes. No edge "
        "of the circuit can then go for less than the threshold.",
    ),
    "positions": click.option(
        "--positions",
        is_flag=True,
        help="Decide, or score, each edge at each span of the prompts by itself, such as "
        "a0.h1@S2 -> a8.h6.v@S2. acdc-custom tasks check shows the spans.",
    ),
    "steps": click.option(
        "--steps",
        type=click.IntRange(min=1),
        metavar="M",
        help="Of a method that integrates gradients: at how many points it takes them.  [default: 5, as in MIB]",
    ),
    "metric": click.option(
        "--metric",
        metavar="NAME",
        callback=lambda ctx, option, value: value and parse_metric(value).value,
        help=f"What is minimised: {', '.join(Metric)}, or module:function for your own.  "
        "[default: the task's, usually kl]",
    ),
    "corruption": click.option(
        "--corruption", metavar="NAME", help="Which of the task's corruptions.  [default: the one that the task names]"
    ),
    "ablation": click.option(
        "--ablation",
        type=click.Choice([a.value for a in Ablation]),
        metavar="KIND",
        default=Ablation.CORRUPTED.value,
        show_default=True,
        help="What a removed edge carries: " + "; ".join(f"{a.value}: {a.about}" for a in Ablation) + ".",
    ),
    "knock_out": click.option(
        "--knock-out",
        metavar="HEADS",
        default="",
        callback=lambda ctx, option, value: ",".join(map(str, parse_heads(value))) if value else "",
        help="Search without these heads, such as a9.h9,a9.h6: all their edges are removed before the search begins. "
        "Shows backup heads, which act only when others are gone.",
    ),
    "n": click.option(
        "--n",
        type=click.IntRange(min=1),
        metavar="PROMPTS",
        help="How many prompts.  [default: 100, or half of fewer than 300]",
    ),
    "held_out": click.option(
        "--held-out",
        type=click.IntRange(min=0),
        metavar="PROMPTS",
        default=DEFAULT_HELD_OUT,
        show_default=True,
        help="How many other prompts to test the circuit on, and as many to choose it by. 0: none.",
    ),
    "seed": seed_option("Which prompts: the same seed, the same prompts."),
    "templates": click.option(
        "--templates",
        metavar="NUMBERS",
        default="",
        help="Make prompts from these of the task's templates only, counted from 0, as in 0,2.  [default: all]",
    ),
    "resample": click.option(
        "--resample",
        type=int,
        metavar="SEED",
        callback=lambda ctx, option, value: value if value is None else checked_seed(value),
        help="Draw the prompts anew with replacement (a bootstrap draw), with this seed; to see how the circuit "
        "depends on them.",
    ),
    "order": click.option(
        "--order",
        type=click.Choice([o.value for o in Order]),
        metavar="ORDER",
        default=Order.ORIGINAL.value,
        show_default=True,
        help="How heads of a layer and their inputs are visited: "
        + "; ".join(f"{o.value}: {o.about}" for o in Order)
        + ".",
    ),
    "order_seed": click.option(
        "--order-seed",
        type=int,
        callback=lambda ctx, option, value: checked_seed(value),
        default=0,
        show_default=True,
        help="Which random order.",
    ),
    "device": click.option(
        "--device",
        type=click.Choice([d.value for d in Device]),
        default=Device.AUTO.value,
        show_default=True,
        help="Where to compute; auto takes CUDA if there is any, then Apple's GPU, then the CPU.",
    ),
    "dtype": click.option(
        "--dtype",
        type=click.Choice([p.value for p in Precision]),
        default=Precision.FLOAT32.value,
        show_default=True,
        help="Precision. float64 is slower; it settles decisions that lie within the rounding error of float32.",
    ),
    "window": click.option(
        "--window",
        type=click.IntRange(min=1),
        metavar="K",
        help="Evaluate K candidates at once. Any K gives the same circuit.  [default: adapts]",
    ),
    "memory_limit": click.option(
        "--memory-limit",
        metavar="SIZE",
        callback=lambda ctx, option, value: value and parse_bytes(value),
        help="Memory to use at most, such as 8GiB: of the process, or of the GPU. Any limit gives the same circuit."
        "  [default: what is in use, and 80 % of what is free]",
    ),
}


def settings_options(*names: str, **others: Decorator) -> Decorator:
    """The options of these settings, in this order; the command gets them as one, its `settings`.

    `others` are options in place of those of `SETTINGS`, by the names of settings.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_settings(*args: Any, **given: Any) -> None:
            chosen = {name: given.pop(name) for name in names}
            command(*args, settings=SearchSettings.of(**chosen), **given)

        decorated: Callable[..., None] = with_settings
        for name in reversed(names):
            decorated = {**SETTINGS, **others}[name](decorated)
        return decorated

    return decorate


@dataclass(frozen=True)
class ExecutorChoice:
    """How the runs of a grid are executed, as the options say. Raises `UsageError` for what cannot go together."""

    workers: int | None = None
    kind: ExecutorKind = ExecutorKind.LOCAL
    ray_address: str | None = None
    gpus_per_run: float | None = None

    def __post_init__(self) -> None:
        for option, value in (("--ray-address", self.ray_address), ("--gpus-per-run", self.gpus_per_run)):
            if value is not None and self.kind is not ExecutorKind.RAY:
                raise UsageError(f"{option} is for --executor ray. Give that too, or leave {option} away.")
        gpus = self.gpus_per_run
        if gpus is not None and not (0 <= gpus <= 1 and math.isfinite(gpus)):
            raise UsageError(f"--gpus-per-run is {gpus:g}: it must be from 0 to 1, since a run computes on one GPU.")

    def executor(self) -> Executor:
        """The executor."""
        if self.kind is ExecutorKind.RAY:
            from acdc_custom.grid.ray_executor import Ray

            return Ray(self.ray_address, self.workers, self.gpus_per_run)
        from acdc_custom.grid import Local

        return Local(self.workers)


def executor_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of how many runs are executed; the command gets them as one, its `choice`."""

    @click.option(
        "--executor",
        type=click.Choice([kind.value for kind in ExecutorKind]),
        default=ExecutorKind.LOCAL.value,
        show_default=True,
        help="Where the runs are executed: " + "; ".join(f"{kind.value}: {kind.about}" for kind in ExecutorKind) + ".",
    )
    @click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many runs at a time, each a process.  [default: one for each GPU, or as many as cores "
        "and memory allow]",
    )
    @click.option(
        "--ray-address",
        metavar="HOST:PORT",
        help="The Ray cluster; auto finds the one that this machine is part of.  [default: one is started here, for "
        "the purpose]",
    )
    @click.option(
        "--gpus-per-run",
        type=float,
        metavar="SHARE",
        help="How much of a GPU a run gets on a Ray cluster, such as 0.5.  [default: 1, where there are GPUs]",
    )
    @functools.wraps(command)
    def with_choice(
        *args: Any,
        executor: str,
        workers: int | None,
        ray_address: str | None,
        gpus_per_run: float | None,
        **options: Any,
    ) -> None:
        choice = ExecutorChoice(workers, ExecutorKind(executor), ray_address, gpus_per_run)
        command(*args, choice=choice, **options)

    return with_choice
