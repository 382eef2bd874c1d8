/** What this browser remembers between visits; a browser that refuses storage forgets, and nothing breaks. */
export const memory = {
  get(key: string): string | null {
    try {
      return localStorage.getItem(`backstage:${key}`);
    } catch {
      return null;
    }
  },
  set(key: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(`backstage:${key}`);
      else localStorage.setItem(`backstage:${key}`, value);
    } catch {
      // Private windows may refuse.
    }
  },
};
