/** IndexedDB as a `StorageAdapter`, as the engine reaches it. `instance` is that of the package's `instance.js`. */
export function indexedDBAdapter(instance) {
  let rows;
  return {
    async open(name) {
      rows ??= await instance.call(() => instance.bindings.Rows.open(name, "indexeddb"));
      return { epoch: await instance.call(() => rows.epoch()) };
    },
    read: (table, after, limit = Infinity) => instance.call(() => rows.read(table, after, limit)),
    commit: (expectedEpoch, puts, deletes) => instance.call(() => rows.commit(expectedEpoch, puts, deletes)),
    async close() {
      await instance.call(() => rows.close());
    },
  };
}
