/** The workflows of a project that has deciders of its own: bundled when its worker starts, as scripts/build.mjs bundles ours. */
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkerOptions } from '@temporalio/worker';
import { PortFault } from './ports.js';

/** Two of them in one bundle would not know each other's classes. */
const ONE_OF_EACH = ['@temporalio/workflow', '@temporalio/common'];

/**
 * Rejects (ownWorkflows) if the file cannot be loaded or bundled. It is loaded here as well, so that this process knows the
 * deciders that it registers.
 */
export async function bundleOwnWorkflows(workflowsPath: string): Promise<NonNullable<WorkerOptions['workflowBundle']>> {
  const complaints: string[] = [];
  const logger = new DefaultLogger('WARN', ({ level, message }) => complaints.push(`${level}: ${message}`));
  try {
    await import(pathToFileURL(workflowsPath).href);
    // Each workflow has modules of its own, unlike in our bundle: those of the project may keep something.
    return await bundleWorkflowCode({
      workflowsPath,
      workflowInterceptorModules: ['size-guard.js', 'cancel-message.js'].map((file) =>
        join(__dirname, 'workflows', file),
      ),
      logger,
      webpackConfigHook: (config) => ({
        ...config,
        resolve: { ...config.resolve, alias: { ...config.resolve?.alias, ...ourPackages() } },
      }),
    });
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new PortFault('ownWorkflows', [`${workflowsPath}: ${why}`, ...complaints].join('\n'), false);
  }
}

const ourPackages = (): Readonly<Record<string, string>> =>
  Object.fromEntries(ONE_OF_EACH.map((name) => [name, dirname(require.resolve(`${name}/package.json`))]));
