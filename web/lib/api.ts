/** A refusal in the server's words: `code` for the program, `detail` for the person. status 0: it could not be reached. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
  ) {
    super(detail);
    this.name = "Refused";
  }
}

const TIMEOUT_MS = 10_000;

/** JSON over fetch with the page's CSRF token; throws `Refused` for every kind of failure, the network's included. */
export async function api<T>(
  method: "GET" | "POST",
  path: string,
  body?: unknown,
  /** Outlives the page, for a last word. */
  { keepalive = false } = {},
): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const init: RequestInit = {
    method,
    headers,
    credentials: "same-origin",
    keepalive,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  };
  if (method === "POST") {
    headers["X-CSRF-Token"] =
      document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
    headers["Content-Type"] = body instanceof Blob ? "application/octet-stream" : "application/json";
    init.body = body instanceof Blob ? body : JSON.stringify(body ?? {});
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Refused(0, "unreachable", "");
  }
  const text = await response.text();
  let parsed: unknown = null;
  try {
    parsed = text ? JSON.parse(text) : null;
  } catch {
    throw new Refused(response.status, "unreadable", "");
  }
  if (response.ok) return parsed as T;
  const problem = (parsed ?? {}) as { code?: string; detail?: string; title?: string };
  throw new Refused(
    response.status,
    problem.code ?? `http_${response.status}`,
    problem.detail ?? problem.title ?? "",
  );
}
