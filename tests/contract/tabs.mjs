// One of several tabs that ingest, update and remove the same sources at once. Runs in a page.

const sources = Array.from({ length: 50 }, (_, at) => `${String(at).padStart(2, "0")}.md`);
const words = ["Queue", "Store", "Cache", "Request queue", "Epoch", "Tab", "Commit", "Vector"];

/** SplitMix32. */
function randomness(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) % below;
  };
}

function text(random, tab) {
  const word = () => words[random(words.length)];
  return `# ${word()}\n\nTab ${tab} says that the **${word()}** meets the **${word()}**, and \`${word()}${random(100)}\` too.\n`;
}

/** What a knowledge base shows of itself. */
export async function shown(rag) {
  const found = [];
  for (const mode of ["standard", "mix"]) found.push(await rag.retrieve("What does the Queue say of the Store?", { mode }));
  return JSON.stringify([await rag.documents(), await rag.graph({ limit: 1000 }), found]);
}

/** The tab's calls, several at once, those on one source in order. Gives what it did last with each source. */
export async function work(rag, { seed, tab, rounds = 2 }) {
  const random = randomness(seed * 64 + tab);
  const last = {};
  const one = async (source, steps) => {
    for (const step of steps) {
      if (step === null) await rag.remove(source);
      else {
        const { failed } = await rag.ingest([{ source, text: step }]);
        if (failed.length > 0) throw failed[0].error;
      }
      last[source] = step;
    }
  };
  const plans = sources.map((source) => [source, Array.from({ length: rounds }, () => (random(3) === 0 ? null : text(random, tab)))]);
  for (let at = plans.length - 1; at > 0; at -= 1) {
    const other = random(at + 1);
    [plans[at], plans[other]] = [plans[other], plans[at]];
  }
  const next = plans.values();
  const lane = async () => {
    for (const [source, steps] of next) await one(source, steps);
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return last;
}

/** Waits until the tab has followed the others this far, by their hints alone. */
export async function follows(rag, epoch) {
  for (let waited = 0; rag.stats().epoch < epoch; waited += 20) {
    if (waited > 30_000) throw new Error(`still at epoch ${rag.stats().epoch}, the others at ${epoch}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The documents as they are, and what a fresh ingest of them shows. */
export async function oracle(rag, open) {
  const fresh = await open({ storage: "memory" });
  const stored = {};
  for (const { source } of await rag.documents()) stored[source] = await rag.text(source);
  await fresh.ingest(Object.entries(stored).map(([source, text]) => ({ source, text })).reverse());
  const expected = await shown(fresh);
  await fresh.close();
  return { stored, expected };
}
