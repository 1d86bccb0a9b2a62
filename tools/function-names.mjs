// Names by which functions are ordered in the wasm, so that those of one kind stand side by side: compressed, each is
// then mostly a reference to its neighbour.
//
// As the compiler gives them, functions that differ in their types alone go by one name and a hash, and would come in
// an order that each change of the source throws over.

/** The module with a name section in which each function's name is its path and then what it begins with. */
export function named(wasm) {
  const module = new Reader(wasm, 8);
  const kept = [wasm.subarray(0, 8)];
  const bodies = [];
  const names = [];
  let imported = 0;
  while (module.at < wasm.length) {
    const start = module.at;
    const id = module.byte();
    const section = module.block();
    const isNames = id === CUSTOM && section.text() === "name";
    if (!isNames) kept.push(wasm.subarray(start, module.at));
    if (id === IMPORT) imported = functionImports(section);
    if (id === CODE) for (let left = section.number(); left > 0; left--) bodies.push(section.block().bytes);
    if (isNames) readNames(section, names);
  }
  const entries = names.map(([index, name]) => {
    const path = name.replace(/(::h|17h|\[)[0-9a-f]{16}[\]E]?/g, "").replace(/^</, "");
    const body = bodies[index - imported]?.subarray(0, 80).toString("hex") ?? "";
    return Buffer.concat([leb(index), sized(Buffer.from(`${path} ${body} ${index}`))]);
  });
  const functions = sized(Buffer.concat([leb(entries.length), ...entries]));
  const section = Buffer.concat([sized(Buffer.from("name")), Buffer.from([FUNCTIONS]), functions]);
  return Buffer.concat([...kept, Buffer.from([CUSTOM]), sized(section)]);
}

// Sections of a module, and of its names that of the functions.
const [CUSTOM, IMPORT, CODE, FUNCTIONS] = [0, 2, 10, 1];

function readNames(section, names) {
  while (section.at < section.bytes.length) {
    const id = section.byte();
    const part = section.block();
    if (id !== FUNCTIONS) continue;
    for (let left = part.number(); left > 0; left--) names.push([part.number(), part.text()]);
  }
}

function functionImports(section) {
  let functions = 0;
  for (let left = section.number(); left > 0; left--) {
    section.text();
    section.text();
    const kind = section.byte();
    if (kind !== 0) throw new Error(`an import of kind ${kind}: only functions are expected`);
    section.number();
    functions += 1;
  }
  return functions;
}

class Reader {
  constructor(bytes, at = 0) {
    Object.assign(this, { bytes, at });
  }

  byte() {
    return this.bytes[this.at++];
  }

  /** LEB128, of 32 bits. */
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  }

  /** What stands behind its length. */
  block() {
    const length = this.number();
    this.at += length;
    return new Reader(this.bytes.subarray(this.at - length, this.at));
  }

  text() {
    return this.block().bytes.toString();
  }
}

function leb(number) {
  const bytes = [];
  for (; number > 127; number >>>= 7) bytes.push((number & 127) | 128);
  return Buffer.from([...bytes, number]);
}

function sized(bytes) {
  return Buffer.concat([leb(bytes.length), bytes]);
}
