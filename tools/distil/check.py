"""Measures assets/embedding.bin: how far it agrees with the MiniLM it was distilled from, and how well it retrieves.

    check.py                                        format, checksum, test vectors, tokenizer against the reference
    check.py --text FOLDER [--text FOLDER ...]      + agreement with MiniLM on the paragraphs of .md and .txt below it
    check.py --questions Q.json --excerpts E.json   + hit@k and MRR (SmolRAG's file formats)
"""

import argparse
import hashlib
import json
import random
import re
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import minilm
import table

ASSETS = Path(__file__).resolve().parents[2] / "assets"
NEIGHBOURS, PARAGRAPHS, MAX_TOKENS = 10, 700, 126


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def paragraphs(folder: Path) -> list[str]:
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".md", ".txt")):
        for paragraph in re.split(r"\n\s*\n", path.read_text(encoding="utf-8", errors="replace")):
            paragraph = " ".join(paragraph.split())
            if 40 <= len(paragraph) <= 1500 and not paragraph.startswith(("```", "<", "|")):
                found[paragraph] = True
    found = list(found)
    return random.Random(7).sample(found, PARAGRAPHS) if len(found) > PARAGRAPHS else found


def similarities(vectors):
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -9)
    return scores, np.argsort(-scores, axis=1)[:, :NEIGHBOURS]


def check_file(data, embedder):
    expected = (ASSETS / "embedding.sha256").read_text().split()[0]
    assert hashlib.sha256(data).hexdigest() == expected, "embedding.bin does not match embedding.sha256"
    for case in json.loads((ASSETS / "embedding.vectors.json").read_text()):
        vector = embedder.embed(case["text"])
        assert np.allclose(vector, case["vector"] or 0, atol=1e-6), case["text"]
    reference = Tokenizer.from_file(str(minilm.folder() / "tokenizer.json"))
    reference.no_truncation()
    reference.no_padding()
    for case in json.loads((ASSETS / "embedding.vectors.json").read_text()):
        text = case["text"].replace("[CLS]", "")  # a marker to the reference, brackets and a word to us
        theirs = [t for t in reference.encode(text, add_special_tokens=False).tokens if t != "[UNK]"]
        assert theirs == table.tokens(text, embedder.index), text
    print(f"{embedder.model}: {len(data)} bytes, {len(embedder.vocabulary)} tokens; checksum, vectors and tokens agree")


def check_agreement(folder, embedder):
    texts = paragraphs(folder)
    ids = {token: i for i, token in enumerate(minilm.vocabulary())}
    pieces = [table.tokens(text, embedder.index)[:MAX_TOKENS] for text in texts]
    full = unit(minilm.MiniLM().mean([[101] + [ids[p] for p in row] + [102] for row in pieces], batch=32))
    small = unit(np.array([embedder.rows[[embedder.index[p] for p in row]].sum(0) if row else
                           np.zeros(embedder.rows.shape[1]) for row in pieces]))
    full, expected = similarities(full)
    small, found = similarities(small)
    recall = np.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(expected, found)])
    pairs = np.triu_indices(len(texts), 1)
    ranks = [x[pairs].argsort().argsort() for x in (full, small)]
    print(f"{folder}: {len(texts)} paragraphs, recall@{NEIGHBOURS} of MiniLM's neighbours {recall:.3f}, "
          f"rank correlation of cosines {np.corrcoef(*ranks)[0, 1]:.3f}")


def check_questions(questions, excerpts, embedder):
    def bare(text):
        return re.sub(r"[\W_]+", "", text).lower()

    questions = json.loads(questions.read_text(encoding="utf-8"))
    excerpts = [e["excerpt"] for e in json.loads(excerpts.read_text(encoding="utf-8")).values()]
    stripped = [bare(e) for e in excerpts]
    vectors = np.array([embedder.embed(e) for e in excerpts])
    ranks = []
    for question in questions:
        quote = bare(question["pull_quote"])
        right = [i for i, e in enumerate(stripped) if quote in e]
        if right:
            scores = vectors @ embedder.embed(question["query"])
            ranks.append(1 + int((scores > scores[right].max()).sum()))
    ranks = np.array(ranks)
    hits = "/".join(f"{100 * (ranks <= k).mean():.0f}" for k in (1, 5, 10))
    print(f"{len(ranks)} of {len(questions)} questions answerable: hit@1/5/10 {hits} %, "
          f"MRR@10 {np.where(ranks <= 10, 1 / ranks, 0).mean():.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, action="append", default=[])
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--excerpts", type=Path)
    options = parser.parse_args()
    data = (ASSETS / "embedding.bin").read_bytes()
    embedder = table.read(data)
    check_file(data, embedder)
    if options.questions and options.excerpts:
        check_questions(options.questions, options.excerpts, embedder)
    for folder in options.text:
        check_agreement(folder, embedder)


if __name__ == "__main__":
    main()
