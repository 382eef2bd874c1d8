import { viewer as words } from "../../config/locales/en.json";
import { count } from "../models/format";
import type { Person } from "../models/live_state";
import { el, fill } from "./dom";

/** A round face with initials; its colour is one of twelve, so that no style attribute is needed. */
export function avatar(person: Person): HTMLElement {
  const face = el("span", "avatar", person.initials);
  face.dataset.hue = String(Math.floor((((person.hue % 360) + 360) % 360) / 30));
  return face;
}

/** The list of who is here: those that are told by name, and how many more there are. */
export function peopleRows(viewers: number, here: Person[]): HTMLLIElement[] {
  const rows = here.map(personRow);
  const more = viewers - here.length;
  if (more > 0 && rows.length > 0)
    rows.push(el("li", "person muted", fill(words.and_more, { count: count(more) })));
  return rows;
}

/** A list entry: face and name. */
function personRow(person: Person): HTMLLIElement {
  const row = el("li", "person");
  const face = avatar(person);
  face.setAttribute("aria-hidden", "true");
  row.append(face, el("span", "", person.name));
  return row;
}
