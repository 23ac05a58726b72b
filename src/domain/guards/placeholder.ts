/** Code that was left out: `// ... rest unchanged`, `TODO: implement`, a body that only says that there is none. */
import { elisionIn } from '../elision.js';
import { removedIn, type PatchLine } from '../patch.js';
import { isProse, quoted, type Change, type ChangedFile, type Finding } from './change.js';

export function placeholders({ files }: Change): readonly Finding[] {
  // What stood somewhere before has only been moved.
  const known = new Set(files.flatMap(removedIn).map(({ text }) => text.trim()));
  return files
    .filter(({ path, change }) => change !== 'deleted' && !isProse(path))
    .flatMap((file) => inFile(file, known));
}

function inFile(file: ChangedFile, known: ReadonlySet<string>): readonly Finding[] {
  return blocks(file.lines).flatMap(({ added, removed }) => {
    const replaced = removed.some(({ text }) => text.trim() !== '');
    const old = replaced ? removed.map(({ text }) => text).join('\n') : null;
    return added
      .filter(({ text }) => !known.has(text.trim()) && isPlaceholder(text, old))
      .slice(0, FOUND_MAX)
      .map(({ text, line }): Finding => ({
        guard: 'placeholder',
        path: file.path,
        line,
        says: `${quoted(text)} stands in place of code.`,
        weight: 'deny',
      }));
  });
}

/** Of one block of lines: whoever leaves out more has been told. */
const FOUND_MAX = 5;

const isPlaceholder = (text: string, old: string | null): boolean =>
  text.length <= LINE_CHARACTERS_MAX &&
  (elisionIn(text, old) !== null ||
    UNDONE.test(text) ||
    EMPTY_MACRO.test(text) ||
    (old !== null && NO_BODY.test(text)));

const LINE_CHARACTERS_MAX = 300;
const COMMENT = String.raw`(?:\/\/|#|\/\*|\*|<!--|--|;|%)\s*`;
/** Only as a comment: a list of tasks has such words too. */
const UNDONE = new RegExp(
  `${COMMENT}(?:(?:TODO|FIXME|XXX)\\b[:\\s-]*(?:implement|add (?:the )?(?:actual |real )?(?:implementation|logic|code)|fill in|write this)|(?:your|actual|real|remaining) (?:code|logic|implementation) (?:goes )?here|implementation (?:goes|comes) here|not (?:yet )?implemented(?: yet)?[.\\s]*$)`,
  'i',
);
const EMPTY_MACRO = /^\s*(?:todo|unimplemented)!\s*\(/;
/** An abstract method says so too, so it counts only where code was taken away for it. */
const NO_BODY =
  /^\s*(?:raise NotImplementedError\b|throw new (?:Error|\w*NotImplemented\w*|UnsupportedOperationException)\((?:['"`]not (?:yet )?implemented)|panic\("(?:not implemented|TODO))/i;

interface Block {
  readonly added: readonly PatchLine[];
  readonly removed: readonly PatchLine[];
}

/** Lines that were changed together: between two lines that stayed. */
function blocks(lines: readonly PatchLine[]): readonly Block[] {
  const made: { added: PatchLine[]; removed: PatchLine[] }[] = [];
  let open: { added: PatchLine[]; removed: PatchLine[] } | null = null;
  for (const line of lines) {
    if (line.sign === ' ') {
      open = null;
      continue;
    }
    if (open === null) {
      open = { added: [], removed: [] };
      made.push(open);
    }
    (line.sign === '+' ? open.added : open.removed).push(line);
  }
  return made;
}
