/**
 * What models say while they say it, for those who watch. Nothing is written and nothing is computed while nobody does: what
 * a call has gathered is there anyway, and who comes late is told from its beginning.
 */
import { estimateTokens } from '../../domain/token-estimate.js';
import { steadyLength } from '../redact/steady-length.js';
import type { TailEvent, TailWanted } from '../../ports.js';
import type { Gathered } from './gathered.js';
import type { Secrets } from './secrets.js';
import { beginsWithThinking, mayBecomeThinking, withoutThinking } from './thinking.js';

/** What is known of a call before it says anything. */
export type TailedCall = Omit<Extract<TailEvent, { kind: 'began' }>, 'kind' | 'at'>;

/** A call that can be watched, from its request to its end. */
export interface Tailed {
  grew(gathered: Readonly<Gathered>): void;
  /** @param how `answered`, or a code of the catalogue */
  ended(how: string): void;
}

export interface LiveTail {
  begin(call: TailedCall): Tailed;
  /** Tells what the calls that are wanted have said so far, and then what comes. Returns how to stop that. */
  watch(wanted: TailWanted, tell: (event: TailEvent) => void): () => void;
}

/** To the eye this is at once. */
const FLUSH_EVERY_MS = 50;
/** Of a long answer, what who comes late is shown: some twenty screens. */
const SHOWN_CHARACTERS_MAX = 64 * 1024;
/** A path or a command fits; a whole file does not belong into a line. */
const WORDS_CHARACTERS_MAX = 120;

type Known = Pick<Secrets, 'forms' | 'redact'>;

