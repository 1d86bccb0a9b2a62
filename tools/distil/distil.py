"""Makes assets/embedding.bin, the built-in static embedding table, from all-MiniLM-L6-v2.

The method is model2vec's (Tulkens and van Dongen, 2024, https://github.com/MinishLab/model2vec): pass every token of the
vocabulary through the sentence encoder alone, reduce the vectors by PCA, weight them by how rare the token is. The weight
is SIF, a / (a + p) (Arora, Liang and Ma, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", ICLR 2017), with
p taken from Zipf's law, since BERT lists its words by frequency. Dividing the components by their deviation does what
Mu and Viswanath ("All-but-the-Top", ICLR 2018) do by dropping the strongest ones. README.md has the measurements behind
each choice.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

import minilm
import table

MODEL = "static-minilm-l6-128"
DIMENSIONS = 128
SIF = 2e-4
CONTINUATION = 0.75  # a word cut into n pieces has n rows in the mean; this keeps it from outweighing the whole words
CLS, SEP = 101, 102
FIRST_WORD = 1996  # "the": before it come single characters in code point order, from it on words by frequency
RARE = 10_000  # where a single character outside ASCII is ranked among the words

TEXTS = [
    "How are excerpts made from a document?",
    "",
    "知识图谱 RAG と日本語テキスト, 한국어 too",
    "Café Zürich, naïve façade: crème brûlée für Ångström & İstanbul",
    "async fn commit(&mut self, epoch: u64) -> Result<(), Error> { self.store[0] += 1; }",
    "retrieval " * 200,
    "x" * 300,
    "🚀 ship it 👩‍💻 ❤️",
    "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG",
    "?!... — « » “ ” #$%",
    "soft\u00adhyphen zero\u200bwidth nul\u0000byte no\u00a0break line\u2028end",
    "ΣΊΣΥΦΟΣ Привет мир ﬁne Ⅳ x² 50°C ß [CLS] unaffable embeddings",
]


def zipf(ids: list[int], vocabulary: list[str]) -> np.ndarray:
    """How probable each token is: ASCII characters, then the words in BERT's order, other characters among the rare."""

    def place(i):
        if i >= FIRST_WORD:
            return i
        return 0 if vocabulary[i].isascii() else FIRST_WORD + RARE

    order = sorted(range(len(ids)), key=lambda n: place(ids[n]))
    p = np.empty(len(ids))
    p[order] = 1 / np.arange(1, len(ids) + 1)
    return p / p.sum()


def whitened(rows: np.ndarray) -> np.ndarray:
    """The first principal components, each of variance 1. (A component's sign is free; fixed to keep the file the same.)"""
    rows = rows - rows.mean(0)
    variance, axes = np.linalg.eigh(rows.T @ rows / len(rows))
    best = np.argsort(-variance)[:DIMENSIONS]
    variance, axes = variance[best], axes[:, best]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(DIMENSIONS)])
    return rows @ axes / np.sqrt(variance)


def distil():
    vocabulary = minilm.vocabulary()
    ids = [i for i, token in enumerate(vocabulary) if table.is_reachable(token)]
    kept = [vocabulary[i] for i in ids]
    raw = minilm.MiniLM(np.float64).mean([[CLS, i, SEP] for i in ids], batch=256)
    weight = SIF / (SIF + zipf(ids, vocabulary))
    weight[[token.startswith("##") for token in kept]] *= CONTINUATION
    return kept, whitened(raw) * weight[:, None]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[2] / "assets")
    out = parser.parse_args().out
    data = table.write(MODEL, *distil())
    digest = hashlib.sha256(data).hexdigest()
    read = table.read(data)
    vectors = []
    for text in TEXTS:
        found = table.tokens(text, read.index)
        vectors.append({"text": text, "tokens": found,
                        "vector": [round(float(x), 6) for x in read.embed(text)] if found else []})
    (out / "embedding.bin").write_bytes(data)
    (out / "embedding.sha256").write_text(f"{digest}  embedding.bin\n")
    lines = ",\n".join(json.dumps(v) for v in vectors)
    (out / "embedding.vectors.json").write_text(f"[\n{lines}\n]\n")
    print(f"{out / 'embedding.bin'}: {len(data)} bytes, {len(read.vocabulary)} tokens, sha256 {digest}")


if __name__ == "__main__":
    main()
