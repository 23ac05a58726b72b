/** The list of edits that every level of interaction ends in. */

/** As the model sends it; fields that an operation does not use are null. */
export interface Edit {
  readonly op: 'write' | 'replace' | 'delete' | 'move';
  readonly path: string;
  /** `write`: the whole new file. */
  readonly content: string | null;
  /** `replace`: text that occurs exactly once in the file. */
  readonly search: string | null;
  readonly replace: string | null;
  /** `replace`: every place where `search` stands, literally, in place of the only one. */
  readonly all?: boolean;
  /** `write`: refused if the file is there already. */
  readonly onlyNew?: true;
  /** `move`: the new path. */
  readonly to: string | null;
}

/** A one-shot answer. */
export interface Answer {
  readonly edits: readonly Edit[];
  readonly commitMessage: string;
  readonly notes: string;
  /** What the model has to know before it can do the task; absent if it asks nothing. */
  readonly question?: string;
}
