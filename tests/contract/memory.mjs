// How much memory the wasm instances hold: watched from the start, since the package does not show it.

const memories = [];
const { Instance } = WebAssembly;

// Before the package is loaded: it makes its instances with this.
WebAssembly.Instance = function (...parameters) {
  const instance = new Instance(...parameters);
  memories.push(new WeakRef(instance.exports.memory));
  return instance;
};

export function wasmBytes() {
  return memories.reduce((sum, memory) => sum + (memory.deref()?.buffer.byteLength ?? 0), 0);
}
