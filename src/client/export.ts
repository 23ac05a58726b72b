/** What a task has asked, been told, tried and decided, as files that can be read without weaver. */
import { isEntry, type Entry } from '../domain/entries.js';
import { artifactsIn, lineagesOf } from '../domain/housekeeping.js';
import type { ArtifactRef } from '../domain/outcome.js';
import { isMap } from '../domain/plain-object.js';
import type { AttemptRecord } from '../domain/record.js';
import type { ArtifactStore, CallRow, Records } from '../ports.js';
import type { ExportFiles } from './export-files.js';
import { entryLines } from './render-record.js';
import { attemptsOf, readStoredTask } from './stored-task.js';

export interface ExportStores {
  readonly artifacts: ArtifactStore;
  readonly records: Records;
  readonly ledger: (lineage: string) => Promise<readonly CallRow[]>;
}

export interface ExportVersions {
  readonly weaver: string;
  readonly node: string;
  readonly platform: string;
  /** Of the Temporal server; null if none could be asked. */
  readonly server: string | null;
}

/** Nodes of a conversation, the last first: as many turns as a task may have, several times over. */
const NODES_MAX = 5_000;

/** Writes the files of one task below `folder` (`''`, or ending in a slash); gives its entries. */
export async function exportTask(
  stores: ExportStores,
  files: ExportFiles,
  taskId: string,
  folder: string,
): Promise<readonly Entry[]> {
  const stored = await readStoredTask(stores.records, taskId);
  const entries = (await stores.records.read(taskId)).filter(isEntry).toSorted((a, b) => a.sequence - b.sequence);
  const calls = (await Promise.all(lineagesOf(taskId).map(stores.ledger))).flat();
  if (stored !== null) files.json(`${folder}task.json`, stored);
  files.lines(`${folder}record.jsonl`, entries);
  files.lines(`${folder}ledger.jsonl`, calls);
  files.text(`${folder}decisions.txt`, `${entries.flatMap(entryLines).join('\n')}\n`);
  const exporter = new ArtifactExport(stores.artifacts, files);
  await exporter.spec(folder, entries);
  for (const attempt of attemptsOf(entries))
    await exporter.attempt(`${folder}attempts/${attempt.attempt}-${attempt.sequence}/`, attempt);
  await exporter.answers(`${folder}calls/`, calls);
  await exporter.others(`${folder}other/`, entries);
  return entries;
}

/** What the versions say: which programs, models, prompts and sandboxes the work is of. */
export function versionsOf(versions: ExportVersions, entries: readonly Entry[]): Readonly<Record<string, unknown>> {
  const attempts = attemptsOf(entries);
  const each = (of: (attempt: AttemptRecord) => string | null): readonly string[] => [
    ...new Set(attempts.flatMap((attempt) => of(attempt) ?? [])),
  ];
  return {
    exportedWith: versions,
    models: each(({ provider, model }) => `${provider}/${model}`),
    prompts: each(({ promptVersion }) => promptVersion),
    sandboxes: each(({ sandbox }) => sandbox),
    deciders: [...new Set(entries.flatMap((entry) => (entry.kind === 'decision' ? [entry.decider] : [])))],
  };
}

/** Artifacts in files with names that a reader looks for. Each is written once. */
class ArtifactExport {
  private readonly written = new Set<string>();

  constructor(
    private readonly artifacts: ArtifactStore,
    private readonly files: ExportFiles,
  ) {}

  async spec(folder: string, entries: readonly Entry[]): Promise<void> {
    const spec = attemptsOf(entries).flatMap(({ artifacts }) => artifacts.find(({ kind }) => kind === 'spec') ?? []);
    const [first] = spec;
    if (first !== undefined) await this.value(`${folder}spec.json`, first);
  }

  async attempt(folder: string, attempt: AttemptRecord): Promise<void> {
    this.files.json(`${folder}attempt.json`, attempt);
    for (const { name, log } of attempt.checks) await this.plain(`${folder}checks/${fileName(name)}.log`, log);
    const counts = new Map<string, number>();
    for (const ref of attempt.artifacts) {
      const number = (counts.get(ref.kind) ?? 0) + 1;
      counts.set(ref.kind, number);
      await this.ofKind(folder, ref, number === 1 ? '' : `-${number}`);
    }
  }

