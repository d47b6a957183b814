"""How long measuring heads will take, and whether it fits into memory: told before any head is measured.

Owns the estimate. A piece of every kind of work is done and timed: the two runs of the batch, a few heads from all over
the model, a fraction of the random tokens. The rest is taken to be as dear. It is as if there were movers, whose
queries are the longest work: where there are none, measuring is done earlier.
"""

from __future__ import annotations

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.engine.footprint import used_bytes
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.engine.stopwatch import timed
from acdc_custom.graph import LOGITS
from acdc_custom.heads.attention import attention_output
from acdc_custom.heads.copying import ov_scores
from acdc_custom.heads.names import circuit_heads, coming_before
from acdc_custom.heads.path_patching import CHUNK, patched_attention, path_patch
from acdc_custom.heads.repeated import SEQUENCES, repeated_scores
from acdc_custom.heads.sample import MeasuredHeads
from acdc_custom.heads.walk import run_passes
from acdc_custom.heads.words import cast_of

PIECE = 4  # heads
SOON = 10.0  # seconds: so long may measuring take at the end of any search
SHARE = 3  # and as long as one part in so many of the search


def is_soon(seconds: float, search_seconds: float) -> bool:
    """Whether measuring is worth no question: ten seconds at most, or a third of what the search took."""
    return seconds < max(SOON, search_seconds / SHARE)


def fits(prepared: PreparedBatch) -> bool:
    """Whether measuring stays under the memory limit of the search that has just ended."""
    memory = prepared.memory
    return used_bytes(prepared.model.device) + needed_bytes(prepared) <= memory.limit


def needed_bytes(prepared: PreparedBatch) -> int:
    """What the two runs hold of every layer (`layers.Layer`), a pass of path patching, and the logits of copying."""
    prepared = prepared.at_contrast
    weights, shape = prepared.model.weights, prepared.model.graph.shape
    n_heads, d_head, d_model = weights.blocks[0].attention.out.shape
    per_token = 4 * d_model + 2 * (n_heads + shape.n_kv_heads) * d_head
    runs = 2 * shape.n_layers * prepared.tokens.clean.numel() * per_token
    places = len(cast_of(prepared.task, prepared.batch, prepared.model.tokenizer).places)
    copying = 4 * places * len(prepared.batch.prompts) * len(weights.unembedding)
    return (runs + max(4 * CHUNK, copying)) * weights.unembedding.element_size()


def expected_seconds(prepared: PreparedBatch, circuit: Circuit) -> float:
    """What measuring the circuit's heads will take, in seconds."""
    prepared = prepared.at_contrast
    model, tokens, batch = prepared.model, prepared.tokens, prepared.batch
    heads = MeasuredHeads.of(model.graph, circuit_heads(circuit), batch.seed).all
    piece = heads[:: -(-len(heads) // PIECE)]
    cast = cast_of(prepared.task, batch, model.tokenizer)
    answers = [prompt.answer_ids[0] for prompt in batch.prompts]
    ends = tokens.answer_positions
    passes, once = timed(model.device, lambda: run_passes(model, tokens))
    _, random_tokens = timed(model.device, lambda: repeated_scores(model, sequences=1, seed=batch.seed))

    def measure_piece() -> None:
        path_patch(passes, piece, [LOGITS])
        ov_scores(model, passes.clean, cast, answers, piece, batch.seed)
        attention_output(model, passes.clean, cast, ends[:, 0].tolist(), piece)
        query = model.graph.inputs_of(piece[-1])[0]
        if before := coming_before(model.graph, piece, [query]):
            path_patch(passes, before, [query], ends)
            patched_attention(passes, before, piece[-1:])

    _, of_piece = timed(model.device, measure_piece)
    return once + random_tokens * SEQUENCES + of_piece * len(heads) / len(piece)
