/** How states look: never by colour alone. Colours are tested for contrast on both grounds. */
import type { TaskState } from '../../domain/task.js';

export interface StateMark {
  readonly sign: string;
  readonly words: string;
  /** On a light ground, and on a dark one. */
  readonly light: string;
  readonly dark: string;
}

export const STATE_MARKS: Readonly<Record<TaskState, StateMark>> = {
  pending: { sign: '○', words: 'pending', light: '#5c6370', dark: '#a3abb8' },
  running: { sign: '▶', words: 'running', light: '#1a5fb4', dark: '#7ab8ff' },
  retry_wait: { sign: '↻', words: 'will retry', light: '#8a5a00', dark: '#f0c060' },
  blocked: { sign: '‖', words: 'blocked', light: '#9a3f00', dark: '#ffab70' },
  succeeded: { sign: '✓', words: 'succeeded', light: '#15703a', dark: '#5fd38a' },
  decomposed: { sign: '◆', words: 'decomposed', light: '#6a3fb5', dark: '#c3a6ff' },
  cancelled: { sign: '⊘', words: 'cancelled', light: '#5c6370', dark: '#a3abb8' },
  dead: { sign: '✗', words: 'dead', light: '#b3261e', dark: '#ff8a80' },
  stuck: { sign: '⚠', words: 'stuck', light: '#8b1a4f', dark: '#ff8ac0' },
};

export const TASK_STATES = Object.keys(STATE_MARKS) as readonly TaskState[];

/** `.is-<state>` sets `--mark`; for the page and for a picture on its own. */
export const stateStyles = (): string => `${rules('light')}@media (prefers-color-scheme:dark){${rules('dark')}}`;

const rules = (ground: 'light' | 'dark'): string =>
  TASK_STATES.map((state) => `.is-${state}{--mark:${STATE_MARKS[state][ground]}}`).join('');
