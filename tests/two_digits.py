"""A small byte-level tokenizer that joins two digits, as GPT-2's does; offline."""

from __future__ import annotations

from itertools import product
from typing import Any

from acdc_custom.known.greater_than import CENTURIES, NOUNS

SPACE = "Ġ"  # how byte-level tokenizers write a space


def two_digit_tokenizer(joined: tuple[str, ...] = (), *, pairs: bool = True) -> Any:
    """Each word of the prompts is one token, ` 17` is, and, with `pairs`, `32` is; ` 1732` is ` 17` and `32`.

    Numbers in `joined`, such as "175", become one token at the beginning of a year, so that other digits are left over.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    merges: dict[tuple[str, str], None] = {}

    def join(word: str) -> None:
        for end in range(1, len(word)):
            merges[word[:end], word[end]] = None

    words = [*NOUNS, "lasted", "from", "the", "year", "to", *map(str, CENTURIES), *joined]
    for word in ("The", *(SPACE + word for word in words)):
        join(word)
    if pairs:
        merges |= dict.fromkeys(product("0123456789", repeat=2))
    tokens = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(merge) for merge in merges), "<|end|>"]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|end|>", eos_token="<|end|>")
