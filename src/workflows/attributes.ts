/** What a task can be found by from its first moment. */
import { DECIDER } from '../domain/decide.js';
import { fieldOf, fieldText, HANDLERS } from '../domain/task.js';
import { knownDeciders } from './deciders.js';
import { SEARCH_ATTRIBUTES, UNKNOWN_NAME, type TaskInput } from './messages.js';

/** Limits of what the server keeps of a keyword, and of what is worth reading. */
const KEYWORD_CHARACTERS_MAX = 250;
/** As many as a task file may have. */
export const TAGS_MAX = 20;
const TAG_CHARACTERS_MAX = 100;

/** Nobody has validated the specification yet: anything may stand in it. */
export const childAttributes = ({ spec, requester, place }: TaskInput) => [
  { key: SEARCH_ATTRIBUTES.phase, value: 'opening' },
  {
    key: SEARCH_ATTRIBUTES.repo,
    value: fieldText(fieldOf(spec, 'repo'), 'url').slice(0, KEYWORD_CHARACTERS_MAX),
  },
  { key: SEARCH_ATTRIBUTES.requester, value: requester },
  { key: SEARCH_ATTRIBUTES.handler, value: known(HANDLERS, fieldText(spec, 'handler') || 'one-shot') },
  { key: SEARCH_ATTRIBUTES.decider, value: knownDecider(fieldText(spec, 'decider') || DECIDER) },
  { key: SEARCH_ATTRIBUTES.tags, value: tagsOf(spec) },
  ...(place?.deadline === undefined ? [] : [{ key: SEARCH_ATTRIBUTES.deadline, value: new Date(place.deadline) }]),
];

/** A worker refuses to start when open tasks name what it lacks: nonsense in a specification must not keep it from starting. */
const known = (names: readonly string[], name: string): string => (names.includes(name) ? name : UNKNOWN_NAME);

const knownDecider = (names: string): string =>
  names.split('+').every((name) => knownDeciders().includes(name))
    ? names.slice(0, KEYWORD_CHARACTERS_MAX)
    : UNKNOWN_NAME;

function tagsOf(spec: unknown): string[] {
  const tags = fieldOf(spec, 'tags');
  const texts = Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
  return texts.map((tag) => tag.slice(0, TAG_CHARACTERS_MAX)).slice(0, TAGS_MAX);
}
