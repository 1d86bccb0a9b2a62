/** 32 well-mixed bits of a text: FNV-1a, and the finalizer of MurmurHash3. */
function hash(text: string): number {
  let bits = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) bits = Math.imul(bits ^ byte, 0x01000193);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/**
 * Which of so many shards a document is in: the one whose hash together with the source is highest (rendezvous hashing,
 * Thaler and Ravishankar 1998). One shard more takes its share from all others and moves nothing among them.
 */
export function shardOf(source: string, shards: number): number {
  let [best, highest] = [0, -1];
  for (let shard = 0; shard < shards; shard += 1) {
    const height = hash(`${shard} ${source}`);
    if (height > highest) [best, highest] = [shard, height];
  }
  return best;
}
