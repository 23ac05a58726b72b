/** A plan in Markdown, for the person who approves it or looks at it later. */
import type { Plan, PlannedChild } from './proposal.js';

export function planText(title: string, { children, join, notes }: Plan): string {
  const end = join
    ? 'At the end the branches are merged and the checks of the task run on the whole.'
    : 'The branches are not merged: each child stands for itself.';
  return [`# Plan: ${title}`, ...(notes === '' ? [] : [notes]), ...children.map(childText), `${end}\n`].join('\n\n');
}

function childText(child: PlannedChild, index: number): string {
  const { title, description, acceptanceCriteria, relatedFiles, checks, dependsOn } = child;
  return [
    `## ${index + 1}. ${title}`,
    ...(dependsOn.length === 0 ? [] : [`After ${dependsOn.join(', ')}.`]),
    description,
    ...listed('Done when:', acceptanceCriteria),
    ...listed('Files:', relatedFiles),
    ...(checks.length === 0 ? ['Checks: those of the task.'] : listed('Checks:', checks)),
  ].join('\n\n');
}

const listed = (title: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [`${title}\n\n${items.map((item) => `- ${item.replaceAll('\n', '\n  ')}`).join('\n')}`];
