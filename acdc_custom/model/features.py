"""What sets architectures apart, as closed sets: the words in which `architecture.py` describes them.

Owns the sets. What each of them means to the reading of a model is `read.py`'s business.
"""

from __future__ import annotations

from enum import StrEnum


class PositionEncoding(StrEnum):
    """How a model knows where a token stands."""

    LEARNED = "learned positions"
    ROTARY = "rotary positions"
    ROTARY_ADJACENT = "rotary positions in adjacent pairs"


class Layout(StrEnum):
    """Which residual stream a layer's MLP reads, and through which norm."""

    SEQUENTIAL = "heads, then MLP"
    PARALLEL = "heads and MLP in parallel"
    PARALLEL_ONE_NORM = "heads and MLP in parallel, with one norm"
    NO_MLP = "no MLP"


class ScoreScale(StrEnum):
    """What attention scores are divided by."""

    HEAD_SIZE = "the square root of d_head"
    NONE = "unscaled attention scores"
    QUERY_PRE_ATTN_SCALAR = "attention scores scaled by `query_pre_attn_scalar`"
    ATTENTION_MULTIPLIER = "attention scores scaled by `attention_multiplier`"


class QueryKeyNorms(StrEnum):
    """Which norms there are of queries and keys."""

    NONE = "no norms of queries and keys"
    EACH_HEAD = "norms of queries and keys"
    ALL_HEADS = "norms of the queries of all heads together, and of the keys"


class Windows(StrEnum):
    """In which layers a query reads only the last few keys."""

    NONE = "nowhere"
    EVERY_LAYER = "sliding window in every layer"
    SOME_LAYERS = "sliding window in some layers"  # those that `layer_types` names
    LOCAL_LAYERS = "local attention in some layers"  # those that `attention_layers` names
