/** What a fragment's address answered. `status` 0: it could not be reached. */
export interface Fragment {
  status: number;
  html: string;
}

const TIMEOUT_MS = 60_000;

/** A piece of a page by fetch; with `body` it is posted. A visitor who is no longer signed in is led to the sign-in page. */
export async function fragment(url: string, body?: FormData): Promise<Fragment> {
  try {
    const response = await fetch(url, {
      method: body ? "POST" : "GET",
      headers: { "x-part": "1", Accept: "text/html" },
      credentials: "same-origin",
      redirect: "follow",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body ? { body } : {}),
    });
    if (response.redirected) return { status: 401, html: "" };
    return { status: response.status, html: await response.text() };
  } catch {
    return { status: 0, html: "" };
  }
}

/** The first element of a piece of HTML that our server rendered. */
export function elementOf(html: string): HTMLElement | null {
  return new DOMParser().parseFromString(html, "text/html").body.querySelector<HTMLElement>(":scope > *");
}
