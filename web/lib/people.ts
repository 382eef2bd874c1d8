import type { Person } from "../models/live_state";
import { el } from "./dom";

/** A round face with initials; its colour is one of twelve, so that no style attribute is needed. */
export function avatar(person: Person): HTMLElement {
  const face = el("span", "avatar", person.initials);
  face.dataset.hue = String(Math.floor((((person.hue % 360) + 360) % 360) / 30));
  return face;
}

/** A list entry: face and name. */
export function personRow(person: Person): HTMLLIElement {
  const row = el("li", "person");
  const face = avatar(person);
  face.setAttribute("aria-hidden", "true");
  row.append(face, el("span", "", person.name));
  return row;
}
