// Where this page finds the package. Behind a bundler or an import map it would read
// `export * from "smolrag"`; this way the page needs no inline script.
export * from "./pkg/web.js";

// The policy of this page lets no text become the address of a script, but for the one of the package's worker.
globalThis.trustedTypes?.createPolicy("default", {
  createScriptURL: (url) => (url === new URL("./pkg/worker-web.js", import.meta.url).href ? url : undefined),
});
