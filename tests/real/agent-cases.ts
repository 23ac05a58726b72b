import type { RealCase } from './case.js';
import { furtherCases, realCases } from './cases.js';
import type { Manner } from './conversations.js';

export interface AgentCase {
  readonly real: RealCase;
  readonly name: string;
  readonly manner: Manner;
  /** What the model looks for first, as a regular expression. */
  readonly clue: string;
}

const MANNERS: Readonly<Record<string, readonly [Manner, string]>> = {
  'cachetools-missing-not-stored': ['side by side', '__missing__'],
  'natsort-current-folder': ['unindented', 'path_splitter'],
  'semver-zero-part': ['wrong first', '__getitem__'],
  'pyflakes-augmented-print': ['wrong first', 'handleNodeLoad'],
  'pycodestyle-bare-yield': ['from memory', 'E275'],
  'click-path-arguments': ['stumbling', 'is not executable'],
  'python-dotenv-last-line': ['at once', 'def set_key'],
  'semantic-version-leading-zeros': ['unindented', 'def coerce'],
  'parse-fractions-of-seconds': ['by moving', '"%f"'],
  'mistune-bars-in-cells': ['by pages', 'cells'],
  'minimist-constructor-pollution': ['step by step', 'setKey'],
  'decode-uri-component-throws': ['red gate', 'singleMatcher'],
  'extend-prototype-pollution': ['spaces for tabs', String.raw`options\[name\]`],
  'kind-of-believes-names': ['with numbers', String.raw`constructor\.name`],
  'y18n-locale-named-proto': ['wrong first', String.raw`this\.cache\b`],
  'bytes-not-a-number': ['stumbling', 'parseFloat|parseInt'],
  'negotiator-parameters': ['side by side', String.raw`params\[`],
  'commander-help-first': ['by pages', '_checkForMissing'],
  'shell-quote-drive-letters': ['red gate', String.raw`exports\.quote`],
  'mustache-nested-tags': ['with numbers', 'renderPartial'],
  'picomatch-after-negation': ['wrong first', 'extglobStar'],
  'json5-own-proto': ['whole files', String.raw`parent\[key\]`],
  'papaparse-large-exponents': ['by pages', 'FLOAT'],
  'js-yaml-anchor-named-as-a-method': ['from memory', 'hasOwnProperty'],
  'go-version-nil-equal': ['tests first', String.raw`\) Equal\(`],
  'go-wordwrap-characters': ['whole files', 'IsSpace'],
  'mapstructure-large-numbers': ['wrong first', String.raw`json\.Number`],
  'mapstructure-no-hooks': ['side by side', 'DecodeHook'],
  'toml-order-of-keys': ['step by step', String.raw`p\.ordered`],
  'go-shellwords-single-quotes': ['red gate', 'singleQuoted'],
  'cron-skips-other-jobs': ['at once', 'SkipIfStillRunning'],
  'doublestar-trailing-slash': ['tests first', 'isZeroLengthPattern'],
  'decimal-empty-binary': ['by output', 'UnmarshalBinary'],
  'shlex-braces': ['red gate', "'%'"],
  'strsim-one-character': ['from memory', 'a_len == 1'],
  'pico-args-letters-of-words': ['wrong first', 'combined-flags'],
  'godotenv-values-with-spaces': ['spaces for tabs', 'IsSpace'],
};

/** All real cases, each with the manner in which a conversation with tools carries it. */
export const agentCases: readonly AgentCase[] = [...realCases, ...furtherCases].map((real) => {
  const [manner, clue] = MANNERS[real.name] ?? [];
  if (manner === undefined || clue === undefined) throw new Error(`${real.name} is carried in no manner`);
  return { real, name: real.name, manner, clue };
});
