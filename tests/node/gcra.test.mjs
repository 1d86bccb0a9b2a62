// The rate limit's arithmetic against a plain simulation, and whom a request is counted for.
import assert from "node:assert/strict";
import { test } from "node:test";

import { clientOf } from "../../pkg/worker/client.js";
import { gcra } from "../../pkg/worker/gcra.js";

/** Numbers that a seed determines. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A bucket of tokens, in whole numbers: `quota` tokens, each of `window` parts, of which `quota` come back a millisecond. */
function bucket({ quota, seconds }) {
  const window = seconds * 1000;
  let [parts, at] = [quota * window, 0];
  return (now) => {
    parts = Math.min(quota * window, parts + (now - at) * quota);
    at = now;
    const allowed = parts >= window;
    if (allowed) parts -= window;
    return { allowed, remaining: Math.floor(parts / window), retryAfter: Math.max(0, Math.ceil((window - parts) / quota)) };
  };
}

test("the algorithm is a bucket of tokens with one number", () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e9);
  console.log(`seed ${seed}`);
  const next = random(seed);
  for (let round = 0; round < 300; round += 1) {
    const rate = { quota: 1 + next(70), seconds: [1, 7, 60, 3600][next(4)] };
    const plain = bucket(rate);
    let [now, fullAt] = [0, 0];
    for (let step = 0; step < 200; step += 1) {
      now += next(3) === 0 ? next((2000 * rate.seconds) / rate.quota) : next(20);
      const verdict = gcra(rate, fullAt, now);
      const expected = plain(now);
      assert.deepEqual({ allowed: verdict.allowed, remaining: verdict.remaining }, { allowed: expected.allowed, remaining: expected.remaining });
      assert.equal(Math.max(0, Math.ceil(verdict.retryAfter - 1e-2)), expected.remaining > 0 ? 0 : expected.retryAfter, JSON.stringify({ rate, step }));
      fullAt = verdict.fullAt;
    }
  }
});

test("the whole quota is there at once, and one comes back each interval", () => {
  const rate = { quota: 10, seconds: 60 };
  let fullAt = 0;
  const ask = (now) => {
    const verdict = gcra(rate, fullAt, now);
    fullAt = verdict.fullAt;
    return verdict;
  };
  for (let asked = 1; asked <= 10; asked += 1) assert.deepEqual([ask(1e6).allowed, 10 - asked], [true, gcra(rate, fullAt, 1e6).allowed ? 10 - asked : 0]);
  const refused = ask(1e6);
  assert.deepEqual([refused.allowed, refused.remaining, refused.retryAfter, refused.reset], [false, 0, 6000, 60_000]);
  assert.equal(ask(1e6 + 5999).allowed, false);
  assert.equal(ask(1e6 + 6000).allowed, true);
  assert.equal(ask(1e6 + 6000).allowed, false);
});

test("a client is its token, or the address that Cloudflare saw", () => {
  const of = (headers, token) => clientOf(new Request("http://localhost", { headers }), token);
  const address = (ip) => of({ "cf-connecting-ip": ip });
  assert.equal(of({ "cf-connecting-ip": "192.0.2.1" }, "ab"), "token ab");
  assert.equal(of({ "cf-connecting-ip": "192.0.2.1", "x-forwarded-for": "198.51.100.7", "x-real-ip": "198.51.100.7", "forwarded": "for=198.51.100.7" }), "address 192.0.2.1");
  assert.equal(address("2001:db8:1:2:3:4:5:6"), address("2001:DB8:1:2::1"));
  assert.equal(address("2001:db8:1:2::"), address("2001:0db8:0001:0002:ffff::9"));
  assert.notEqual(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
  assert.notEqual(address("2001:db8::1"), address("2001:db8:0:1::1"));
  assert.equal(address("::ffff:192.0.2.1"), address("192.0.2.1"));
  assert.notEqual(address("::ffff:192.0.2.1"), address("::ffff:192.0.2.2"));
});
