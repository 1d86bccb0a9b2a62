"""The static table: its file format, the tokenizer that looks words up in it, and the embedding of a text.

This is the reference that the Rust reader is tested against (assets/embedding.vectors.json). Only numpy is needed.
"""

import struct
import unicodedata

import numpy as np

MAGIC, VERSION = b"SRE1", 1
MAX_WORD = 100  # characters; a longer word is unknown

# The blocks that BERT treats as characters that stand alone: ideographs, not kana or hangul.
CJK = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
       (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))


def is_space(c):
    return c in "\t\n\v\f\r\x85" or unicodedata.category(c) in ("Zs", "Zl", "Zp")


def is_dropped(c):
    """Control and format characters. Unassigned and private ones stay, and make their word unknown."""
    return c == "\ufffd" or unicodedata.category(c) in ("Cc", "Cf")


def is_punctuation(c):
    return ("!" <= c <= "/" or ":" <= c <= "@" or "[" <= c <= "`" or "{" <= c <= "~"
            or unicodedata.category(c)[0] == "P")


def is_cjk(c):
    return any(low <= ord(c) <= high for low, high in CJK)


def words(text: str) -> list[str]:
    """Words of the uncased BERT: no control characters, no accents, lower case; punctuation and ideographs alone."""
    out, word = [], []

    def flush():
        if word:
            out.append("".join(word))
            word.clear()

    for original in text:
        if is_space(original):
            flush()
        elif is_dropped(original):
            continue
        elif is_cjk(original):  # before decomposition, which turns a compatibility ideograph into another character
            flush()
            out.append(unicodedata.normalize("NFD", original))
        else:
            for part in unicodedata.normalize("NFD", original):
                if unicodedata.category(part) == "Mn":
                    continue
                for c in part.lower():
                    if is_punctuation(c):
                        flush()
                        out.append(c)
                    else:
                        word.append(c)
    flush()
    return out


def pieces(word: str, vocabulary) -> list[str]:
    """The longest known prefix, then the longest known continuations (`##`); nothing at all if any part is unknown."""
    if len(word) > MAX_WORD:
        return []
    out, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                out.append(piece)
                start = end
                break
        else:
            return []
    return out


def tokens(text: str, vocabulary) -> list[str]:
    return [piece for word in words(text) for piece in pieces(word, vocabulary)]


def is_reachable(token: str) -> bool:
    """Whether some text can give this token: not `[unused7]`, nor a continuation that is punctuation."""
    if token.startswith("##") and len(token) > 2:
        return words("a" + token[2:]) == ["a" + token[2:]]
    return words(token) == [token]


class Table:
    def __init__(self, model: str, vocabulary: list[str], rows: np.ndarray):
        self.model, self.vocabulary, self.rows = model, vocabulary, rows
        self.index = {token: row for row, token in enumerate(vocabulary)}

    def embed(self, text: str) -> np.ndarray:
        """The mean of the rows of the text's tokens, of length 1; zero if it has no known token."""
        found = [self.index[token] for token in tokens(text, self.index)]
        if not found:
            return np.zeros(self.rows.shape[1])
        mean = self.rows[found].mean(0, dtype=np.float64)
        norm = np.linalg.norm(mean)
        return mean / norm if norm > 0 else mean


def quantise(rows: np.ndarray):
    scales = (np.abs(rows).max(1) / 127).astype("<f4")
    safe = np.where(scales > 0, scales, 1).astype(np.float64)
    return scales, np.clip(np.rint(rows / safe[:, None]), -127, 127).astype(np.int8)


def write(model: str, vocabulary: list[str], rows: np.ndarray) -> bytes:
    order = sorted(range(len(vocabulary)), key=lambda i: vocabulary[i].encode())
    scales, codes = quantise(rows[order])
    name, words_ = model.encode(), "\n".join(vocabulary[i] for i in order).encode()
    head = MAGIC + struct.pack("<IIII", VERSION, rows.shape[1], len(order), len(name)) + name
    head += struct.pack("<I", len(words_)) + words_
    head += bytes(-len(head) % 4)
    return head + scales.tobytes() + codes.tobytes()


def read(data: bytes) -> Table:
    version, dimensions, count, length = struct.unpack_from("<IIII", data, 4)
    if data[:4] != MAGIC or version != VERSION:
        raise ValueError("not an embedding table of version 1")
    at = 20 + length
    model = data[20:at].decode()
    (length,) = struct.unpack_from("<I", data, at)
    vocabulary = data[at + 4:at + 4 + length].decode().split("\n")
    at += 4 + length
    at += -at % 4
    scales = np.frombuffer(data, "<f4", count, at)
    codes = np.frombuffer(data, np.int8, count * dimensions, at + 4 * count).reshape(count, dimensions)
    if len(vocabulary) != count or len(data) != at + count * (4 + dimensions):
        raise ValueError("the embedding table is cut short or too long")
    return Table(model, vocabulary, codes * scales[:, None])
