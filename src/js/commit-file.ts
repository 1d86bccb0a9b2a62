// A commit as a file: "smolrag1", the length of the header (32 bits, little-endian), the header's SHA-256, the header as JSON,
// and the values that were put, one after the other. The values have no checksum here: the engine's records carry their own.
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

import { SmolRagError } from "./error.js";

/** What a commit changes, without the values. */
export interface Header {
  readonly epoch: number;
  /** The oldest commit that still counts: whatever earlier ones put is gone, or put again by later ones. */
  readonly first: number;
  /** Tables and keys that were deleted, before anything was put. */
  readonly deletes: [string, string][];
  /** Table, key and bytes of each value. */
  readonly puts: [string, string, number][];
}

/** A header as it was read. */
export interface Loaded {
  readonly header: Header;
  /** Where the values begin. */
  readonly start: number;
  /** Bytes of the file. */
  readonly size: number;
}

const MAGIC = Buffer.from("smolrag1");
const CHECKSUM = MAGIC.length + 4;
const HEADER = CHECKSUM + 32;
/** More than most headers have. */
const FIRST_READ = 4096;

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

export function encode(header: Header, values: Uint8Array[]): Uint8Array {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([MAGIC, length, sha256(json), json, ...values]);
}

/**
 * Reads and checks the header of the commit with this epoch; undefined if there is no such file. Not asynchronous: opening a
 * knowledge base reads thousands of headers, and turns of the event loop would take several times as long as the reading.
 */
export function loadHeader(path: string, epoch: number): Loaded | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === "ENOENT") return undefined;
    throw thrown;
  }
  try {
    return checked(file, path, epoch);
  } finally {
    closeSync(file);
  }
}

function checked(file: number, path: string, epoch: number): Loaded {
  const damaged = (how: string): SmolRagError =>
    new SmolRagError("storage-corrupt", `${path} ${how}; put the file back from a copy: without it, what it changed is not known`);
  const read = (length: number): Buffer => {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, 0));
  };
  let bytes = read(FIRST_READ);
  if (bytes.length < HEADER || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged("is no commit of smolrag");
  const start = HEADER + bytes.readUInt32LE(MAGIC.length);
  // A length that is damaged must not ask for gigabytes.
  if (start > bytes.length && start > fstatSync(file).size) throw damaged("is cut off");
  if (start > bytes.length) bytes = read(start);
  const json = bytes.subarray(HEADER, start);
  if (!sha256(json).equals(bytes.subarray(CHECKSUM, HEADER))) throw damaged("fails its checksum");
  const header = JSON.parse(json.toString()) as Header;
  if (header.epoch !== epoch) throw damaged(`is the commit ${header.epoch}`);
  return { header, start, size: header.puts.reduce((sum, [, , length]) => sum + length, start) };
}
