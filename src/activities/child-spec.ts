/** Specifications of tasks that come from another one: what they take over, and what is their own. */
import { cutToBytes, utf8Bytes } from '../domain/payload-limit.js';
import type { LandingSpec, LimitsSpec, TaskSpec } from '../domain/task.js';
import { hashOf } from './json-hash.js';

type OwnFields = Pick<TaskSpec, 'title' | 'description' | 'acceptanceCriteria' | 'relatedFiles' | 'checks'>;

/** A child of a plan: inherits where, how and within which limits; has no branch, key or message of its parent's. */
export function childSpec(parent: TaskSpec, own: OwnFields, isJoined: boolean): TaskSpec {
  const { url, baseBranch } = parent.repo;
  const { author, trailers, sign, hooks } = parent.commit;
  return {
    ...inherited(parent),
    ...own,
    repo: { url, ...(baseBranch === undefined ? {} : { baseBranch }) },
    handler: 'one-shot',
    ...childLanding(parent.landing, isJoined),
    commit: {
      trailers,
      ...(author === undefined ? {} : { author }),
      ...(sign === undefined ? {} : { sign }),
      ...(hooks === undefined ? {} : { hooks }),
    },
  };
}

/** The join is the parent again, on the branch that was asked for, with other hands: its criteria and checks hold for the whole. */
export function joinSpec(parent: TaskSpec): TaskSpec {
  const { description, acceptanceCriteria, criterionChecks, relatedFiles, repo, commit, checks } = parent;
  const title = shownTitle(`Join: ${parent.title}`);
  return {
    ...inherited(parent),
    ...joinModes(parent),
    ...foundChecks(checks),
    ...(criterionChecks === undefined ? {} : { criterionChecks }),
    title,
    description,
    acceptanceCriteria,
    relatedFiles,
    repo,
    commit,
    handler: 'join',
    ...joinLanding(parent),
  };
}

/** Where the parts do not fit together, the join hands on how that is asked about. */
function joinModes({ modes: { judge, resolve } = {} }: TaskSpec): Pick<TaskSpec, 'modes'> {
  if (resolve === undefined) return {};
  return { modes: { ...(judge === undefined ? {} : { judge }), resolve } };
}

/** One pull request for the whole, where the parts are joined; else each part has its own, with a title of its own. */
function childLanding(landing: LandingSpec | undefined, isJoined: boolean): Pick<TaskSpec, 'landing'> {
  if (landing?.pullRequest === undefined || isJoined) return {};
  const { title: _, ...wanted } = landing.pullRequest;
  return { landing: { ...landing, pullRequest: wanted } };
}

/** In the name of what was asked for. */
function joinLanding({ title, landing }: TaskSpec): Pick<TaskSpec, 'landing'> {
  if (landing?.pullRequest === undefined) return {};
  return { landing: { ...landing, pullRequest: { title, ...landing.pullRequest } } };
}

/** Splitting a task must not multiply what it may spend: its children share evenly what is left of its money and tokens. */
export function sharedLimits(
  limits: LimitsSpec,
  { costUsdMicros: cost, tokens } = { costUsdMicros: 0, tokens: 0 },
  shares: number,
): LimitsSpec {
  const share = (limit: number, spent: number): number =>
    Math.max(1, Math.floor((limit - spent) / Math.max(1, shares)));
  return {
    ...limits,
    ...(limits.costUsdMicros === undefined ? {} : { costUsdMicros: share(limits.costUsdMicros, cost) }),
    ...(limits.tokens === undefined ? {} : { tokens: share(limits.tokens, tokens) }),
  };
}

/** None were found at the parent's base: what the children add may bring some, so they are looked for again. */
export const foundChecks = (checks: TaskSpec['checks']): Pick<TaskSpec, 'checks'> =>
  checks === undefined || checks.length === 0 ? {} : { checks };

function inherited(parent: TaskSpec) {
  const { limits, models, protect, setup, tags, people, decider, shadowDecider, baseCommit, priority } = parent;
  const { judge, modes, guards, allowOldFailures } = parent;
  return {
    limits,
    models,
    protect,
    setup,
    tags,
    // A plan was agreed to already, or there is none; what is pushed is asked about each time.
    ...(people === undefined
      ? {}
      : { people: { ...people, approve: people.approve.filter((what) => what === 'push') } }),
    ...(decider === undefined ? {} : { decider }),
    ...(shadowDecider === undefined ? {} : { shadowDecider }),
    ...(baseCommit === undefined ? {} : { baseCommit }),
    ...(judge === undefined ? {} : { judge }),
    // The other steps are those of the parent's handler.
    ...(modes?.judge === undefined ? {} : { modes: { judge: modes.judge } }),
    ...(guards === undefined ? {} : { guards }),
    ...(allowOldFailures === undefined ? {} : { allowOldFailures }),
    ...(priority === undefined ? {} : { priority }),
  };
}

/** Equal for two tasks that say the same, whatever their blanks, line ends and capitals. */
export function fingerprintOf({
  title,
  description,
  acceptanceCriteria,
}: Pick<TaskSpec, 'title' | 'description' | 'acceptanceCriteria'>): string {
  const texts = [title, description, ...acceptanceCriteria].map((text) =>
    text.normalize('NFC').toLowerCase().replaceAll(/\s+/g, ' ').trim(),
  );
  return hashOf(texts, 16);
}

const TITLE_BYTES_MAX = 100;
/** Escaped as JSON: twenty of them travel in one payload, with 200 bytes of other fields each. */
const TITLE_JSON_BYTES_MAX = 120;

/** The title as it travels through the server: whole in the specification, bounded here. */
export function shownTitle(title: string): string {
  for (let bytes = TITLE_BYTES_MAX; ; bytes -= 5) {
    const cut = cutToBytes(title, bytes);
    if (utf8Bytes(JSON.stringify(cut)) <= TITLE_JSON_BYTES_MAX) return cut;
  }
}
