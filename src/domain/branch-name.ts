/** Names of branches: the one weaver makes up, and what git says to those of others. */

/** Long enough to be recognised in a list, short enough for one line of it. */
const SLUG_CHARACTERS_MAX = 40;

/** File systems allow 255 bytes for a name; git adds `.lock` while it writes. */
const PART_BYTES_MAX = 240;
const NAME_CHARACTERS_MAX = 200;

/** `weaver/<slug>-<suffix>`; a title without Latin letters or digits gives `weaver/task-<suffix>`. */
export function defaultBranch(title: string, suffix: string): string {
  const slug = title
    .normalize('NFKD')
    .replaceAll(/\p{Mark}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, SLUG_CHARACTERS_MAX)
    .replace(/-$/, '');
  return `weaver/${slug === '' ? 'task' : slug}-${suffix}`;
}

interface Rule {
  readonly breaks: (name: string) => boolean;
  readonly says: string;
}

const parts = (name: string): readonly string[] => name.split('/');

/** What `git check-ref-format` refuses in `refs/heads/<name>`, what a command would take for an option, and what would mislead. */
const RULES: readonly Rule[] = [
  { breaks: (name) => name === '', says: 'is empty' },
  { breaks: (name) => name.length > NAME_CHARACTERS_MAX, says: `is longer than ${NAME_CHARACTERS_MAX} characters` },
  { breaks: (name) => name.startsWith('-'), says: 'starts with "-"' },
  { breaks: (name) => name.startsWith('refs/'), says: 'starts with "refs/": give the name after refs/heads/ only' },
  { breaks: (name) => name === '@' || name === 'HEAD', says: 'is a name that git keeps for itself' },
  // oxlint-disable-next-line no-control-regex
  { breaks: (name) => /[\u0000-\u0020\u007f]/.test(name), says: 'has a blank or a control character' },
  { breaks: (name) => /[~^:?*[\\]/.test(name), says: 'has one of the characters ~ ^ : ? * [ \\' },
  { breaks: (name) => name.includes('..'), says: 'has ".."' },
  { breaks: (name) => name.includes('@{'), says: 'has "@{"' },
  { breaks: (name) => /^\/|\/\/|\/$/.test(name), says: 'has a slash at its start or end, or two in a row' },
  { breaks: (name) => name.endsWith('.'), says: 'ends with "."' },
  { breaks: (name) => parts(name).some((part) => part.startsWith('.')), says: 'has a part that starts with "."' },
  { breaks: (name) => parts(name).some((part) => part.endsWith('.lock')), says: 'has a part that ends with ".lock"' },
  {
    breaks: (name) => parts(name).some((part) => new TextEncoder().encode(part).length > PART_BYTES_MAX),
    says: `has a part longer than ${PART_BYTES_MAX} bytes`,
  },
  { breaks: (name) => /\p{Surrogate}/u.test(name), says: 'is not valid Unicode' },
];

/** Every reason why the name cannot be a branch; empty if it can. Each starts with a verb, for a name before it. */
export const branchFaults = (name: string): readonly string[] =>
  RULES.filter(({ breaks }) => breaks(name)).map(({ says }) => says);
