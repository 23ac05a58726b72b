import { limitEndOf, retryAfterIn, retryAfterOf } from '../../../src/adapters/model/retry-after';

const now = Date.parse('2026-11-21T10:00:00Z');

describe('MD-14 the pause an endpoint asks for', () => {
  it.each([
    ['seconds', { 'retry-after': '7' }, 7_000],
    ['a fraction of seconds', { 'retry-after': '0.5' }, 500],
    ['a date', { 'retry-after': 'Sat, 21 Nov 2026 10:00:30 GMT' }, 30_000],
    ['a date that is past', { 'retry-after': 'Sat, 21 Nov 2026 09:00:00 GMT' }, 0],
    ['milliseconds, before the seconds', { 'retry-after': '9', 'retry-after-ms': '250' }, 250],
    ['a year, cut to an hour', { 'retry-after': '31536000' }, 3_600_000],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['a negative number', { 'retry-after': '-5' }, undefined],
    ['nothing', {}, undefined],
  ])('is read from %s', (_, headers, expected) => {
    expect(retryAfterOf(new Headers(headers as Record<string, string>), now)).toBe(expected);
  });

  it.each([
    ['Please try again in 20s. Visit the site', 20_000],
    ['Please try again in 1m2.5s.', 62_500],
    ['Please try again in 1h0m5s.', 3_600_000],
    ['try again in 6ms', 6],
    ['Please retry in 34.07s.', 34_070],
    ['Please retry in 45.578569677s.', 45_579],
    ['try again in 2m', 120_000],
    ['No deployments available, Try again in 60 seconds. Passed model=m', 60_000],
    ['Retry after 2 minutes', 120_000],
    ['try again in a moment', undefined],
    ['try again later', undefined],
    ['do not retry in 3 places', undefined],
  ])('is read from the words %j', (words, expected) => {
    expect(retryAfterIn(words)).toBe(expected);
  });
});

describe('the end of a limit, where no pause is named', () => {
  it.each([
    [
      'OpenAI: the limit of which nothing is left',
      {
        'x-ratelimit-remaining-requests': '59',
        'x-ratelimit-reset-requests': '1s',
        'x-ratelimit-remaining-tokens': '0',
        'x-ratelimit-reset-tokens': '6m0s',
      },
      360_000,
    ],
    [
      'OpenAI: the first of all if none is used up',
      {
        'x-ratelimit-reset-requests': '120ms',
        'x-ratelimit-reset-tokens': '6m0s',
        'x-ratelimit-remaining-tokens': '3',
      },
      120,
    ],
    [
      'OpenAI: the later one of two that are used up',
      {
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '2s',
        'x-ratelimit-remaining-tokens': '0',
        'x-ratelimit-reset-tokens': '1m30s',
      },
      90_000,
    ],
    [
      'Anthropic: dates',
      {
        'anthropic-ratelimit-requests-remaining': '12',
        'anthropic-ratelimit-requests-reset': '2026-11-21T10:00:05Z',
        'anthropic-ratelimit-input-tokens-remaining': '0',
        'anthropic-ratelimit-input-tokens-reset': '2026-11-21T10:00:40Z',
      },
      40_000,
    ],
    [
      'OpenRouter: a moment in milliseconds',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': `${now + 9_000}` },
      9_000,
    ],
    ['others: a moment in seconds', { 'x-ratelimit-reset': `${now / 1_000 + 30}` }, 30_000],
    ['others: seconds', { 'x-ratelimit-reset': '12' }, 12_000],
    ['a moment that is past', { 'x-ratelimit-reset': `${now - 9_000}` }, 0],
    ['nonsense', { 'x-ratelimit-reset': 'tomorrow' }, undefined],
    ['nothing', {}, undefined],
  ])('is read from the headers of %s', (_, headers, expected) => {
    expect(limitEndOf(new Headers(headers as Record<string, string>), now)).toBe(expected);
  });
});
