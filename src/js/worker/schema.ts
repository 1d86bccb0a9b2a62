/** The part of JSON Schema 2020-12 that the API is described in. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "number" | "integer" | "boolean";
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | false;
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly default?: unknown;
  readonly format?: string;
  readonly anyOf?: readonly Schema[];
  readonly contentMediaType?: string;
}

/** What is wrong with a value, as a sentence that names the place; `undefined` if nothing is. */
export function fault(value: unknown, schema: Schema, at: string): string | undefined {
  if (schema.anyOf) {
    const faults = schema.anyOf.map((one) => fault(value, one, at));
    return faults.includes(undefined) ? undefined : `${at} must be ${schema.description ?? "of another form"}`;
  }
  if (schema.enum) return schema.enum.includes(value as string) ? undefined : `${at} must be one of ${schema.enum.join(", ")}`;
  switch (schema.type) {
    case "string": return stringFault(value, schema, at);
    case "boolean": return typeof value === "boolean" ? undefined : `${at} must be true or false`;
    case "number":
    case "integer": return numberFault(value, schema, at);
    case "array": return arrayFault(value, schema, at);
    case "object": return objectFault(value, schema, at);
    default: return undefined;
  }
}

function stringFault(value: unknown, { minLength = 0, maxLength = Infinity, pattern }: Schema, at: string): string | undefined {
  if (typeof value !== "string") return `${at} must be a string`;
  // JSON Schema counts characters, not UTF-16 units.
  const length = value.length > maxLength || value.length < 2 * minLength ? [...value].length : value.length;
  if (length < minLength) return `${at} must not be empty`;
  if (length > maxLength) return `${at} must have at most ${maxLength} characters`;
  return pattern === undefined || new RegExp(pattern, "u").test(value) ? undefined : `${at} must match ${pattern}`;
}

function numberFault(value: unknown, { type, minimum = -Infinity, maximum = Infinity }: Schema, at: string): string | undefined {
  if (typeof value !== "number" || (type === "integer" && !Number.isInteger(value))) return `${at} must be a ${type === "integer" ? "whole " : ""}number`;
  if (value >= minimum && value <= maximum) return undefined;
  return maximum === Infinity ? `${at} must be ${minimum} or more` : `${at} must be from ${minimum} to ${maximum}`;
}

function arrayFault(value: unknown, { items = {}, maxItems = Infinity }: Schema, at: string): string | undefined {
  if (!Array.isArray(value)) return `${at} must be an array`;
  if (value.length > maxItems) return `${at} must have at most ${maxItems} items`;
  return first(value.entries(), ([index, item]) => fault(item, items, `${at}[${index}]`));
}

function objectFault(value: unknown, { properties = {}, required = [], additionalProperties }: Schema, at: string): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return `${at} must be an object`;
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${at}.${missing} is missing`;
  return first(Object.entries(value), ([name, property]) => {
    const schema = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (schema === false) return `${at}.${name} is not known`;
    return schema && fault(property, schema, `${at}.${name}`);
  });
}

function first<T>(items: Iterable<T>, find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
