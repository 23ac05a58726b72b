/** Registers weaver's search attributes on a server that was not started by weaver. */
import type { OperatorService } from '@temporalio/client';
import { PortFault } from './ports.js';
import { searchAttributeTypes, type SearchAttributeTypeName } from './workflows/messages.js';

/** Numbers of temporal.api.enums.v1.IndexedValueType. */
const TYPE_NUMBERS: Readonly<Record<SearchAttributeTypeName, number>> = {
  Keyword: 2,
  Int: 3,
  Double: 4,
  Datetime: 6,
  KeywordList: 7,
};

/**
 * Adds those that the namespace lacks; harmless twice. A workflow that sets an unknown one would be stuck for ever, so a
 * server that refuses them is a fault of the configuration.
 */
export async function ensureSearchAttributes(operator: OperatorService, namespace: string): Promise<void> {
  try {
    const { customAttributes } = await operator.listSearchAttributes({ namespace });
    const missing = Object.entries(searchAttributeTypes()).filter(([name]) => customAttributes[name] === undefined);
    if (missing.length === 0) return;
    const searchAttributes = Object.fromEntries(missing.map(([name, type]) => [name, TYPE_NUMBERS[type]]));
    await operator.addSearchAttributes({ namespace, searchAttributes });
  } catch (cause) {
    const says = cause instanceof Error ? cause.message : String(cause);
    throw new PortFault(
      'searchAttributesMissing',
      `${says} Wanted: ${Object.entries(searchAttributeTypes())
        .map(([name, type]) => `${name}=${type}`)
        .join(' ')}.`,
      false,
      { cause },
    );
  }
}
