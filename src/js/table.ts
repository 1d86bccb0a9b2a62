/** Rows by key, and the keys in the order of their UTF-16 units. */
export class Table<V> {
  readonly #rows = new Map<string, V>();
  readonly #keys: string[] = [];

  /** Where the key is or belongs. */
  #place(key: string): number {
    let [from, to] = [0, this.#keys.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#keys[middle]! < key) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  get(key: string): V | undefined {
    return this.#rows.get(key);
  }

  put(key: string, value: V): void {
    if (!this.#rows.has(key)) this.#keys.splice(this.#place(key), 0, key);
    this.#rows.set(key, value);
  }

  delete(key: string): void {
    if (this.#rows.delete(key)) this.#keys.splice(this.#place(key), 1);
  }

  /** At most `limit` rows strictly after the key. */
  after(key: string | undefined, limit: number): [string, V][] {
    let from = key === undefined ? 0 : this.#place(key);
    if (this.#keys[from] === key) from += 1;
    return this.#keys.slice(from, from + limit).map((found) => [found, this.#rows.get(found)!]);
  }
}
