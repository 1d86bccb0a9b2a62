// Files and folders that were dropped or chosen, as documents to ingest.
import { htmlToText } from "./html-text.js";

const readable = /\.(?:md|mdx|txt|html)$/i;

/**
 * A file with the name that it is known by: its path, relative to what was dropped or chosen.
 * @typedef {{ path: string, file: File }} NamedFile
 */

/** Files chosen through an input, also one for folders. */
export function chosenFiles(list) {
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** Everything that was dropped, folders opened. */
export async function droppedFiles(transfer) {
  // Entries are gone once the event is over, so all of them are taken before anything is awaited.
  const items = [...transfer.items].filter((item) => item.kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  const found = [];
  for (const { entry, file } of items) {
    if (entry) await open(entry, found);
    else if (file) found.push({ path: file.name, file });
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function open(entry, found) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    found.push({ path, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    return;
  }
  if (isPrivate(path)) return;
  const reader = entry.createReader();
  for (;;) {
    // A folder comes in portions; an empty one is the last.
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const inner of entries) await open(inner, found);
  }
}

/** Whether a path leads through what belongs to tools, such as `.git`. */
function isPrivate(path) {
  return path.split("/").some((part) => part.startsWith(".") || part === "node_modules");
}

/**
 * Parts the files that can be read from those that are skipped.
 * @param {NamedFile[]} files
 * @returns {{ documents: { source: string, read: () => Promise<string> }[], skipped: string[] }}
 */
export function sortOut(files) {
  const documents = new Map();
  const skipped = [];
  for (const { path, file } of files) {
    if (!readable.test(path) || isPrivate(path) || documents.has(path)) skipped.push(path);
    else documents.set(path, { source: path, read: () => textOf(file) });
  }
  return { documents: [...documents.values()], skipped };
}

async function textOf(file) {
  const text = await file.text();
  return /\.html$/i.test(file.name) ? htmlToText(text) : text;
}