export function createLiveTail(secrets: Known): LiveTail {
  const calls = new Set<Call>();
  const watchers = new Set<Watcher>();
  let timer: NodeJS.Timeout | null = null;

  const flush = (): void => {
    timer = null;
    for (const call of calls) tell(call, call.news(secrets, false));
  };
  const tell = (call: Call, events: readonly TailEvent[]): void => {
    for (const { wanted, tell: hear } of watchers) if (isWanted(wanted, call.about)) events.forEach(hear);
  };

  return {
    begin(about) {
      const call = new Call(about);
      calls.add(call);
      tell(call, [call.began]);
      return {
        grew(gathered) {
          call.gathered = gathered;
          if (watchers.size > 0) timer ??= setTimeout(flush, FLUSH_EVERY_MS);
        },
        ended(how) {
          calls.delete(call);
          if (watchers.size > 0) tell(call, [...call.news(secrets, true), call.end(how)]);
        },
      };
    },
    watch(wanted, hear) {
      for (const call of calls) {
        // The others hear of it too: what a call has said is worked out once for all.
        tell(call, call.news(secrets, false));
        if (isWanted(wanted, call.about)) call.shown().forEach(hear);
      }
      const watcher = { wanted, tell: hear };
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

interface Watcher {
  readonly wanted: TailWanted;
  readonly tell: (event: TailEvent) => void;
}

const isWanted = ({ lineages, prefixes }: TailWanted, { lineage }: TailedCall): boolean =>
  lineages.includes(lineage) || prefixes.some((prefix) => lineage.startsWith(prefix));

/** What one call has said, and how much of that was told. */
class Call {
  gathered: Readonly<Gathered> | null = null;
  readonly began: Extract<TailEvent, { kind: 'began' }>;
  /** Characters of the answer that were told, as the model wrote them. */
  private taken = 0;
  /** The same without secrets: how long it is in all, and its end. */
  private length = 0;
  private text = '';
  private readonly words: string[] = [];
  private thoughts = 0;

  constructor(readonly about: TailedCall) {
    this.began = { kind: 'began', ...about, at: Date.now() };
  }

  /** What is new since the last time. The end of the text waits while it may be the beginning of a secret. */
  news(secrets: Known, isOver: boolean): readonly TailEvent[] {
    const { gathered } = this;
    if (gathered === null) return [];
    return [
      ...this.thinking(gathered),
      ...this.saying(gathered, secrets, isOver),
      ...this.calling(gathered, secrets, isOver),
    ];
  }

  private thinking({ reasoningCharacters, text }: Readonly<Gathered>): readonly TailEvent[] {
    const characters = reasoningCharacters + (text.length - visible(text).length);
    if (characters <= this.thoughts) return [];
    this.thoughts = characters;
    return [{ kind: 'thinking', call: this.about.call, characters }];
  }

  private saying({ text: said, refusal }: Readonly<Gathered>, secrets: Known, isOver: boolean): readonly TailEvent[] {
    const rest = (said === '' ? refusal : visible(said)).slice(this.taken);
    const steady = isOver ? rest.length : steadyLength(rest, secrets.forms());
    if (steady === 0) return [];
    const text = secrets.redact(rest.slice(0, steady));
    const event = { kind: 'text', call: this.about.call, from: this.length, text } as const;
    this.taken += steady;
    this.length += text.length;
    this.text = (this.text + text).slice(-SHOWN_CHARACTERS_MAX);
    return [event];
  }

  private calling({ toolCalls }: Readonly<Gathered>, { redact }: Known, isOver: boolean): readonly TailEvent[] {
    const events: TailEvent[] = [];
    for (let index = this.words.length; index < toolCalls.length; index += 1) {
      const call = toolCalls[index];
      const words = call === undefined ? null : wordsOf(call, redact, isOver || index < toolCalls.length - 1);
      if (words === null) break;
      this.words.push(words);
      events.push(this.tool(index));
    }
    return events;
  }

  private tool(index: number): TailEvent {
    return { kind: 'tool', call: this.about.call, index, words: this.words[index] ?? '' };
  }

  /** For who comes now. */
  shown(): readonly TailEvent[] {
    const { call } = this.about;
    const from = this.length - this.text.length;
    return [
      this.began,
      ...(this.thoughts === 0 ? [] : [{ kind: 'thinking', call, characters: this.thoughts } as const]),
      ...(this.length === 0 ? [] : [{ kind: 'text', call, from, text: this.text } as const]),
      ...this.words.map((_, index) => this.tool(index)),
    ];
  }

  end(how: string): TailEvent {
    const tokens = this.gathered === null ? 0 : tokensIn(this.gathered);
    return { kind: 'ended', call: this.about.call, how, tokens, tookMs: Date.now() - this.began.at };
  }
}

/** Tokens of what has come so far: those that the endpoint has counted, else an estimate. */
export const tokensIn = ({ text, refusal, toolCalls, reasoningCharacters, usage }: Readonly<Gathered>): number =>
  usage?.completion ??
  estimateTokens(
    toolCalls.reduce((sum, { name, arguments: given }) => sum + name.length + given.length, 0) +
      text.length +
      refusal.length +
      reasoningCharacters,
  );

/** Without the reasoning in front of it. What is visible once stays so: a mark that has only begun waits for its end. */
function visible(text: string): string {
  if (mayBecomeThinking(text)) return '';
  if (!beginsWithThinking(text)) return text;
  const rest = withoutThinking(text);
  return mayBecomeThinking(rest) ? '' : rest;
}

/** The argument that says what a call is about, as soon as it is whole. */
const ABOUT = /"(?:path|regex|glob|what|command|summary)"\s*:\s*"((?:[^"\\]|\\.){0,2000})"/;

/** `edit_file src/a.ts`; null while that is not known yet. */
function wordsOf(
  { name, arguments: given }: { readonly name: string; readonly arguments: string },
  redact: Known['redact'],
  isWhole: boolean,
): string | null {
  const [, about] = ABOUT.exec(given.slice(0, ABOUT_CHARACTERS_MAX)) ?? [];
  if (about === undefined && !isWhole) return null;
  // Redacted first: of a secret that is cut nobody would know its beginning again.
  const clean = redact(`${name} ${about === undefined ? '' : unescaped(about)}`);
  const words = clean.replaceAll(/\s+/g, ' ').trim();
  return words.length > WORDS_CHARACTERS_MAX ? `${words.slice(0, WORDS_CHARACTERS_MAX - 1).toWellFormed()}…` : words;
}

/** What a call is about stands at its beginning; behind it may come a whole file. */
const ABOUT_CHARACTERS_MAX = 4_000;

/** The text behind JSON's escapes: in what is between two quotes of it there is nothing else. */
function unescaped(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return text; // a model's own idea of an escape
  }
}
