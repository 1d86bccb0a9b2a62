// Counts, sizes and failures in words.

const number = new Intl.NumberFormat("en");

/** `count(1, "document")` is "1 document", `count(1200, "entity", "entities")` is "1,200 entities". */
export function count(n, one, several = `${one}s`) {
  return `${number.format(n)} ${n === 1 ? one : several}`;
}

export function bytes(n) {
  if (n < 1000) return count(n, "byte");
  const [divisor, unit] = n < 1e6 ? [1e3, "kB"] : [1e6, "MB"];
  return `${(n / divisor).toFixed(n / divisor < 10 ? 1 : 0)} ${unit}`;
}

export function milliseconds(n) {
  return n < 1000 ? `${Math.round(n)} ms` : `${(n / 1000).toFixed(1)} s`;
}

/** The message of an error and, where it has one, its code. */
export function failure(error) {
  const message = error?.message || String(error);
  return error?.code ? `${message} (${error.code})` : message;
}

export function isCancelled(error) {
  return error?.code === "aborted" || error?.name === "AbortError";
}
