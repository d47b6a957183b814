"""Which library multiplies activations with weights faster on this processor: MKL or oneDNN?

    python benchmarks/products.py

Prints, for the products of GPT-2 small and SmolLM2-135M and several numbers of rows, the speed of both in billions of
multiplications and additions a second, and the largest difference between their results.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from acdc_custom.model.products import product

SHAPES = {"MLP of SmolLM2-135M": (576, 1536), "MLP of GPT-2 small": (768, 3072), "output of GPT-2 small": (768, 50257)}
ROWS = (8, 64, 512)
REPEATS = 7


def seconds(compute: Callable[[], Tensor]) -> float:
    """The fastest of several runs: what the processor can do when nobody disturbs it."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        compute()
        best = min(best, time.perf_counter() - started)
    return best


def main() -> None:
    """Print the table."""
    print(f"{'':<24}{'rows':>6}{'F.linear':>12}{'product':>12}   GFLOP/s, {torch.get_num_threads()} threads")
    for name, (n_in, n_out) in SHAPES.items():
        weight = torch.randn(n_in, n_out)
        for n in ROWS:
            x = torch.randn(n, n_in)
            work = 2 * n * n_in * n_out / 1e9
            plain, ours = F.linear(x, weight.mT), product(x, weight)
            speeds = [
                work / seconds(compute)
                for compute in (lambda x=x, w=weight: F.linear(x, w.mT), lambda x=x, w=weight: product(x, w))
            ]
            difference = float((plain - ours).abs().max() / plain.abs().max())
            print(f"{name:<24}{n:>6}{speeds[0]:>12.0f}{speeds[1]:>12.0f}   difference {difference:.0e}")


if __name__ == "__main__":
    main()
