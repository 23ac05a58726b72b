/** A bounded memory of things that cannot change, such as objects named by their content. */
export class Remembered<V> {
  private readonly values = new Map<string, { readonly value: V; readonly weight: number }>();
  private total = 0;

  /** Forgets the longest unused beyond `weightMax`. */
  constructor(private readonly weightMax: number) {}

  get(key: string): V | undefined {
    const found = this.values.get(key);
    if (found === undefined) return undefined;
    this.values.delete(key);
    this.values.set(key, found);
    return found.value;
  }

  set(key: string, value: V, weight = 1): void {
    this.delete(key);
    if (weight > this.weightMax) return;
    this.values.set(key, { value, weight });
    this.total += weight;
    for (const oldest of this.values.keys()) {
      if (this.total <= this.weightMax) break;
      this.delete(oldest);
    }
  }

  clear(): void {
    this.values.clear();
    this.total = 0;
  }

  private delete(key: string): void {
    this.total -= this.values.get(key)?.weight ?? 0;
    this.values.delete(key);
  }
}
