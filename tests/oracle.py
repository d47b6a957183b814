"""The oracle: ACDC with one plain forward pass per edge, straight from the definition of a circuit.

Shares nothing with the engine but the weights. One prompt at a time, no padding, one head at a time, names as
plain strings, float64. Slow on purpose, and on purpose it writes out again what `Attention`, norms and MLPs compute:
it is what they are checked against, so none of their methods is to be called here.
"""

from __future__ import annotations

import torch


def norm(x, w, scale=None):
    """`scale` takes the place of an RMS norm's own."""
    if w.kind == "no norm":
        return x
    if w.kind == "layer norm":
        centred = x - x.mean(-1, keepdim=True)
        out = centred / (centred.pow(2).mean(-1, keepdim=True) + w.eps).sqrt() * w.weight
        return out if w.bias is None else out + w.bias
    return x * (rms_scale(x, w) if scale is None else scale) * w.weight


def rms_scale(x, w):
    return 1 / (x.pow(2).mean(-1, keepdim=True) + w.eps).sqrt()


def rotate(x, rotary):
    if rotary is None:
        return x
    size, out = rotary.cos.shape[1], x.clone()
    if rotary.pairing == "adjacent pairs":
        first, second = slice(0, size, 2), slice(1, size, 2)
    else:
        first, second = slice(0, size // 2), slice(size // 2, size)
    cos, sin = rotary.cos[: len(x), first], rotary.sin[: len(x), first]
    out[:, first] = x[:, first] * cos - x[:, second] * sin
    out[:, second] = x[:, second] * cos + x[:, first] * sin
    return out


def project(x, projection, head):
    out = x @ projection.weight[head]
    if projection.bias is not None:
        out = out + projection.bias[head]
    if projection.joint is not None:  # the root mean square over all heads, of what they make of this head's input
        every = [x @ weight for weight in projection.weight]
        if projection.bias is not None:
            every = [vector + bias for vector, bias in zip(every, projection.bias, strict=True)]
        out = out * rms_scale(torch.cat(every, -1), projection.joint) * projection.joint.gain[head]
    return out if projection.norm is None else norm(out, projection.norm)


def capped(x, cap):
    return x if cap is None else cap * (x / cap).tanh()


def attend(q, k, attention):
    """Attention probabilities, `[query position, key position]`."""
    scores = capped(q @ k.T / attention.scale, attention.soft_cap)
    unreadable = torch.ones_like(scores).triu(1).bool()
    if attention.window is not None:
        unreadable |= torch.ones_like(scores).tril(-attention.window).bool()
    return scores.masked_fill(unreadable, -1e30).softmax(-1)


def multilayer(x, mlp):
    """What an MLP writes, output bias and all."""
    hidden = x @ mlp.weight_in
    if mlp.bias_in is not None:
        hidden = hidden + mlp.bias_in
    if mlp.weight_gate is None:
        hidden = mlp.activation(hidden)
    else:
        gate = x @ mlp.weight_gate
        hidden = mlp.activation(gate if mlp.bias_gate is None else gate + mlp.bias_gate) * hidden
    out = hidden @ mlp.weight_out
    if mlp.bias_out is not None:
        out = out + mlp.bias_out
    return out if mlp.post_norm is None else norm(out, mlp.post_norm)


def forward(weights, tokens, kept=None, ablated=None, scales=None, layers=None):
    """Every sender's output, the logits at every token, and the scales of norms after the heads, for one prompt.

    `kept(sender, receiver)` says whether an edge is in the circuit, for all tokens or, `[pos, 1]`, for each; a removed
    edge carries `ablated[sender]`. `scales` are those to use, the clean run's; without them the run's own. `layers`
    holds what has been written when a layer begins, of those that an earlier run with the same edges into the layers
    below has reached: the last of them is where this one begins. What this one reaches is added.
    """
    heads, kv_heads = len(weights.blocks[0].attention.out), len(weights.blocks[0].attention.key.weight)
    biases = torch.zeros_like(weights.token_embedding[tokens])
    outputs = {"embed": weights.token_embedding[tokens]}
    if weights.position_embedding is not None:
        outputs["embed"] = outputs["embed"] + weights.position_embedding[: len(tokens)]
    scales, layers = dict(scales or {}), {} if layers is None else layers
    first = max(layers, default=0)
    if layers:
        outputs, biases = dict(layers[first][0]), layers[first][1]

    def read(receiver, unread=()):
        total = biases.clone()
        for sender, out in outputs.items():
            if sender not in unread:
                here = True if kept is None else kept(sender, receiver)
                if isinstance(here, bool):
                    total += out if here else ablated[sender]
                else:
                    total += torch.where(here, out, ablated[sender])
        return total

    for layer, block in enumerate(weights.blocks):
        if layer < first:
            continue
        layers[layer] = (dict(outputs), biases)
        attention = block.attention
        written, biases_before = {}, biases
        for head in range(heads):
            group = head * kv_heads // heads
            owner = f"a{layer}.h{head}" if heads == kv_heads else f"a{layer}.kv{group}"
            q = project(norm(read(f"a{layer}.h{head}.q"), block.attention_norm), attention.query, head)
            k = project(norm(read(f"{owner}.k"), block.attention_norm), attention.key, group)
            v = project(norm(read(f"{owner}.v"), block.attention_norm), attention.value, group)
            pattern = attend(rotate(q, attention.query.rotary), rotate(k, attention.key.rotary), attention)
            written[f"a{layer}.h{head}"] = pattern @ v @ attention.out[head]
        if attention.post_norm is not None:
            if layer not in scales:
                scales[layer] = rms_scale(sum(written.values()), attention.post_norm)
            written = {name: norm(out, attention.post_norm, scales[layer]) for name, out in written.items()}
        outputs |= written
        if attention.out_bias is not None:
            biases = biases + attention.out_bias
        if block.mlp is None:
            continue
        if block.parallel:
            after, biases = biases, biases_before
            x = read(f"m{layer}", unread=written)
            biases = after
        else:
            x = read(f"m{layer}")
        outputs[f"m{layer}"] = multilayer(norm(x, block.mlp_norm), block.mlp)
    layers[len(weights.blocks)] = (dict(outputs), biases)
    logits = norm(read("logits"), weights.final_norm) @ weights.unembedding.T
    if weights.unembedding_bias is not None:
        logits = logits + weights.unembedding_bias
    return outputs, capped(logits, weights.logit_soft_cap), scales


def visiting_order(weights):
    """(receiver, senders) in the original implementation's order."""
    layers = len(weights.blocks)
    heads, kv_heads = len(weights.blocks[0].attention.out), len(weights.blocks[0].attention.key.weight)
    has_mlp = weights.blocks[0].mlp is not None
    below = {0: ["embed"]}
    for layer in range(layers):
        own = [f"m{layer}"] * has_mlp + [f"a{layer}.h{head}" for head in range(heads)]
        below[layer + 1] = own + below[layer]
    yield "logits", below[layers]
    for layer in reversed(range(layers)):
        if has_mlp:
            own_heads = [] if weights.blocks[0].parallel else [f"a{layer}.h{head}" for head in range(heads)]
            yield f"m{layer}", own_heads + below[layer]
        for port in "vkq":
            names = [f"h{head}" for head in range(heads)]
            if port != "q" and heads != kv_heads:
                names = [f"kv{group}" for group in range(kv_heads)]
            for name in reversed(names):
                yield f"a{layer}.{name}.{port}", below[layer]


def kl(clean_logits, logits):
    log_p, log_q = clean_logits.log_softmax(-1), logits.log_softmax(-1)
    return float((log_p.exp() * (log_p - log_q)).sum())


def mean_kl(prompt, clean, logits):
    """Mean over the tokens of an answer, each after those before it; of one token, after the prompt."""
    n = len(steps(prompt))
    return sum(kl(clean[-n + i], logits[-n + i]) for i in range(n)) / n


def steps(prompt):
    """What may come at each step of the answer: of one token any of several, of several tokens one after another."""
    return [list(prompt.answer_ids)] if prompt.forced is None else [[token] for token in prompt.forced.ids]


def log_probability(prompt, logits):
    """Of the whole answer: the chain rule."""
    right = steps(prompt)
    own = logits[-len(right) :].softmax(-1)
    return sum(float(p[tokens].sum().log()) for p, tokens in zip(own, right, strict=True))


def rank(prompt, logits):
    """How many words are above the right one, mean over the steps."""
    right = steps(prompt)
    own = logits[-len(right) :]
    return sum(sum(float(value > at[tokens].max()) for value in at) for at, tokens in zip(own, right, strict=True)) / (
        len(right)
    )


def logit_diff(prompt, logits):
    """Where answer and foil part."""
    at = logits[-1] if prompt.forced is None else logits[prompt.forced.contrast - len(prompt.forced.ids)]
    return float(at[list(prompt.answer_ids)].mean() - at[list(prompt.foil_ids)].mean())


METRICS = {
    "kl": mean_kl,
    "logit-diff": lambda prompt, clean, logits: -logit_diff(prompt, logits),
    "logit-diff-distance": lambda prompt, clean, logits: abs(logit_diff(prompt, logits) - logit_diff(prompt, clean)),
    "answer-logprob": lambda prompt, clean, logits: -log_probability(prompt, logits),
    "answer-rank": lambda prompt, clean, logits: rank(prompt, logits),
}


def ablated_outputs(ablation, prompts, clean, corrupted):
    """What removed edges carry, per prompt: {sender: [pos, d_model]}."""
    if ablation == "corrupted":
        return [outputs for outputs, *_ in corrupted]
    if ablation == "zero":
        return [{sender: torch.zeros_like(out) for sender, out in outputs.items()} for outputs, *_ in clean]
    runs = clean if ablation == "mean" else corrupted
    result = []
    for prompt, (outputs, *_) in zip(prompts, clean, strict=True):
        group = [
            other_outputs
            for other, (other_outputs, *_) in zip(prompts, runs, strict=True)
            if ablation == "mean" or other.template == prompt.template
        ]
        means = {}
        for sender, out in outputs.items():
            rows = [[o[sender][pos] for o in group if len(o[sender]) > pos] for pos in range(len(out))]
            means[sender] = torch.stack([torch.stack(row).mean(0) for row in rows])
        result.append(means)
    return result


def named(sender, receiver):
    """An edge, from its sender; in positions, from its sender and its span."""
    return (sender, receiver) if isinstance(sender, str) else (sender[0], receiver, sender[1])


def layer_of(receiver, n_layers):
    """The layer whose receiver it is: the logits are read after the last."""
    return n_layers if receiver == "logits" else int(receiver[1:].partition(".")[0])


def metric_without(weights, prompts, metric, ablation):
    """A function from removed edges, (sender, receiver) or (sender, receiver, span), to the mean of the metric.

    What the first layers write is kept from one call to the next, for as long as the same edges into them are gone.
    """
    n_layers, known = len(weights.blocks), {}
    clean = [forward(weights, torch.tensor(p.clean_ids)) for p in prompts]
    corrupted = [forward(weights, torch.tensor(p.corrupted_ids)) for p in prompts]
    ablated = ablated_outputs(ablation, prompts, clean, corrupted)

    def keeping(prompt, removed):
        """`kept` of `forward`, from what is gone of each edge; "" stands for all of it."""
        own, gone, masks = frozenset(prompt.spans), {}, {}
        for sender, receiver, *span in removed:
            gone.setdefault((sender, receiver), set()).update(span or [""])

        def kept(sender, receiver):
            without = gone.get((sender, receiver))
            if not without:
                return True
            lacking = own if "" in without else own & without
            if lacking == own or not lacking:
                return not lacking
            if lacking not in masks:
                masks[lacking] = torch.tensor([[span not in lacking] for span in prompt.spans])
            return masks[lacking]

        return kept

    def value(removed):
        total = 0.0
        into = [frozenset(e for e in removed if layer_of(e[1], n_layers) < layer) for layer in range(n_layers + 1)]
        for number, prompt in enumerate(prompts):
            (_, clean_logits, scales), carried = clean[number], ablated[number]
            keys = [(number, layer, into[layer]) for layer in range(n_layers + 1)]
            layers = {key[1]: known[key] for key in keys if key in known}
            tokens = torch.tensor(prompt.clean_ids)
            _, logits, _ = forward(weights, tokens, keeping(prompt, removed), carried, scales, layers)
            known.update((key, layers[key[1]]) for key in keys if key[1] in layers)
            total += METRICS[metric](prompt, clean_logits, logits)
        return total / len(prompts)

    return value


@torch.no_grad()
def acdc(weights, prompts, tau, metric="kl", ablation="corrupted", order=None, knocked_out=(), outside=(), free=()):
    """All decisions as (sender, receiver, kept, increase), and the final metric.

    `outside` are edges, as (sender, receiver), that were removed before the search began: those that a search which
    starts from a circuit does not decide. In positions, `order` has (sender, span) for a sender, and edges are
    (sender, receiver, span). `free` are edges that are said to change nothing: those of a receiver are removed when it
    is visited, all at once, and that they change nothing is asserted.
    """
    removed, value = set(outside), metric_without(weights, prompts, metric, ablation)
    every = list(order or visiting_order(weights))
    removed |= {(sender, receiver) for receiver, senders in every for sender in senders if sender in knocked_out}
    decisions, now = [], value(removed)
    for receiver, senders in every:
        without = {edge for edge in free if edge[1] == receiver}
        if without:
            assert abs(value(removed | without) - now) < 1e-11
            removed |= without
        for sender in senders:
            edge = named(sender, receiver)
            if edge in outside or edge in without:
                continue
            if sender in knocked_out:
                decisions.append((sender, receiver, False, 0.0))
                continue
            removed.add(edge)
            after = value(removed)
            increase = after - now
            if increase < tau:
                now = after
            else:
                removed.remove(edge)
            decisions.append((sender, receiver, not increase < tau, increase))
    return decisions, now


@torch.no_grad()
def grouped(weights, prompts, tau, receivers, free, metric="kl", ablation="corrupted", outside=()):
    """Grouped ACDC, one plain forward pass per block: (senders, receiver, kept, increase) of every block in turn.

    `receivers` are (receiver, senders in the order of the hint). `free` are the edges that are said to change nothing:
    they are removed first, and that they change nothing is asserted. In positions as in `acdc`.
    """
    removed, value = set(outside), metric_without(weights, prompts, metric, ablation)
    blocks, now = [], value(removed)
    for receiver, senders in receivers:
        without = {edge for edge in free if edge[1] == receiver}
        assert abs(value(removed | without) - now) < 1e-11
        removed |= without
        rest = [sender for sender in senders if named(sender, receiver) not in free]
        first, second = int(len(rest) * 0.75), int(len(rest) * 0.9375)
        waiting = [rest[:first], rest[first:second], rest[second:]]
        while waiting:
            block = waiting.pop(0)
            if not block:
                continue
            edges = {named(sender, receiver) for sender in block}
            after = value(removed | edges)
            increase = after - now
            if increase < tau:
                removed |= edges
                now = after
            elif len(block) > 1:
                longer = len(block) % 4
                sizes = [len(block) // 4 + 1] * longer + [len(block) // 4] * (4 - longer)
                starts = [sum(sizes[:part]) for part in range(4)]
                waiting = [block[start : start + size] for start, size in zip(starts, sizes, strict=True)] + waiting
                continue
            blocks.append((block, receiver, not increase < tau, increase))
    return blocks, now
