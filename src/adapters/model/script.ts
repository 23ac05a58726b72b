/** What the scripted endpoint says to whom: rules that are looked through from the first to the last. */

/** Counted in tokens. */
export interface ScriptedUsage {
  readonly prompt: number;
  readonly completion: number;
  readonly cached?: number;
  readonly reasoning?: number;
}

interface Manner {
  /** Silence before the first byte. */
  readonly delayMs?: number;
  /** Time from the first byte to the last: the answer comes in pieces with equal pauses. */
  readonly latencyMs?: number;
  /** Counted from the characters if absent; null = the endpoint does not report any. */
  readonly usage?: ScriptedUsage | null;
  /** `scripted-1` if absent. */
  readonly model?: string;
}

export interface ScriptedToolCall {
  readonly name: string;
  readonly arguments: unknown;
  /** `call_<number of the request>_<place>` if absent. */
  readonly id?: string;
}

export type ScriptedAnswer = Manner &
  (
    | { readonly kind: 'json'; readonly value: unknown }
    | { readonly kind: 'text'; readonly text: string; readonly finishReason?: string }
    /** Calls of tools; arguments that are a text are sent as they are, anything else as JSON. */
    | {
        readonly kind: 'tools';
        readonly calls: readonly ScriptedToolCall[];
        readonly text?: string;
        /** `tool_calls` if absent; `length` cuts the answer off in its calls. */
        readonly finishReason?: string;
      }
    | { readonly kind: 'refusal'; readonly text: string }
    /** Stopped by the limit of length. */
    | { readonly kind: 'truncated'; readonly text: string }
    | {
        readonly kind: 'status';
        readonly status: number;
        readonly headers?: Readonly<Record<string, string>>;
        /** A text is sent as it is, anything else as JSON. */
        readonly body?: unknown;
      }
    /** Takes the request and never answers; over when the client leaves. */
    | { readonly kind: 'hang' }
    /** Drops the connection after so many bytes of an answer. */
    | { readonly kind: 'cut'; readonly afterBytes: number }
    /** Well-formed HTTP around bytes that are no JSON. */
    | { readonly kind: 'broken' }
  );

export interface ScriptRule {
  /** Looked for in the JSON of the messages; every text of a list must hold. A rule without it matches everything. */
  readonly when?: {
    readonly contains?: string | readonly string[];
    readonly lacks?: string | readonly string[];
    /** Looked for in the JSON of the whole request; every text of a list must hold. */
    readonly asks?: string | readonly string[];
  };
  /** Given in turn to the requests that match; the last one again and again. */
  readonly answers: readonly ScriptedAnswer[];
}

export interface Choice {
  readonly ruleIndex: number;
  readonly answer: ScriptedAnswer;
}

export interface Script {
  /** The next answer of the first rule that matches; null if none does. */
  choose(messages: string, request: string): Choice | null;
}

/** Throws if a rule has no answer: it would match and say nothing. */
export function createScript(rules: readonly ScriptRule[]): Script {
  const empty = rules.findIndex(({ answers }) => answers.length === 0);
  if (empty !== -1) throw new RangeError(`Rule ${empty + 1} of the script has no answers.`);
  const given = rules.map(() => 0);
  return {
    choose(messages, request) {
      const ruleIndex = rules.findIndex((rule) => matches(rule, messages, request));
      const answers = rules[ruleIndex]?.answers ?? [];
      const turn = given[ruleIndex] ?? 0;
      const answer = answers[Math.min(turn, answers.length - 1)];
      if (answer === undefined) return null;
      given[ruleIndex] = turn + 1;
      return { ruleIndex, answer };
    },
  };
}

const matches = ({ when }: ScriptRule, messages: string, request: string): boolean =>
  listOf(when?.asks).every((text) => request.includes(text)) &&
  listOf(when?.contains).every((text) => messages.includes(text)) &&
  !listOf(when?.lacks).some((text) => messages.includes(text));

const listOf = (texts: string | readonly string[] | undefined): readonly string[] =>
  texts === undefined ? [] : typeof texts === 'string' ? [texts] : texts;
