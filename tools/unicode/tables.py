#!/usr/bin/env python3
"""Writes src/builtin/unicode/tables.rs: what BERT's uncased tokenizer needs to know of Unicode beyond std.

A crate for normalisation and one for general categories would add 35 kB gzip to the wasm; these tables, only what
is asked of them and only the Basic Multilingual Plane where that is enough, add a tenth of it.
"""

import sys
import unicodedata
from pathlib import Path

CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic


def ranges(belongs):
    out = []
    for code in CODES:
        if belongs(chr(code)):
            if out and out[-1][1] == code - 1:
                out[-1][1] = code
            else:
                out.append([code, code])
    return out


def bases():
    """Each character of the BMP that decomposes within it, with what is left of it without marks: one character or more."""
    for code in CODES:
        c = chr(code)
        whole = unicodedata.normalize("NFD", c)
        if code > 0xFFFF or code in HANGUL or whole == c:
            continue
        for base in whole:
            if unicodedata.category(base) != "Mn" and ord(base) <= 0xFFFF:
                yield code, ord(base)


def table(name, doc, kind, rows):
    cells = [f"({', '.join(f'0x{cell:04X}' for cell in row)})" for row in rows]
    lines = ["    " + ", ".join(cells[i:i + 6]) + "," for i in range(0, len(cells), 6)]
    return f"/// {doc}\n#[rustfmt::skip]\npub(super) static {name}: [{kind}; {len(cells)}] = [\n" + "\n".join(lines) + "\n];\n"


def main():
    category = unicodedata.category
    parts = [
        f"//! Written by tools/unicode/tables.py from Unicode {unicodedata.unidata_version}; not edited by hand.\n",
        table("BASES", "Canonical decompositions of the BMP without their nonspacing marks; a character may come twice.",
              "(u16, u16)", bases()),
        table("MARKS", "Nonspacing marks (Mn), first and last.", "(u32, u32)", ranges(lambda c: category(c) == "Mn")),
        table("PUNCTUATION", "Punctuation (P*) beyond ASCII, first and last.", "(u32, u32)",
              ranges(lambda c: ord(c) > 0x7F and category(c)[0] == "P")),
        table("FORMATS", "Format characters (Cf), first and last.", "(u32, u32)", ranges(lambda c: category(c) == "Cf")),
    ]
    Path(sys.argv[1]).write_text("\n".join(parts))


main()
