/**
 * Work that several ask for at the same time is done once, and all get its end: sixteen tasks that start from one commit list
 * it with one process. Only for what cannot differ between them, such as objects named by their content.
 */
export class SharedWork {
  private readonly running = new Map<string, Promise<unknown>>();

  /** The same key must mean the same work, with a result of the same type. */
  do<T>(key: string, work: () => Promise<T>): Promise<T> {
    const found = this.running.get(key);
    if (found !== undefined) return found as Promise<T>;
    const mine = work().finally(() => this.running.delete(key));
    this.running.set(key, mine);
    return mine;
  }
}
