"""The oracle: ACDC with one plain forward pass per edge, straight from the definition of a circuit.

Shares nothing with the engine but the weights. One prompt at a time, no padding, one head at a time, names as
plain strings, float64. Slow on purpose.
"""

from __future__ import annotations

import torch


def norm(x, w):
    if w.kind == "layer norm":
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.pow(2).mean(-1, keepdim=True) + w.eps).sqrt() * w.weight + w.bias
    return x / (x.pow(2).mean(-1, keepdim=True) + w.eps).sqrt() * w.weight


def rotate(x, rotary):
    if rotary is None:
        return x
    cos, sin = rotary.cos[: len(x)], rotary.sin[: len(x)]
    half = x.shape[-1] // 2
    return torch.cat(
        [
            x[:, :half] * cos[:, :half] - x[:, half:] * sin[:, :half],
            x[:, half:] * cos[:, half:] + x[:, :half] * sin[:, half:],
        ],
        -1,
    )


def project(x, projection, head):
    out = x @ projection.weight[head]
    return out if projection.bias is None else out + projection.bias[head]


def forward(weights, tokens, kept=None, ablated=None):
    """Every sender's output and the logits for one prompt.

    `kept(sender, receiver)` says whether an edge is in the circuit; a removed edge carries `ablated[sender]`.
    """
    heads, kv_heads = len(weights.blocks[0].attention.out), len(weights.blocks[0].attention.key.weight)
    biases = torch.zeros_like(weights.token_embedding[tokens])
    outputs = {"embed": weights.token_embedding[tokens]}
    if weights.position_embedding is not None:
        outputs["embed"] = outputs["embed"] + weights.position_embedding[: len(tokens)]

    def read(receiver):
        total = biases.clone()
        for sender, out in outputs.items():
            total += out if kept is None or kept(sender, receiver) else ablated[sender]
        return total

    for layer, block in enumerate(weights.blocks):
        attention = block.attention
        written = {}
        for head in range(heads):
            group = head * kv_heads // heads
            owner = f"a{layer}.h{head}" if heads == kv_heads else f"a{layer}.kv{group}"
            q = project(norm(read(f"a{layer}.h{head}.q"), block.attention_norm), attention.query, head)
            k = project(norm(read(f"{owner}.k"), block.attention_norm), attention.key, group)
            v = project(norm(read(f"{owner}.v"), block.attention_norm), attention.value, group)
            scores = rotate(q, weights.rotary) @ rotate(k, weights.rotary).T / q.shape[-1] ** 0.5
            future = torch.ones_like(scores).triu(1).bool()
            pattern = scores.masked_fill(future, -1e30).softmax(-1)
            written[f"a{layer}.h{head}"] = pattern @ v @ attention.out[head]
        outputs |= written
        if attention.out_bias is not None:
            biases = biases + attention.out_bias
        x = norm(read(f"m{layer}"), block.mlp_norm)
        hidden = x @ block.mlp.weight_in
        if block.mlp.bias_in is not None:
            hidden = hidden + block.mlp.bias_in
        if block.mlp.weight_gate is not None:
            hidden = block.mlp.activation(x @ block.mlp.weight_gate) * hidden
        else:
            hidden = block.mlp.activation(hidden)
        outputs[f"m{layer}"] = hidden @ block.mlp.weight_out
        if block.mlp.bias_out is not None:
            biases = biases + block.mlp.bias_out
    logits = norm(read("logits"), weights.final_norm) @ weights.unembedding.T
    if weights.unembedding_bias is not None:
        logits = logits + weights.unembedding_bias
    return outputs, logits[-1]


def visiting_order(weights):
    """(receiver, senders) in the original implementation's order."""
    layers = len(weights.blocks)
    heads, kv_heads = len(weights.blocks[0].attention.out), len(weights.blocks[0].attention.key.weight)
    below = {0: ["embed"]}
    for layer in range(layers):
        own = [f"m{layer}", *(f"a{layer}.h{head}" for head in range(heads))]
        below[layer + 1] = own + below[layer]
    yield "logits", below[layers]
    for layer in reversed(range(layers)):
        yield f"m{layer}", [f"a{layer}.h{head}" for head in range(heads)] + below[layer]
        for port in "vkq":
            names = [f"h{head}" for head in range(heads)]
            if port != "q" and heads != kv_heads:
                names = [f"kv{group}" for group in range(kv_heads)]
            for name in reversed(names):
                yield f"a{layer}.{name}.{port}", below[layer]


def kl(clean_logits, logits):
    log_p, log_q = clean_logits.log_softmax(-1), logits.log_softmax(-1)
    return float((log_p.exp() * (log_p - log_q)).sum())


def logit_diff(prompt, logits):
    return float(logits[list(prompt.answer_ids)].mean() - logits[list(prompt.foil_ids)].mean())


METRICS = {
    "kl": lambda prompt, clean, logits: kl(clean, logits),
    "logit-diff": lambda prompt, clean, logits: -logit_diff(prompt, logits),
    "logit-diff-distance": lambda prompt, clean, logits: abs(logit_diff(prompt, logits) - logit_diff(prompt, clean)),
    "answer-logprob": lambda prompt, clean, logits: (
        -float(sum(logits.softmax(-1)[token] for token in prompt.answer_ids).log())
    ),
    "answer-rank": lambda prompt, clean, logits: float(
        sum(value > max(logits[token] for token in prompt.answer_ids) for value in logits)
    ),
}


def ablated_outputs(ablation, prompts, clean, corrupted):
    """What removed edges carry, per prompt: {sender: [pos, d_model]}."""
    if ablation == "corrupted":
        return [outputs for outputs, _ in corrupted]
    if ablation == "zero":
        return [{sender: torch.zeros_like(out) for sender, out in outputs.items()} for outputs, _ in clean]
    runs = clean if ablation == "mean" else corrupted
    result = []
    for prompt, (outputs, _) in zip(prompts, clean, strict=True):
        group = [
            other_outputs
            for other, (other_outputs, _) in zip(prompts, runs, strict=True)
            if ablation == "mean" or other.template == prompt.template
        ]
        means = {}
        for sender, out in outputs.items():
            rows = [[o[sender][pos] for o in group if len(o[sender]) > pos] for pos in range(len(out))]
            means[sender] = torch.stack([torch.stack(row).mean(0) for row in rows])
        result.append(means)
    return result


@torch.no_grad()
def acdc(weights, prompts, tau, metric="kl", ablation="corrupted", order=None):
    """All decisions as (sender, receiver, kept, increase), and the final metric."""
    clean = [forward(weights, torch.tensor(p.clean_ids)) for p in prompts]
    corrupted = [forward(weights, torch.tensor(p.corrupted_ids)) for p in prompts]
    ablated = ablated_outputs(ablation, prompts, clean, corrupted)
    removed = set()

    def value():
        total = 0.0
        for prompt, (_, clean_logits), carried in zip(prompts, clean, ablated, strict=True):
            _, logits = forward(weights, torch.tensor(prompt.clean_ids), lambda s, r: (s, r) not in removed, carried)
            total += METRICS[metric](prompt, clean_logits, logits)
        return total / len(prompts)

    decisions, now = [], value()
    for receiver, senders in order or visiting_order(weights):
        for sender in senders:
            removed.add((sender, receiver))
            without = value()
            increase = without - now
            if increase < tau:
                now = without
            else:
                removed.remove((sender, receiver))
            decisions.append((sender, receiver, not increase < tau, increase))
    return decisions, now
