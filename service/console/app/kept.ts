/** What somebody prefers is kept in their browser. One that keeps nothing for a page works all the same. */
export function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Kept until the page is left.
  }
}
