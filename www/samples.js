// The sample documents: the product's own documentation, served beside the page.

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response;
}

/** Like the documents of `files.js`: a source, and a way to read its text. */
export async function sampleDocuments() {
  const pages = await (await get("docs/index.json")).json();
  return pages.map(({ path }) => ({
    source: `docs/${path}`,
    read: async () => (await get(`docs/${path}`)).text(),
  }));
}
