/** The way out of every word that a command prints: redacted, with colour only where a person sees it. */

import type { Wording } from './called-as.js';

type Paint = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

const CODES: Readonly<Record<Paint, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

const CLEAR_LINE = '\r\u001b[2K';

export class Terminal {
  /** True if a person watches the progress. */
  readonly live: boolean;
  private redact: (text: string) => string = (text) => text;
  private wording: Wording = { all: (text) => text, advice: (line) => line };
  private progressShown = false;
  private midLine = false;
  /** Notes that came in the middle of a line, and wait for its end. */
  private held: readonly string[] = [];

  constructor(
    private readonly stdout: NodeJS.WriteStream = process.stdout,
    private readonly stderr: NodeJS.WriteStream = process.stderr,
  ) {
    this.live = stderr.isTTY === true;
    // The reader of our output may leave before its end (`weaver list | head -1`): that is its right.
    stdout.on('error', ignoreBrokenPipe);
    // Remarks are no reason to fail, wherever they go: of `weaver up` in the background that is a file on a disk that fills.
    stderr.on('error', () => undefined);
  }

  /** True if a person reads the result where it is printed. */
  get readLive(): boolean {
    return this.stdout.isTTY === true;
  }

  /** True if nobody reads the result any more. */
  get unread(): boolean {
    return this.stdout.destroyed || this.stdout.errored !== null;
  }

  /** Of stdout; generous where it is no terminal, so that programs see whole lines. */
  get columns(): number {
    return this.stdout.isTTY === true ? this.stdout.columns : 10_000;
  }

  useRedactor(redact: (text: string) => string): void {
    this.redact = redact;
  }

  /** Of all that is said, but for JSON and for what others have written. */
  useWording(wording: Wording): void {
    this.wording = wording;
  }

  /** What goes into a file loses its secrets as well. */
  redacted(text: string): string {
    return this.redact(text);
  }

  /** A line of the result. */
  out(text: string): void {
    this.endLine();
    this.clearProgress();
    this.stdout.write(`${this.redact(this.wording.advice(text))}\n`);
  }

  json(value: unknown): void {
    this.out(JSON.stringify(value));
  }

  /** Text of weaver's own that is asked for, such as help. */
  help(text: string): void {
    this.raw(this.wording.all(text));
  }

  /** Bytes as they are, such as a patch. */
  raw(text: string): void {
    this.stdout.write(this.redact(text));
  }

  /** A part of a line that may go on. A result ends it, a note waits for its end. */
  piece(text: string): void {
    this.clearProgress();
    this.raw(text);
    this.midLine = !text.endsWith('\n');
    if (!this.midLine) this.releaseNotes();
  }

  /** A line beside the result. */
  note(text: string): void {
    if (this.midLine) {
      this.held = [...this.held, text];
      return;
    }
    this.clearProgress();
    this.stderr.write(`${this.redact(this.wording.all(text))}\n`);
  }

  private endLine(): void {
    if (this.midLine) this.stdout.write('\n');
    this.midLine = false;
    this.releaseNotes();
  }

  private releaseNotes(): void {
    const { held } = this;
    this.held = [];
    for (const text of held) this.note(text);
  }

  /** The one line that is drawn again and again; nothing where nobody watches. */
  progress(text: string): void {
    if (!this.live) return;
    const width = this.stderr.columns ?? 80;
    const line = this.redact(text.replace(/\s+/g, ' '));
    this.stderr.write(`${CLEAR_LINE}${line.slice(0, width - 1)}`);
    this.progressShown = true;
  }

  clearProgress(): void {
    if (!this.progressShown) return;
    this.progressShown = false;
    this.stderr.write(CLEAR_LINE);
  }

  /** Colour for stdout, if a person looks at it and NO_COLOR is not set (`hasColors` knows). */
  paint(paint: Paint, text: string): string {
    return painted(this.stdout, paint, text);
  }

  paintNote(paint: Paint, text: string): string {
    return painted(this.stderr, paint, text);
  }

  /** Everything written has reached its reader, or never will. */
  async flushed(): Promise<void> {
    this.endLine();
    this.clearProgress();
    await Promise.all([this.stdout, this.stderr].map(flush));
  }
}

function painted(stream: NodeJS.WriteStream, paint: Paint, text: string): string {
  if (stream.isTTY !== true || !stream.hasColors()) return text;
  const [on, off] = CODES[paint];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
}

const flush = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((settle) => {
    if (stream.destroyed || !stream.writable) settle();
    else stream.write('', () => settle());
  });
