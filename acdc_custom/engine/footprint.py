"""How much memory a search takes: worked out before it begins, and kept to.

Owns the sums. A search holds, for every prompt, what each node writes and the live nodes; it works on some of the
prompts (a chunk) and some of the candidates (a window) at a time, and both are chosen so that everything stays under
the limit. Neither changes what is decided.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.errors import NoRoom
from acdc_custom.graph import Graph
from acdc_custom.memory import GPU_WINDOW_BYTES, WINDOW_BYTES, MemoryPlan, text_of_bytes
from acdc_custom.model.model import Model

DEFAULT_SHARE = 0.8  # of the memory that is free


@dataclass(frozen=True)
class Needs:
    """Bytes that a batch needs beyond the model: `held` all the time, `fixed` and `per_prompt` while working."""

    held: int
    fixed: int
    per_prompt: int


def plan(model: Model, tokens: TokenBatch, limit: int | None = None) -> MemoryPlan:
    """The largest chunk of prompts that fits, and what is left for a window. `limit` None: a share of what is free.

    Raises `NoRoom` if not even one prompt at a time fits.
    """
    resident = used_bytes(model.device)
    limit = limit or resident + int(DEFAULT_SHARE * free_bytes(model.device))
    needs = needs_of(model, tokens)
    chunk = n_prompts = len(tokens.clean)
    room = limit - resident - needs.held - needs.fixed
    while chunk > 1 and chunk * needs.per_prompt > room:
        chunk = -(-chunk // 2)
    if needs.per_prompt > room:
        raise NoRoom(
            f"this search needs {text_of_bytes(limit - room + needs.per_prompt)} ({text_of_bytes(resident)} are in "
            f"use already, {text_of_bytes(needs.held)} are for the activations of {n_prompts} prompts), and "
            f"{text_of_bytes(limit)} are allowed.",
            "Use fewer prompts (--n), or a higher --memory-limit.",
        )
    working = chunk * needs.per_prompt
    most = GPU_WINDOW_BYTES if model.device.type == "cuda" else WINDOW_BYTES
    window = min(most, 2 ** (room.bit_length() - 1))  # a power of two, so that it is the same the next time
    return MemoryPlan(limit, resident + needs.held + needs.fixed + max(working, window), chunk, window)


def needs_of(model: Model, tokens: TokenBatch) -> Needs:
    """What `caches.py`, `state.py`, `circuit_run.py` and `metrics.py` make, as if every node were alive."""
    weights, graph, shape = model.weights, model.graph, model.graph.shape
    size = weights.unembedding.element_size()
    vocab, d_model = weights.unembedding.shape
    d_head = weights.blocks[0].attention.out.shape[1]
    d_mlp = max((block.mlp.weight_in.shape[1] for block in weights.blocks if block.mlp), default=0)
    n_prompts, n_positions = tokens.clean.shape
    n_rows = int(tokens.is_prompt.sum())  # at most
    n_asked = tokens.answer_positions.shape[1]  # answer rows of a prompt, at most
    n_senders, n_reads = len(graph.senders), shape.n_layers * (1 + shape.has_mlp) + 1
    cells = n_prompts * n_positions
    caches = (2 * n_senders * n_rows + n_senders * n_prompts * n_asked + n_reads * cells) * d_model
    live = _live_numbers(graph, n_rows, cells, n_positions, d_model, d_head)
    # The double-precision output matrix and, per answer row, four times all words in double precision.
    per_prompt = max(
        (3 * n_senders + 2 * n_reads + 3 * shape.n_heads) * n_positions * d_model * size
        + 3 * n_positions * d_mlp * size,
        32 * vocab * n_asked,
        live // n_prompts * size + vocab * size * n_asked,
    )
    return Needs(held=(caches + live) * size, fixed=8 * vocab * d_model, per_prompt=per_prompt)


def _live_numbers(graph: Graph, n_rows: int, cells: int, n_positions: int, d_model: int, d_head: int) -> int:
    """Numbers in the state of all nodes, each needed at every row."""
    shape = graph.shape
    heads, kv_heads = shape.n_heads, shape.n_kv_heads
    inputs_and_outputs = n_rows * d_model * (2 * heads + 2 * kv_heads + 2 * shape.has_mlp)
    inside = n_rows * heads * (d_head + n_positions) + 2 * cells * kv_heads * d_head
    return shape.n_layers * (inputs_and_outputs + inside)


def out_of_memory(error: BaseException) -> bool:
    """Whether this is how torch, or Python, says that memory is full."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        words in str(error) for words in ("can't allocate memory", "not enough memory")
    )


def used_bytes(device: torch.device) -> int:
    """Memory in use now: the GPU's by torch, or this process's."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return int(psutil.Process().memory_info().rss)


def peak_bytes(device: torch.device) -> int:
    """The most that has been in use so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def free_bytes(device: torch.device) -> int:
    """Memory that could be taken: of the GPU, or of the machine, or of the share of it that this process has."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = int(psutil.virtual_memory().available)
    control_group = Path("/sys/fs/cgroup")  # a container's, or a batch job's
    try:
        allowed = int((control_group / "memory.max").read_text())
        return max(0, min(free, allowed - int((control_group / "memory.current").read_text())))
    except (OSError, ValueError):  # none, or no limit
        return free
