// Exceptions and rejections that nobody catches.

/** Whatever is thrown or rejected where nobody catches it, until `stop`. */
export function strays() {
  const found = [];
  const node = globalThis.process?.on && !globalThis.window;
  const report = (event) => {
    event.preventDefault?.();
    found.push(String(event.reason ?? event.error ?? event.message ?? event));
  };
  const kinds = node ? ["unhandledRejection", "uncaughtException"] : ["unhandledrejection", "error"];
  const [on, off] = node ? ["on", "off"] : ["addEventListener", "removeEventListener"];
  for (const kind of kinds) (node ? process : globalThis)[on](kind, report);
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const kind of kinds) (node ? process : globalThis)[off](kind, report);
    return found;
  };
}