  private async ofKind(folder: string, ref: ArtifactRef, suffix: string): Promise<void> {
    switch (ref.kind) {
      case 'prompt':
        return await this.conversation(`${folder}prompt${suffix}`, ref);
      case 'conversation':
        return await this.conversation(`${folder}conversation${suffix}`, ref);
      case 'answer':
        return await this.value(`${folder}answer${suffix}`, ref);
      case 'diff':
        return await this.plain(`${folder}change${suffix}.patch`, ref);
      case 'log':
        return await this.plain(`${folder}log${suffix}.txt`, ref);
      default:
        return await this.value(`${folder}${ref.kind}${suffix}`, ref);
    }
  }

  /** What the ledger has paid for, in the order of asking. */
  async answers(folder: string, calls: readonly CallRow[]): Promise<void> {
    const ordered = calls.toSorted((a, b) => a.startedAt - b.startedAt);
    for (const [index, { callId, answerSha256 }] of ordered.entries()) {
      if (answerSha256 === undefined) continue;
      const path = `${folder}${String(index + 1).padStart(4, '0')}-${callId.slice(0, 8)}-answer`;
      await this.value(path, { sha256: answerSha256 });
    }
  }

  /** Whatever else the record names: plans, what was voted on, what a person was asked about. */
  async others(folder: string, entries: readonly Entry[]): Promise<void> {
    for (const [sha256, kind] of artifactsIn(entries))
      await this.value(`${folder}${kind}-${sha256.slice(0, 12)}`, { sha256 });
  }

  /** Both as JSON, for programs, and as text. */
  private async conversation(path: string, ref: Pick<ArtifactRef, 'sha256'>): Promise<void> {
    if (!this.isNew(ref)) return;
    const messages: unknown[] = [];
    let at: Pick<ArtifactRef, 'sha256'> | null = ref;
    for (let nodes = 0; at !== null && nodes < NODES_MAX; nodes += 1) {
      const text = await this.read(`${path}.json`, at);
      const node: unknown = text === null ? null : parsed(text);
      if (Array.isArray(node)) messages.unshift(...(node as readonly unknown[]));
      else if (isMap(node) && Array.isArray(node['messages']))
        messages.unshift(...(node['messages'] as readonly unknown[]));
      at = isMap(node) && isMap(node['parent']) ? { sha256: String(node['parent']['sha256']) } : null;
    }
    if (messages.length === 0) return;
    this.files.json(`${path}.json`, messages);
    this.files.text(`${path}.txt`, messages.map(messageText).join('\n\n'));
  }

  /** JSON where it is some, text where it is not. */
  private async value(path: string, ref: Pick<ArtifactRef, 'sha256'>): Promise<void> {
    const text = this.isNew(ref) ? await this.read(path, ref) : null;
    if (text === null) return;
    const value = parsed(text);
    if (typeof value === 'object' && value !== null) this.files.json(withEnding(path, '.json'), value);
    else this.files.text(withEnding(path, '.txt'), text);
  }

  private async plain(path: string, ref: ArtifactRef): Promise<void> {
    const text = this.isNew(ref) ? await this.read(path, ref) : null;
    if (text !== null) this.files.text(path, text);
  }

  private isNew({ sha256 }: Pick<ArtifactRef, 'sha256'>): boolean {
    const before = this.written.size;
    return this.written.add(sha256).size > before;
  }

  private async read(path: string, ref: Pick<ArtifactRef, 'sha256'>): Promise<string | null> {
    try {
      return (await this.artifacts.get(ref)).toString('utf8');
    } catch (thrown) {
      // Kept for some days, on the host whose worker made it.
      this.files.missing(path, thrown instanceof Error ? thrown.message : String(thrown));
      return null;
    }
  }
}

const withEnding = (path: string, ending: string): string => (/\.[a-z]+$/.test(path) ? path : `${path}${ending}`);

/** A check may be called anything. */
const fileName = (text: string): string =>
  text
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 60) || 'check';

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // a patch, a log, an answer in words
  }
}

function messageText(message: unknown): string {
  if (!isMap(message)) return '';
  const calls = Array.isArray(message['toolCalls']) ? (message['toolCalls'] as readonly unknown[]) : [];
  const asked = calls.flatMap((call) =>
    isMap(call) ? [`→ ${String(call['name'])} ${String(call['arguments'])}`] : [],
  );
  return [`## ${String(message['role'])}`, String(message['content'] ?? ''), ...asked].join('\n');
}
