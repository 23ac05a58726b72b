/** The files of an export: content that has lost its secrets, and a bound for all of it together. */
import { bytes, counted } from './report/html.js';

export interface ExportFile {
  /** Below the folder of the export, with forward slashes. */
  readonly path: string;
  readonly content: string;
}

/** Logs and patches are cut at 4 MB by those who make them; nothing else comes near. */
const FILE_BYTES_MAX = 4_000_000;
/** A job of hundreds of tasks with their conversations; packed it is a tenth of that, which mail and issues still take. */
const ALL_BYTES_MAX = 200_000_000;
/** Of what is left out, enough to see what it is. */
const LEFT_OUT_MAX = 20;

/** Where everything passes on its way out. */
export class ExportFiles {
  readonly files: ExportFile[] = [];
  private readonly leftOut: string[] = [];
  private omitted = 0;
  private used = 0;

  /** @param scrub takes secrets out, and what has the shape of one */
  constructor(private readonly scrub: (text: string) => string) {}

  text(path: string, content: string): void {
    this.add(path, this.scrub(content));
  }

  /** Secrets are taken out of the values before they become JSON, whose form stays whole. */
  json(path: string, value: unknown): void {
    this.add(path, `${JSON.stringify(this.scrubbed(value), null, 2)}\n`);
  }

  /** One value a line. */
  lines(path: string, values: readonly unknown[]): void {
    this.add(path, values.map((value) => `${JSON.stringify(this.scrubbed(value))}\n`).join(''));
  }

  /** Something that belongs here and is not here, and why. */
  missing(path: string, why: string): void {
    this.omitted += 1;
    if (this.leftOut.length < LEFT_OUT_MAX) this.leftOut.push(`${path}: ${why}`);
  }

  /** What is missing, a line each. */
  get gaps(): readonly string[] {
    const more = this.omitted - this.leftOut.length;
    return more === 0 ? this.leftOut : [...this.leftOut, `and ${counted(more, 'more file')}`];
  }

  private add(path: string, content: string): void {
    const size = Buffer.byteLength(content);
    if (size > FILE_BYTES_MAX) return this.missing(path, `${bytes(size)}, more than a file may have`);
    if (this.used + size > ALL_BYTES_MAX) return this.missing(path, 'the export is full');
    this.used += size;
    this.files.push({ path, content });
  }

  private scrubbed(value: unknown): unknown {
    if (typeof value === 'string') return this.scrub(value);
    if (Array.isArray(value)) return value.map((one: unknown) => this.scrubbed(one));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.scrubbed(one)]));
  }
}
