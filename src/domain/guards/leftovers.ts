/** What work leaves lying about: marks of a merge, copies that tools make, statements for a debugger. */
import { addedIn } from '../patch.js';
import { isProse, quoted, type Change, type ChangedFile, type Finding } from './change.js';

export const leftovers = ({ files }: Change): readonly Finding[] =>
  files.filter(({ change }) => change !== 'deleted').flatMap((file) => [...conflictMarks(file), ...strayCopy(file)]);

/** Both ends: one of them alone may be an underlined heading, or a quotation. */
function conflictMarks(file: ChangedFile): readonly Finding[] {
  const added = addedIn(file);
  const open = added.find(({ text }) => /^<{7}(?: |$)/.test(text));
  const close = added.find(({ text }) => /^>{7}(?: |$)/.test(text));
  if (open === undefined || close === undefined) return [];
  const says = `${quoted(open.text)} is the mark of a merge conflict.`;
  return [{ guard: 'leftovers', path: file.path, line: open.line, says, weight: 'deny' }];
}

const STRAY = /(?:\.(?:orig|rej|bak|swp|swo)|~)$|(?:^|\/)(?:\.DS_Store|Thumbs\.db)$/;

const strayCopy = ({ path, change }: ChangedFile): readonly Finding[] =>
  change === 'added' && STRAY.test(path)
    ? [{ guard: 'leftovers', path, line: null, says: 'It is a copy that a tool has left behind.', weight: 'deny' }]
    : [];

/** Only whole statements of their own; a program that has a debugger for its subject sets the guard to `allow`. */
const DEBUGGERS: readonly (readonly [RegExp, RegExp])[] = [
  [/\.[cm]?[jt]sx?$|\.vue$|\.svelte$/, /^\s*debugger\s*;?\s*$/],
  [/\.py$/, /^\s*(?:breakpoint\(\)|(?:import )?i?pdb(?:\.set_trace\(\))?|import i?pdb;.*)\s*(?:#.*)?$/],
  [/\.rb$/, /^\s*(?:binding\.(?:pry|irb|break)|byebug|debugger)\s*$/],
  [/\.rs$/, /^\s*dbg!\(.*\);?\s*$/],
  [/\.php$/, /^\s*(?:var_dump|dd|xdebug_break)\(.*\);\s*$/],
];

export const debugStatements = ({ files }: Change): readonly Finding[] =>
  files.flatMap((file) => {
    if (isProse(file.path) || file.change === 'deleted') return [];
    const patterns = DEBUGGERS.filter(([path]) => path.test(file.path)).map(([, statement]) => statement);
    return addedIn(file)
      .filter(({ text }) => patterns.some((statement) => statement.test(text)))
      .slice(0, 5)
      .map(({ text, line }): Finding => ({
        guard: 'debugStatements',
        path: file.path,
        line,
        says: `${quoted(text)} is for a debugger.`,
        weight: 'warn',
      }));
  });
