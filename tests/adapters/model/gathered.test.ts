import { usageOf } from '../../../src/adapters/model/gathered';

const MILLIONS = 1_000_000;

describe('tokens that an endpoint has counted', () => {
  it('are taken as they are told', () => {
    expect(usageOf({ prompt_tokens: 100 * MILLIONS, completion_tokens: 5 })).toEqual({
      prompt: 100 * MILLIONS,
      cached: 0,
      completion: 5,
      reasoning: 0,
    });
  });

  it.each([
    ['prompt', { prompt_tokens: 100 * MILLIONS + 1, completion_tokens: 5 }],
    ['answer', { input_tokens: 20, output_tokens: 1e15 }],
    ['total', { prompt_tokens: 20, completion_tokens: 5, total_tokens: 1e12 }],
    ['thinking', { prompt_tokens: 20, completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 1e12 } }],
    ['cache', { prompt_tokens: 20, completion_tokens: 5, prompt_cache_hit_tokens: Infinity }],
  ])('count as not told at all where those of the %s cannot be', (_, usage) => {
    expect(usageOf(usage)).toBeNull();
  });

  it.each([{}, { prompt_tokens: Number.NaN }, { prompt_tokens: -1 }, null])('are not told by %j', (usage) => {
    expect(usageOf(usage)).toBeNull();
  });
});
