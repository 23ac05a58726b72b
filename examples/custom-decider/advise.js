/** The activity behind `advised@1`: asks the service at ADVISER_URL what to do. Without one it leaves the decision to others. */

/** A service that is slower than this is asked again, and then passed over. */
const ANSWER_MS_MAX = 10_000;

/** Harmless twice: asking changes nothing. */
export async function advise(record, outcome) {
  const url = process.env.ADVISER_URL;
  if (url === undefined || outcome.kind !== 'failed') return null;
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ attempts: record.attempts, code: outcome.failure.code, detail: outcome.failure.detail }),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  if (!response.ok) throw new Error(`the adviser answered ${response.status}`);
  return await response.json();
}
