// A static file server on localhost: `make demo` runs it, the browser's tests import it.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".bin": "application/octet-stream",
};

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Where the parts of the web application are. */
export const application = { "/pkg/": folder("../pkg"), "/docs/": folder("../docs"), "/": folder("../www") };

/**
 * Serves the folder that each prefix of `folders` names, longest prefix first.
 * @param {Record<string, string>} folders for example `{ "/pkg/": "…/pkg", "/": "…/www" }`
 * @param {number} port 0 takes any free one
 */
export async function serve(folders, port = 0) {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const fileOf = (url) => {
    let path;
    try {
      path = decodeURIComponent(new URL(url, "http://localhost").pathname);
    } catch {
      return undefined;
    }
    const prefix = prefixes.find((candidate) => path.startsWith(candidate));
    if (prefix === undefined || path.includes("\0")) return undefined;
    // Normalised as an absolute path, so that no `..` leads out of the folder.
    const file = join(folders[prefix], normalize(sep + path.slice(prefix.length)));
    return path.endsWith("/") ? join(file, "index.html") : file;
  };
  const server = createServer(async (request, response) => {
    const file = fileOf(request.url);
    const found = file && (await stat(file).catch(() => undefined));
    if (!found?.isFile()) {
      response.writeHead(404).end("not found");
      return;
    }
    response.writeHead(200, {
      "content-type": types[extname(file)] ?? "application/octet-stream",
      "content-length": found.size,
      "cache-control": "no-cache",
    });
    createReadStream(file).on("error", () => response.destroy()).pipe(response);
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${server.address().port}`,
    close: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(application, Number(process.env.PORT ?? 8080));
  console.log(`The web application is at ${url} (stop it with Ctrl+C)`);
}
