import type { Page, PageQuery } from "../ports/resources/page.ts";

const ITEMS_PER_PAGE = 500;

type List<T> = (query: PageQuery) => Promise<Page<T>>;

/** All that a list has, a page at a time: nobody knows how much that is, or how large. */
export async function* pagesOf<T>(list: List<T>): AsyncGenerator<readonly T[]> {
  let cursor: string | undefined;
  do {
    const page = await list({ limit: ITEMS_PER_PAGE, ...(cursor !== undefined && { cursor }) });
    yield page.items;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** The same, one by one. */
export async function* everyOf<T>(list: List<T>): AsyncGenerator<T> {
  for await (const page of pagesOf(list)) {
    yield* page;
  }
}
