/** Finds and reads weaver.config.yaml. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { sayIssue, shapeFaults, showFault, showPath, type ShapeFault } from '../schemas/faults.js';
import { readYaml } from '../schemas/yaml-text.js';
import { configFields, configFileSchema, type ConfigFile } from './config-shape.js';

export interface ReadFile {
  /** Absolute path; null if there is none. */
  readonly path: string | null;
  readonly content: ConfigFile;
  readonly faults: readonly string[];
}

const DEFAULT_NAME = 'weaver.config.yaml';

/** Providers and rules by the hundred fit into this. */
const FILE_CHARACTERS_MAX = 256_000;

/** A file that was named must be there; the default one may be absent. A file with faults gives the defaults besides them. */
export function readConfigFile(named: string | undefined, cwd: string): ReadFile {
  const path = resolve(cwd, named ?? DEFAULT_NAME);
  const defaults = configFileSchema.parse({});
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : 'unknown';
    if (code === 'ENOENT' && named === undefined) return { path: null, content: defaults, faults: [] };
    const says = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
    return { path, content: defaults, faults: [`${path}: ${says}`] };
  }
  const { content, faults } = parseConfigText(text, path);
  return { path, content: content ?? defaults, faults };
}

function parseConfigText(
  text: string,
  path: string,
): { readonly content?: ConfigFile; readonly faults: readonly string[] } {
  const read = readYaml(text, FILE_CHARACTERS_MAX);
  if (read.kind === 'faults') return { faults: read.faults.map((fault) => showFault(fault, path, 'the file')) };
  const parsed = configFileSchema.safeParse(read.value ?? {}, { error: sayIssue });
  const shaped = parsed.success ? [] : shapeFaults(parsed.error.issues, configFields).map(withoutKeys);
  const faults = [
    ...read.faults,
    ...shaped.map((fault) => ({ path: showPath(fault.path), line: read.placeOf(fault.path).line, says: fault.says })),
  ].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return {
    ...(parsed.success ? { content: parsed.data } : {}),
    faults: faults.map((fault) => showFault(fault, path, 'the file')),
  };
}

/** Somebody who writes a key into the file needs to hear more than that there is no such field. */
function withoutKeys(fault: ShapeFault): ShapeFault {
  const name = String(fault.path.at(-1) ?? '');
  return fault.says.startsWith('is no field') && /^(?:api)?[-_]?(?:key|token|secret|password)$/i.test(name)
    ? {
        ...fault,
        says: 'is no field: secrets do not belong into this file; put it into an environment variable and name that (keyVariable, git.tokenEnv)',
      }
    : fault;
}
