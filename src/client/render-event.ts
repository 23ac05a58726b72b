/** Events for a person, one line each; pure. */
import type { CloudEvent } from '../domain/events.js';
import { oneLine } from './render-task.js';
import { isObject } from '../domain/plain-object.js';

/** `42  2026-11-21 13:00:00  task.succeeded  job/x/t/0  …`: number, time, what, of whom, and the words that matter. */
export const eventLine = (event: CloudEvent): string =>
  [
    String(Number(event.sequence)).padStart(6),
    event.time.slice(0, 19).replace('T', ' '),
    event.type.replace(/^dev\.weaver\./, '').padEnd(18),
    event.subject,
    wordsOf(event),
  ]
    .join('  ')
    .trimEnd();

/** Fields that say most, in the order in which they are looked for. */
const TELLING = 'reason text answer update detail outcome waitingOn branch title call status'.split(' ');
const WORDS_MAX = 160;

function wordsOf({ data }: CloudEvent): string {
  if (!isObject(data)) return '';
  const failure = isObject(data['failure']) ? [data['failure']['code'], data['failure']['message']] : [];
  const budget =
    typeof data['share'] === 'number' ? [`${String(data['budget'])} ${Math.round(data['share'] * 100)} %`] : [];
  const told = TELLING.map((name) => data[name]).filter((value) => typeof value === 'string' && value !== '');
  const attempt = typeof data['attempt'] === 'number' ? [`attempt ${data['attempt']}`] : [];
  const words = [...attempt, ...budget, ...(failure.length > 0 ? failure : told.slice(0, 2))].map(String);
  return oneLine(words.join(' · ')).slice(0, WORDS_MAX);
}
