/** What models say, for a person: as it comes where one of them speaks on a terminal, else in whole lines with a name in front. */
import type { TailEvent } from '../ports.js';
import { duration } from './render-task.js';

export interface TailOutput {
  /** A part of a line. */
  piece(text: string): void;
  line(text: string): void;
  dim(text: string): string;
}

export interface TailManner {
  /** What the names of a job's tasks begin with; empty where there is one task only. */
  readonly prefixes: readonly string[];
  /** A person looks at a terminal. */
  readonly live: boolean;
}

/** A line that does not end is shown in parts of this length: an answer in JSON may be one line. */
const LINE_CHARACTERS_MAX = 1_000;
/** A model that thinks for long says so now and then. */
const THINKING_EVERY_CHARACTERS = 2_000;

interface Speaker {
  /** `a1.t2`, with the task's path in front where there are several. */
  readonly name: string;
  /** Has begun to speak in whole lines, since others spoke too, and goes on so. */
  inLines: boolean;
  /** What has not become a whole line yet. */
  rest: string;
  /** Heard so far. */
  characters: number;
  thoughtTold: number;
}

/** Several calls may speak at once; each keeps its lines together. */
export class TailPrinter {
  private readonly speakers = new Map<string, Speaker>();

  constructor(
    private readonly out: TailOutput,
    private readonly manner: TailManner,
  ) {}

  show(event: TailEvent): void {
    if (event.kind === 'began') return this.begin(event);
    const speaker = this.speakers.get(event.call);
    if (speaker === undefined) return;
    switch (event.kind) {
      case 'thinking':
        return this.think(speaker, event.characters);
      case 'text':
        return this.hear(speaker, event);
      case 'tool':
        this.finishLine(speaker);
        return this.out.line(this.out.dim(`${speaker.name} → ${oneLine(event.words)}`));
      case 'ended':
        this.finishLine(speaker);
        this.speakers.delete(event.call);
        return this.out.line(this.out.dim(`${speaker.name} ${endWords(event)}`));
      default:
        throw new TypeError(`unknown event ${JSON.stringify(event satisfies never)}`);
    }
  }

  /** For programs: the event, a beginning with the task's path. */
  named(event: TailEvent): TailEvent & { readonly path?: string } {
    return event.kind === 'began' ? { ...event, path: this.pathOf(event.lineage) } : event;
  }

  /** What is left of lines that no end has come for. */
  end(): void {
    for (const speaker of this.speakers.values()) this.finishLine(speaker);
    this.speakers.clear();
  }

  private begin({ call, lineage, name, model }: Extract<TailEvent, { kind: 'began' }>): void {
    for (const speaker of this.speakers.values()) this.finishLine(speaker);
    const path = this.pathOf(lineage);
    const full = [...(path === '' || path === '0' ? [] : [path]), ...(name === '' ? ['call'] : [name])].join(' ');
    this.speakers.set(call, { name: full, inLines: false, rest: '', characters: 0, thoughtTold: 0 });
    this.out.line(this.out.dim(`${full} ${oneLine(model)} is asked`));
  }

  private pathOf(lineage: string): string {
    const prefix = this.manner.prefixes.find((one) => lineage.startsWith(one));
    return prefix === undefined ? '' : lineage.slice(prefix.length);
  }

  private think(speaker: Speaker, characters: number): void {
    if (speaker.thoughtTold > 0 && characters - speaker.thoughtTold < THINKING_EVERY_CHARACTERS) return;
    speaker.thoughtTold = characters;
    this.finishLine(speaker);
    this.out.line(this.out.dim(`${speaker.name} thinks (${characters} characters)`));
  }

  /** Who has come late may have missed the beginning of a long answer. */
  private hear(speaker: Speaker, { from, text }: Extract<TailEvent, { kind: 'text' }>): void {
    const gap = from > speaker.characters ? '[…] ' : '';
    speaker.characters = from + text.length;
    this.say(speaker, `${gap}${plain(text)}`);
  }

  private say(speaker: Speaker, text: string): void {
    if (this.manner.live && this.speakers.size === 1 && !speaker.inLines) return this.out.piece(text);
    speaker.inLines = true;
    const lines = (speaker.rest + text).split('\n');
    speaker.rest = lines.pop() ?? '';
    for (const line of lines) this.out.line(`${speaker.name}: ${line}`);
    for (; speaker.rest.length >= LINE_CHARACTERS_MAX; speaker.rest = speaker.rest.slice(LINE_CHARACTERS_MAX))
      this.out.line(`${speaker.name}: ${speaker.rest.slice(0, LINE_CHARACTERS_MAX)}`);
  }

  private finishLine(speaker: Speaker): void {
    if (speaker.rest !== '') this.out.line(`${speaker.name}: ${speaker.rest}`);
    speaker.rest = '';
  }
}

function endWords({ how, tokens, tookMs }: Extract<TailEvent, { kind: 'ended' }>): string {
  const spent = `${tokens} tokens, ${duration(tookMs)}`;
  return how === 'answered' ? `has answered: ${spent}` : `failed (${how}): ${spent}`;
}

const oneLine = (text: string): string => plain(text).replaceAll(/\s+/g, ' ').trim();

/** Text from outside cannot move the cursor; lines and tabs stay. */
// oxlint-disable-next-line no-control-regex
const plain = (text: string): string => text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
