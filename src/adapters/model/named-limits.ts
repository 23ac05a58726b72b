/** How long an answer may be at most, in the words with which endpoints refuse more. Pure. */

export interface NamedLimits {
  /** Tokens of any answer. */
  readonly answerMax?: number;
  /** Tokens of prompt and answer together. */
  readonly window?: number;
  /** What the endpoint has counted in the prompt. */
  readonly prompt?: number;
}

/** Empty if nothing is named. */
export function limitsIn(words: string): NamedLimits {
  const text = words.replaceAll(/(\d),(?=\d{3}\b)/g, '$1');
  const window = firstNumber(text, WINDOW);
  if (window !== null) {
    const prompt = promptIn(text);
    return { window, ...(prompt === null ? {} : { prompt }) };
  }
  const answerMax = firstNumber(text, ANSWER) ?? oneLess(firstNumber(text, ANSWER_EXCLUSIVE));
  return answerMax === null ? {} : { answerMax };
}

/** OpenAI, vLLM and OpenRouter; LM Studio; text-generation-inference; Anthropic, whose first number is the prompt. */
const WINDOW: readonly RegExp[] = [
  /maximum (?:context|model) length (?:is|of) (\d+)/i,
  /context length (?:is only|of only|is|of) (\d+)/i,
  /max_new_tokens\W+must be <= (\d+)/i,
  /exceed context limit: \d+ \+ \d+ > (\d+)/i,
];

/** Counted, not guessed. */
const PROMPT: readonly RegExp[] = [
  /(\d+) input tokens/i,
  /messages resulted in (\d+)/i,
  /keep the first (\d+) tokens/i,
  /given: (\d+) \W?inputs\W? tokens/i,
  /exceed context limit: (\d+) \+ \d+ > \d+/i,
];

/** OpenAI in both protocols; Anthropic, also behind LiteLLM; DeepSeek and DashScope; Groq and others. */
const ANSWER: readonly RegExp[] = [
  /supports at most (\d+) (?:completion|output) tokens/i,
  /max_\w*tokens\W+integer above maximum value\W+expected a value <= (\d+)/i,
  /max_\w*tokens\W+\d+ > (\d+), which is the maximum/i,
  /range of max_\w*tokens (?:is|should be) \[\d+, ?(\d+)\]/i,
  /max_\w*tokens\W+(?:must|should) be (?:less than or equal to|at most|<=)\W+(\d+)/i,
];

/** Gemini. */
const ANSWER_EXCLUSIVE: readonly RegExp[] = [
  /max_?output_?tokens value of \d+ but the supported range is from \d+ \(inclusive\) to (\d+) \(exclusive\)/i,
];

/** Of a guess, so much more may it be. */
const GUESS_OFF = 1.05;

function promptIn(text: string): number | null {
  const counted = firstNumber(text, PROMPT);
  if (counted !== null) return counted;
  const asked = /requested (about )?(\d+) tokens/i.exec(text);
  const answer = firstNumber(text, [/(\d+) in the (?:completion|output)/i]);
  if (asked === null || answer === null) return null;
  const prompt = Number(asked[2]) - answer;
  return asked[1] === undefined ? prompt : Math.ceil(prompt * GUESS_OFF);
}

function firstNumber(text: string, phrases: readonly RegExp[]): number | null {
  for (const phrase of phrases) {
    const found = phrase.exec(text)?.[1];
    if (found !== undefined) return Number(found);
  }
  return null;
}

const oneLess = (limit: number | null): number | null => (limit === null ? null : limit - 1);
