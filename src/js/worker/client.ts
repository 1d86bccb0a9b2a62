/**
 * Whom a request is counted for: the holder of its token, else its address. The address is what Cloudflare saw
 * (`cf-connecting-ip`, which it overwrites); what a client says of itself in other headers counts for nothing.
 */
export function clientOf(request: Request, tokenId: string | undefined): string {
  if (tokenId !== undefined) return `token ${tokenId}`;
  return `address ${network(request.headers.get("cf-connecting-ip") ?? "")}`;
}

/** A reader of IPv6 has a whole /64 to choose addresses from, so that is what counts. */
function network(address: string): string {
  if (!address.includes(":")) return address;
  // The last 32 bits may be written in IPv4's way; of those mapped from IPv4 nothing else tells them apart.
  const mapped = /^(?:::|(?:0+:){5})ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  const [head = "", tail] = address.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const [left, right] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? [] : new Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0");
  return [...left, ...zeros, ...right].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(":");
}
