import { limitsIn, type NamedLimits } from '../../../src/adapters/model/named-limits';

const ROWS: readonly (readonly [words: string, NamedLimits])[] = [
  ['max_tokens is too large: 16384. This model supports at most 4096 completion tokens.', { answerMax: 4_096 }],
  [
    "Invalid 'max_output_tokens': integer above maximum value. Expected a value <= 4096, but got 16384 instead.",
    { answerMax: 4_096 },
  ],
  [
    'litellm.BadRequestError: AnthropicException - max_tokens: 16384 > 8192, which is the maximum allowed number of output tokens',
    { answerMax: 8_192 },
  ],
  ['Invalid max_tokens value, the valid range of max_tokens is [1, 8192]', { answerMax: 8_192 }],
  ['`max_tokens` must be less than or equal to `8192`, the maximum value', { answerMax: 8_192 }],
  [
    'it has a maxOutputTokens value of 16384 but the supported range is from 1 (inclusive) to 8193 (exclusive).',
    { answerMax: 8_192 },
  ],
  [
    "'max_tokens' or 'max_completion_tokens' is too large: 16384. This model's maximum context length is 8192 tokens and your request has 900 input tokens (16384 > 8192 - 900).",
    { window: 8_192, prompt: 900 },
  ],
  [
    "This model's maximum context length is 4,096 tokens. However, you requested 5,000 tokens (3,000 in the messages, 500 in the functions, and 1,500 in the completion).",
    { window: 4_096, prompt: 3_500 },
  ],
  [
    "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens (130000 of text input, 10000 in the output).",
    { window: 131_072, prompt: 136_500 },
  ],
  [
    'Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens',
    { window: 4_096, prompt: 5_000 },
  ],
  [
    '`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3000 `inputs` tokens and 2000 `max_new_tokens`',
    { window: 4_096, prompt: 3_000 },
  ],
  [
    'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length',
    { window: 200_000, prompt: 190_000 },
  ],
  ['prompt is too long: 210000 tokens > 200000 maximum', {}],
  ["Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", {}],
];

it.each(ROWS)('reads how long an answer may be: %s', (words, limits) => {
  expect(limitsIn(words)).toEqual(limits);
});
