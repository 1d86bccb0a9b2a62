// Assertions that run in every host.

export function ok(value, message = "expected a truthy value") {
  if (!value) throw new Error(message);
}

export function equal(actual, expected, message = "") {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${message ? `${message}: ` : ""}expected ${b}, got ${a}`);
}

export async function rejects(promise, code) {
  try {
    await promise;
  } catch (error) {
    if (error.name !== "SmolRagError") throw new Error(`expected a SmolRagError, got ${error.name}: ${error.message}`);
    equal(error.code, code, error.message);
    ok(error.message.length > 0, "the error says nothing");
    return error;
  }
  throw new Error(`expected a rejection with ${code}`);
}
