"""Embeds passages by all-MiniLM-L6-v2, with the forward pass and the packages of tools/distil.

Usage: minilm.py passages.json minilm.f32
Reads a JSON list of texts; writes their vectors, 384 little-endian f32 each, in the order of the texts. The list is made by

    node -e 'import("./passages.mjs").then(({ passages }) => console.log(JSON.stringify(passages(20_100))))' > passages.json
"""

import json
import sys
from pathlib import Path

import numpy
from tokenizers import BertWordPieceTokenizer

sys.path.insert(0, str(Path(__file__).parents[2] / "tools/distil"))
from minilm import MiniLM, folder

MOST_TOKENS = 128  # of a passage, as Sentence Transformers cut them for this model

tokenizer = BertWordPieceTokenizer(str(folder() / "vocab.txt"), lowercase=True)
tokenizer.enable_truncation(MOST_TOKENS)
texts = json.loads(Path(sys.argv[1]).read_text())
ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
model = MiniLM()
with Path(sys.argv[2]).open("wb") as file:
    for start in range(0, len(ids), 1000):
        vectors = model.mean(ids[start : start + 1000])
        vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
        vectors.astype(numpy.float32).tofile(file)
        print(f"{min(start + 1000, len(ids))} of {len(ids)}", flush=True)
