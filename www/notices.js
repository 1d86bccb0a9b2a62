// What the page says of itself: a status line that is read out when convenient, an alert that is
// read out at once.
import { byId, element } from "./dom.js";
import { failure } from "./words.js";

export function say(text) {
  byId("status").textContent = text;
}

/** Shows what went wrong until something else is tried. */
export function complain(what, error) {
  const alert = byId("alert");
  alert.replaceChildren(element("strong", {}, what), element("span", {}, failure(error)));
  alert.hidden = false;
  alert.scrollIntoView({ block: "nearest" });
}

export function clearComplaint() {
  byId("alert").hidden = true;
}

/** Runs what somebody pressed a button for; its failure is shown. */
export async function attempt(what, action) {
  clearComplaint();
  try {
    await action();
  } catch (error) {
    complain(what, error);
  }
}
