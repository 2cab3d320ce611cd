/** Which resources exist already, for invokes that wait for them: a component stands for all its children. */
export class ResourceTree {
  readonly #nodes = new Map<string, { custom: boolean; made: boolean }>();
  readonly #children = new Map<string, string[]>();
  readonly #entering = new Map<string, number>();
  #changed = Promise.withResolvers<void>();

  /** A registration under `parent` begins; the returned function ends it. */
  enter(parent: string | undefined): () => void {
    if (!parent) {
      return () => {};
    }
    this.#entering.set(parent, (this.#entering.get(parent) ?? 0) + 1);
    return () => {
      this.#entering.set(parent, (this.#entering.get(parent) ?? 1) - 1);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    };
  }
  add(urn: string, parent: string | undefined, custom: boolean, made: boolean): void {
    this.#nodes.set(urn, { custom, made });
    if (!parent) {
      return;
    }
    const siblings = this.#children.get(parent);
    if (siblings) {
      siblings.push(urn);
    } else {
      this.#children.set(parent, [urn]);
    }
  }
  async hasUnmade(roots: readonly string[]): Promise<boolean> {
    for (;;) {
      let isGrowing = false;
      const open = [...roots];
      const visited = new Set<string>();
      for (let urn = open.pop(); urn; urn = open.pop()) {
        const node = this.#nodes.get(urn);
        if (!node || visited.has(urn)) {
          continue;
        }
        visited.add(urn);
        if (node.custom && !node.made) {
          return true;
        }
        if (node.custom) {
          continue;
        }
        isGrowing ||= (this.#entering.get(urn) ?? 0) > 0;
        open.push(...(this.#children.get(urn) ?? []));
      }
      if (!isGrowing) {
        return false;
      }
      await this.#changed.promise;
    }
  }
}
