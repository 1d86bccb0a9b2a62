// What was found, as the engine hands it over: see src/host/retrieved.rs.
import type { Mode, Retrieved } from "./types.js";

/** All strings one after the other, and all numbers: lengths of strings and lists, and what is a number. */
export type Packed = [text: string, numbers: Float64Array];

export function unpacked([text, numbers]: Packed): Retrieved {
  let next = 0;
  let at = 0;
  const number = (): number => numbers[next++]!;
  const string = (): string => text.slice(at, (at += number()));
  const list = <T>(item: () => T): T[] => {
    const items: T[] = [];
    for (let left = number(); left > 0; left--) items.push(item());
    return items;
  };
  const mode = string() as Mode;
  const keywords = { high: list(string), low: list(string) };
  const ids = string().split("\n");
  const id = (): string => ids[number()]!;
  return {
    mode,
    keywords,
    excerpts: list(() => ({
      id: string(), source: string(), text: string(), summary: string(), headings: list(string), score: number(), start: number(), end: number(),
    })),
    entities: list(() => ({
      name: string(), category: string(), description: string(), rank: number(), score: number(), excerpts: list(id),
    })),
    relationships: list(() => ({
      source: string(), target: string(), description: string(), keywords: string(),
      weight: number(), rank: number(), score: number(), excerpts: list(id),
    })),
    context: string(),
  };
}
