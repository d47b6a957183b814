"""Whatever is in a model's directory, and whatever a tokenizer does: it ends in success or in one of our errors."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from directories import llama, local_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import GPT, tiny_hf
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from acdc_custom.analyses.words import given_words, random_words
from acdc_custom.errors import AcdcError
from acdc_custom.heads.words import TokenizerVocabulary
from acdc_custom.model.open import open_model
from acdc_custom.task import load_task
from acdc_custom.task.examine import examine
from acdc_custom.task.prompt import END
from acdc_custom.task.tokens import Encoder, token_text
from acdc_custom.task_check.measure import check_task
from acdc_custom.task_check.text import describe_check

FEW, MANY = 40, 8000


def fuzz(max_examples: int) -> Callable[[Any], Any]:
    """The same examples on every machine, in bounded number."""
    return settings(
        max_examples=max_examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def ours(error: AcdcError) -> None:
    """An error of ours says something, in one line, and not a novel."""
    assert 10 < len(str(error)) < 2000 and "\n" not in str(error)


# -- directories ------------------------------------------------------------------------------------------

ODD = st.one_of(
    st.sampled_from(
        [
            *(None, True, False, 0, 1, 2, 3, 7, -1, 16, 31, 1000, 10**9, 10**18, 10**30, 0.5, -0.0, 1e-300, 1e300),
            *(
                float("nan"),
                float("inf"),
                "",
                "x",
                "16",
                "gelu",
                "silu",
                "relu",
                "float16",
                "flash_attention_2",
                "../x",
            ),
            *([], {}, [1], {"a": 1}, [[]], ["full_attention"], ["sliding_attention"], {"rope_type": "yarn"}),
            *({"rope_type": "dynamic", "rope_theta": 10.0}, {"rope_type": "default", "rope_theta": -1}),
            *({"rope_type": "longrope"}, {"type": "linear", "factor": 2.0}, {"quant_method": "gptq"}),
        ]
    ),
    st.text(max_size=5),
    st.integers(-3, 40),
)
KEYS = [
    *("model_type", "architectures", "auto_map", "num_hidden_layers", "n_layer", "num_attention_heads", "n_head"),
    *("num_key_value_heads", "hidden_size", "n_embd", "intermediate_size", "vocab_size", "head_dim", "hidden_act"),
    *("activation_function", "rms_norm_eps", "layer_norm_epsilon", "rope_parameters", "rope_scaling", "rope_theta"),
    *("max_position_embeddings", "n_positions", "tie_word_embeddings", "attention_bias", "mlp_bias", "dtype"),
    *("torch_dtype", "quantization_config", "layer_types", "sliding_window", "is_encoder_decoder", "text_config"),
    *("bos_token_id", "eos_token_id", "pad_token_id", "attn_implementation", "_attn_implementation", "use_cache"),
    *("scale_attn_weights", "transformers_weights", "pretraining_tp", "partial_rotary_factor", "is_decoder"),
]
MODEL_TYPES = ["gpt2", "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi", "phi3", "olmo2"]
MODEL_TYPES += ["granite", "cohere", "gpt_bigcode", "starcoder2", "opt", "gptj", "gpt_neo", "gpt_neox", "mixtral"]
MODEL_TYPES += ["mamba", "t5", "bert", "bart", "vit", "falcon", "bloom", "gemma3", "wonder", ""]
FOREIGN = {
    "nothing": b"",
    "zeros": bytes(64),
    "a pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "a pickle": b"\x80\x04N.",
    "a GGUF file": b"GGUF\x03\x00\x00\x00",
    "a page": b"<!doctype html><title>404</title>",
    "a list": b"[]",
    "a text": b'"x"',
    "deep": b"[" * 3000,
    "a long header": (10**12).to_bytes(8, "little") + b"{}",
    "an odd header": (27).to_bytes(8, "little") + b'{"a":{"dtype":"F32","x":1}}',
}
FILES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json"]
MORE_FILES = ["adapter_config.json", "model.safetensors.index.json", "special_tokens_map.json", "added_tokens.json"]
MORE_FILES += ["pytorch_model.bin", "vocab.json", "merges.txt", "tokenizer.model", "own.py", "chat_template.jinja"]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Directories that are right."""
    folder = tmp_path_factory.mktemp("bases")
    gpt2 = {**GPT, "n_embd": 16, "n_layer": 1}
    made = [
        local_model(folder / "llama", llama(vocab_size=800)),
        local_model(
            folder / "gpt2", tiny_hf("gpt2", 0, torch.float32, **{**gpt2, "vocab_size": 800, "n_positions": 64})
        ),
        local_model(folder / "gemma3", tiny_hf("gemma3", 0, torch.float32, vocab_size=800, num_hidden_layers=2)),
    ]
    return made


Change = Callable[[Path], object]


