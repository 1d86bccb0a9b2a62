// Chance that a failure can be repeated with.

/** xorshift: the same numbers below their bounds for the same seed. */
export function dice(seed) {
  let state = seed >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}
