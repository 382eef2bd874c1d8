import { layout } from "../../config/locales/en.json";
import { el, icon } from "./dom";

const SHOWN_MS = 6_000;
const TOASTS_MAX = 3;

/** A short message that leaves by itself after 6 s; at most three at a time, oldest goes first. */
export function toast(words: string, tone: "plain" | "bad" = "plain"): void {
  const area = document.getElementById("toasts");
  if (!area) return;
  const box = el("div", tone === "bad" ? "toast toast--bad" : "toast");
  const close = el("button", "button button--quiet button--icon");
  close.type = "button";
  close.setAttribute("aria-label", layout.dismiss);
  close.append(icon("close"));
  close.addEventListener("click", () => box.remove());
  box.append(el("span", "", words), close);
  area.append(box);
  while (area.childElementCount > TOASTS_MAX) area.firstElementChild?.remove();
  window.setTimeout(() => box.remove(), SHOWN_MS);
}