@st.composite
def json_changes(draw: st.DrawFn, file: str, keys: list[str]) -> Change:
    """Keys of a JSON file set, deleted or nested, some levels down too."""
    changes = draw(st.lists(st.tuples(st.sampled_from(keys), st.one_of(ODD, st.just(...))), min_size=1, max_size=3))
    into = draw(st.lists(st.integers(0, 30), max_size=3))

    def change(folder: Path) -> None:
        content = within = json.loads((folder / file).read_text())
        for step in into:
            inner = [value for value in within.values() if isinstance(value, dict) and value]
            if not inner:
                break
            within = inner[step % len(inner)]
        for key, value in changes:
            known = list(within)
            name = key if within is content or not known else known[len(key) % len(known)]
            if value is ...:
                within.pop(name, None)
            else:
                within[name] = value
        (folder / file).write_text(json.dumps(content))

    return change


@st.composite
def tensor_changes(draw: st.DrawFn) -> Change:
    """A stored tensor renamed, deleted, doubled, cut, cast, or with odd numbers in it."""
    which, how = draw(st.integers(0, 40)), draw(st.sampled_from(["rename", "drop", "add", "cut", "cast", "odd", "dim"]))
    to = draw(
        st.sampled_from([torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.bool, torch.float8_e5m2])
    )
    suffix = draw(
        st.sampled_from(
            ["_scale", ".bias", ".lora_A.weight", "s", ".inv_freq", ".q_norm.weight", ".masked_bias", "\u00e9"]
        )
    )
    number = draw(st.sampled_from([float("nan"), float("inf"), 0.0, 1e38]))

    def change(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        try:
            tensors = load_file(folder / "model.safetensors")
        except Exception:  # the file has been spoiled before
            return
        name = sorted(tensors)[which % len(tensors)] if tensors else "x"
        tensor = tensors.get(name, torch.ones(2))
        match how:
            case "rename":
                tensors[name + suffix] = tensors.pop(name, tensor)
            case "drop":
                tensors.pop(name, None)
            case "add":
                tensors[name + suffix] = tensor
            case "cut":
                tensors[name] = tensor[: len(tensor) // 2] if tensor.ndim else tensor
            case "cast":
                tensors[name] = tensor.to(to)
            case "odd":
                tensors[name] = torch.full_like(tensor, number)
            case "dim":
                tensors[name] = tensor[None]
        save_file({key: value.clone().contiguous() for key, value in tensors.items()}, folder / "model.safetensors")

    return change


@st.composite
def byte_changes(draw: st.DrawFn) -> Change:
    """A file cut off, with bytes replaced, exchanged for another one, deleted, or added."""
    file = draw(st.sampled_from([*FILES, *FILES, *MORE_FILES]))
    how = draw(st.sampled_from(["cut", "replace", "foreign", "delete", "swap", "folder"]))
    place, data = draw(st.floats(0, 1)), draw(st.binary(min_size=1, max_size=4))
    foreign, other = FOREIGN[draw(st.sampled_from(sorted(FOREIGN)))], draw(st.sampled_from(FILES))

    def change(folder: Path) -> None:
        path = folder / file
        old = path.read_bytes() if path.is_file() else b""
        at = int(place * len(old))
        match how:
            case "cut":
                path.write_bytes(old[:at])
            case "replace":
                path.write_bytes(old[:at] + data + old[at + len(data) :])
            case "foreign":
                path.write_bytes(foreign)
            case "delete":
                path.unlink(missing_ok=True)
            case "swap":
                path.write_bytes((folder / other).read_bytes() if (folder / other).is_file() else b"")
            case "folder":
                path.unlink(missing_ok=True)
                path.mkdir(exist_ok=True)

    return change


def set_type(kind: str) -> Change:
    """Another model's type."""

    def change(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(content | {"model_type": kind}))

    return change


TOKENIZER_KEYS = ["tokenizer_class", "bos_token", "eos_token", "unk_token", "add_bos_token", "model_max_length"]
TOKENIZER_KEYS += ["added_tokens_decoder", "auto_map", "clean_up_tokenization_spaces", "chat_template", "backend"]
TOKENIZER_JSON = ["model", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "version"]
CHANGES = st.one_of(
    json_changes("config.json", KEYS),
    json_changes("config.json", KEYS),
    st.sampled_from(MODEL_TYPES).map(set_type),
    tensor_changes(),
    tensor_changes(),
    byte_changes(),
    json_changes("tokenizer_config.json", TOKENIZER_KEYS),
    json_changes("tokenizer.json", TOKENIZER_JSON),
)


def spoil_and_open(base: Path, changes: list[Change]) -> bool:
    """Open a spoiled copy of a directory, and check a task on it; whether it could be opened."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(base, Path(name) / "model"))
        for change in changes:
            try:
                change(folder)
            except (OSError, ValueError, AttributeError):  # what an earlier change has spoiled
                continue
        try:
            model = open_model(str(folder), "cpu")
        except AcdcError as error:
            ours(error)
            return False
        assert all(bool(parameter.isfinite().all()) for parameter in model.parameters.values())
        checked = check_task(TASK, model, n=1)
        assert all(describe_check(checked, model.tokenizer))
        return True


TASK = load_task("ioi")


@fuzz(FEW)
@given(st.integers(0, 2), st.lists(CHANGES, min_size=1, max_size=2))
def test_a_spoiled_directory_is_opened_or_refused(bases: list[Path], which: int, changes: list[Change]) -> None:
    spoil_and_open(bases[which], changes)


@pytest.mark.slow
@fuzz(MANY)
@given(st.integers(0, 2), st.lists(CHANGES, min_size=1, max_size=3))
def test_thousands_of_spoiled_directories_are_opened_or_refused(
    bases: list[Path], which: int, changes: list[Change]
) -> None:
    spoil_and_open(bases[which], changes)


def test_what_is_not_spoiled_is_opened(bases: list[Path]) -> None:
    assert all(spoil_and_open(base, []) for base in bases)


# -- tokenizers -------------------------------------------------------------------------------------------

TEXTS = ["Alice gave the ball to Bob.", "The child is", "one two three", "abc ABC é ü 漢字", "  two  spaces ", "1732"]
WORDS = sorted({word for text in TEXTS for word in text.split()})


@st.composite
def tokenizers(draw: st.DrawFn) -> Any:
    """A Hugging Face tokenizer of one of the kinds that there are, with or without special tokens."""
    from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

    kind = draw(st.sampled_from(["words", "bytes", "unigram", "legacy", "pieces", "letters", "ByT5"]))
    if kind == "ByT5":
        return ByT5Tokenizer(extra_ids=draw(st.integers(0, 3)))
    specials = {
        key: f"<{key[:3]}>"
        for key in draw(st.sets(st.sampled_from(["bos_token", "eos_token", "pad_token", "unk_token"])))
    }
    backend = BACKENDS[kind](draw(st.sampled_from(["first", "always", "never"])), draw(st.sets(st.sampled_from(WORDS))))
    backend.add_special_tokens(list(specials.values()))
    backend.add_tokens(draw(st.lists(st.sampled_from(["ball to", "é ü", " is", "Bob"]), max_size=2)))
    if "bos_token" in specials and draw(st.booleans()):
        bos = (specials["bos_token"], backend.token_to_id(specials["bos_token"]))
        backend.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[bos])
    return PreTrainedTokenizerFast(tokenizer_object=backend, **specials)


def _of_words(scheme: str, words: set[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["<unk>", *sorted(words)])}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def _of_bytes(scheme: str, words: set[str]) -> Tokenizer:
    merges: dict[tuple[str, str], None] = {}
    for word in sorted(words):
        spelled = "".join(pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(f" {word}")[0][0])
        merges |= {(spelled[:end], spelled[end]): None for end in range(1, len(spelled))}
    tokens = dict.fromkeys([*sorted(pre_tokenizers.ByteLevel.alphabet()), *map("".join, merges)])
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=scheme == "always")
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _unigram(scheme: str, words: set[str]) -> Tokenizer:
    letters = sorted({letter for text in TEXTS for letter in text if letter.isascii() and letter != " "})
    pieces = [
        ("<unk>", 0.0),
        ("▁", -3.0),
        *((f"▁{word}", -1.0) for word in sorted(words)),
        *((x, -4.0) for x in letters),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, 0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    return tokenizer


def _legacy(scheme: str, words: set[str]) -> Tokenizer:
    """As Llama 2: spaces are letters, one is put before the text, and what is unknown is spelled in bytes."""
    merges: dict[tuple[str, str], None] = {}
    for word in sorted(w for w in words if w.isascii()):
        merges |= {((f"▁{word}")[:end], (f"▁{word}")[end]): None for end in range(1, len(word) + 1)}
    letters = sorted({letter for text in TEXTS for letter in text if letter.isascii()} | {"▁"})
    tokens = dict.fromkeys(["<unk>", *(f"<0x{i:02X}>" for i in range(256)), *letters, *map("".join, merges)])
    tokenizer = Tokenizer(
        models.BPE({t: i for i, t in enumerate(tokens)}, list(merges), unk_token="<unk>", byte_fallback=True)
    )
    before = [] if scheme == "never" else [normalizers.Prepend("▁")]
    tokenizer.normalizer = normalizers.Sequence([*before, normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)])
    return tokenizer


def _pieces(scheme: str, words: set[str]) -> Tokenizer:
    """As BERT: lower case, without accents."""
    lower = sorted({word.lower() for word in words if word.isascii()})
    letters = [piece for x in "abcdefghijklmnopqrstuvwxyz" for piece in (x, f"##{x}")]
    vocabulary = dict.fromkeys(["<unk>", *letters, *lower, "."])
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _letters(scheme: str, words: set[str]) -> Tokenizer:
    letters = sorted({letter for text in TEXTS for letter in text})
    tokenizer = Tokenizer(models.BPE({x: i for i, x in enumerate(["<unk>", *letters])}, [], unk_token="<unk>"))
    return tokenizer


BACKENDS: dict[str, Callable[[str, set[str]], Tokenizer]] = {
    "words": _of_words,
    "bytes": _of_bytes,
    "unigram": _unigram,
    "legacy": _legacy,
    "pieces": _pieces,
    "letters": _letters,
}
ROWS_TASK = 'schema = 1\ndescription = "rows"\nrows = "rows.jsonl"\n{}[positions]\nhere = "ball"\n'


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A row, with texts or token ids as answer and foil."""
    before = draw(st.sampled_from(["", "<bos>", " ", "é "]))
    names = draw(st.lists(st.sampled_from([*WORDS, "Bob", "Eve", "x"]), min_size=2, max_size=4))
    clean, corrupted = (f"{before}{name} gave the ball to {names[-1]}." for name in names[:2])
    targets = st.one_of(st.sampled_from([f" {word}" for word in WORDS] + ["a", "", " ", "."]), st.integers(0, 2000))
    return {"clean": clean, "corrupted": corrupted, "answer": draw(targets), "foil": draw(targets)}


def use(tokenizer: Any, lines: list[dict[str, Any]], bos: str, vocab: int) -> None:
    """Everything that is asked of a tokenizer."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
        (Path(name) / "mine.toml").write_text(ROWS_TASK.format(bos))
        try:
            task = load_task(Path(name) / "mine.toml")
            examine(task, tokenizer)
            batch = task.batch(tokenizer)
        except AcdcError as error:
            ours(error)
        else:
            for prompt in batch.prompts:
                assert len(prompt.clean_ids) == len(prompt.corrupted_ids) == prompt.positions[END] + 1
                assert all(0 <= at < len(prompt.clean_ids) for at in prompt.positions.values())
                bos_id = tokenizer.bos_token_id
                assert bos_id is None or prompt.clean_ids[:2] != (bos_id, bos_id)
    encoder = Encoder(tokenizer)
    for text in (*TEXTS, *(line["clean"] for line in lines)):
        try:
            encoding = encoder.encode(text)
        except AcdcError as error:
            ours(error)
            continue
        assert len(encoding.ids) == len(encoding.spans)
        assert all(0 <= start <= end <= len(text) for start, end in encoding.spans)
    vocabulary = TokenizerVocabulary(tokenizer)
    for token in (0, 1, len(tokenizer) - 1, len(tokenizer), len(tokenizer) + 1000, 10**12, -1):
        assert isinstance(token_text(tokenizer, token), str) and isinstance(vocabulary.word(token), str)
        assert isinstance(vocabulary.continuing(token), int)
    assert all(0 <= token < vocab for token in random_words(tokenizer, vocab, ()))
    try:
        found = given_words(tokenizer, WORDS)
    except AcdcError as error:
        ours(error)
    else:
        assert len(set(found.tokens)) <= len(found.tokens) == len(found.words)


TOKENIZED = given(
    tokenizers(),
    st.lists(rows(), min_size=1, max_size=3),
    st.sampled_from(["", "prepend_bos = true\n", "prepend_bos = false\n"]),
    st.integers(1, 400),
)


@fuzz(2 * FEW)
@TOKENIZED
def test_any_tokenizer_ends_in_prompts_or_in_one_line(
    tokenizer: Any, lines: list[dict[str, Any]], bos: str, vocab: int
) -> None:
    use(tokenizer, lines, bos, vocab)


@pytest.mark.slow
@fuzz(MANY // 2)
@TOKENIZED
def test_thousands_of_tokenizers_end_in_prompts_or_in_one_line(
    tokenizer: Any, lines: list[dict[str, Any]], bos: str, vocab: int
) -> None:
    use(tokenizer, lines, bos, vocab)


@pytest.mark.parametrize("scheme", ["first", "always", "never"])
@pytest.mark.parametrize("kind", ["bytes", "unigram", "legacy", "words", "pieces"])
def test_a_word_is_the_token_by_which_it_continues_a_text(kind: str, scheme: str) -> None:
    from transformers import PreTrainedTokenizerFast

    words = ["Alice", "Bob", "child", "ball"]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=BACKENDS[kind](scheme, {*words, "The"}))
    found = given_words(tokenizer, words)
    assert found.words == tuple(words) and found.left_out == ()
    ids = tokenizer(f"The {words[0]} {words[1]}", add_special_tokens=False)["input_ids"]
    assert tuple(ids[-2:]) == found.tokens[:2]
