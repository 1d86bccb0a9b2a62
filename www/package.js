// Where this page finds the package. Behind a bundler or an import map it would read
// `export * from "smolrag"`; this way the page needs no inline script.
export * from "./pkg/web.js";
