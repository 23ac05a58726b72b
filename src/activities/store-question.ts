/**
 * Puts a question where models' calls find it, with the models' names settled.
 * Harmless twice: content is stored by its name, and the names follow from the configuration.
 */
import { fieldOf } from '../domain/task.js';
import { fromTextParts } from '../domain/text-parts.js';
import type { ModelChoice } from '../domain/task.js';
import { PortFault } from '../ports.js';
import type { ActivityPorts } from './activity-ports.js';
import type { NamedModel, Question } from './contract.js';

const ROLES = ['system', 'user'] as const;

/** @param parts prompt, schema and models as text, cut */
export const createStoreQuestion =
  ({ artifacts, settings }: ActivityPorts) =>
  async (...parts: readonly string[]): Promise<Question> => {
    const asked = fromTextParts(parts);
    const schema = fieldOf(asked, 'schema');
    // The workflow's own input, of a client of weaver; a name that is none is refused by the settings.
    const models = fieldOf(asked, 'models') as readonly ModelChoice[];
    const named = namedModels(settings, models);
    return {
      prompt: await artifacts.put('prompt', JSON.stringify(messagesOf(fieldOf(asked, 'prompt')))),
      schema: schema === undefined ? null : await artifacts.put('spec', JSON.stringify(schema)),
      models: named,
    };
  };

/** Rejects (PortFault unknownProvider) if the configuration lacks one. */
export const namedModels = (
  settings: ActivityPorts['settings'],
  choices: readonly ModelChoice[],
): readonly NamedModel[] =>
  choices.map((choice) => {
    const { name: provider, model } = settings.provider(choice);
    return { provider, model };
  });

/** Blanks around a message say nothing, and an empty one is none. */
function messagesOf(prompt: unknown) {
  const given: readonly unknown[] = Array.isArray(prompt) ? prompt : [{ role: 'user', content: prompt }];
  const messages = given.flatMap((message) => {
    const content = fieldOf(message, 'content');
    const role = ROLES.find((known) => known === fieldOf(message, 'role')) ?? 'user';
    return typeof content === 'string' && content.trim() !== '' ? [{ role, content: content.trim() }] : [];
  });
  if (messages.length === 0) throw new PortFault('invalidTask', 'The question is empty.', false);
  return messages;
}
