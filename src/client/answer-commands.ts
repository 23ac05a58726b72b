/** What a person types to answer a question; pure. */
import type { Question } from '../domain/outcome.js';

/** The command lines that answer a question. */
export function answersTo(taskId: string, { kind, options, id }: Question): readonly string[] {
  switch (kind) {
    case 'approval':
      return [`weaver approve ${taskId}`, `weaver approve ${taskId} --reject --why 'what is wrong with it'`];
    case 'choice':
      return options.map(
        (option) => `weaver answer ${taskId} ${option.startsWith('-') ? '-- ' : ''}${shellWord(option)}`,
      );
    case 'work':
      return [`weaver done ${taskId} --message 'what was done'`];
    case 'text':
      return [`weaver answer ${taskId} 'your answer' --question ${id}`];
    default:
      throw new TypeError(`unknown question ${JSON.stringify(kind satisfies never)}`);
  }
}

/** A value as one word of a POSIX shell. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./][\w@%+=:,./~-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
