/** What is used of a node of tree-sitter. */
export interface SyntaxNode {
  readonly type: string;
  readonly text: string;
  readonly startPosition: { readonly row: number };
  readonly parent: SyntaxNode | null;
  readonly children: readonly (SyntaxNode | null)[];
  /** It, or something below it, is an error. */
  readonly hasError: boolean;
  readonly isError: boolean;
  /** Put in by the parser, to go on. */
  readonly isMissing: boolean;
  childForFieldName(name: string): SyntaxNode | null;
  descendantsOfType(types: string[]): readonly (SyntaxNode | null)[];
}
