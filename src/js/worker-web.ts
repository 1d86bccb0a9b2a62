// The script of the dedicated worker that `open({ worker: true })` starts in a browser.
import "./host-web.js";
import { serve } from "./serve.js";

// TypeScript takes the global object for a window.
const scope = globalThis as unknown as {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  close(): void;
};

// Held until the worker ends, which is how the page notices. Without locks (a page that is not secure) it does not.
const lock = `smolrag worker ${Math.random()}`;
void globalThis.navigator.locks?.request(lock, () => {
  scope.postMessage({ lock });
  return new Promise(() => undefined);
});

serve({
  post: (message) => scope.postMessage(message),
  listen: (receive) => scope.addEventListener("message", ({ data }) => receive(data)),
  close: () => scope.close(),
});
