/**
 * What a person sees in the Temporal Web UI: the summaries of the steps, the details with the table of attempts.
 * `WEAVER_SCREENSHOTS=1` writes the pictures of docs.
 */
import { resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { describeInChromium, findChromium, startChromium } from './chromium';
import { answerValue, CHECK, until, valueFiles, World, type RunResult } from './world';

const executable = findChromium();

describeInChromium('the Web UI', () => {
  let world: World;
  let browser: Browser;
  let finished: RunResult;

  beforeAll(async () => {
    world = await World.start({
      script: [
        {
          when: { contains: 'Make the value right' },
          answers: [
            { kind: 'json', value: answerValue('wronger') },
            { kind: 'json', value: answerValue('right') },
          ],
        },
        {
          when: { contains: 'Never right' },
          answers: [1, 2, 3, 4, 5, 6].map((n) => ({ kind: 'json', value: answerValue(`wrong ${n}`) })),
        },
      ],
    });
    browser = await startChromium(executable ?? '');
    finished = await world.run(task('Make the value right', 'finished'));
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await world?.stop();
  }, 60_000);

  const task = (title: string, name: string) => ({
    title,
    description: 'The file value.txt holds the wrong value.',
    acceptanceCriteria: ['value.txt says right'],
    repo: { url: world.repository(name, valueFiles()) },
    checks: [CHECK],
    key: name,
  });

  it('shows a finished task: the summary of each step, the table of attempts, the last decision', async () => {
    expect(finished.exitCode).toBe(0);
    const page = await open(browser, finished.webUrl ?? '', finished.taskId);
    await expectText(page, [
      'attempt 1: open workspace',
      'attempt 2: open workspace',
      'attempt 2 of 5: checksFailed',
      /push weaver\/make-the-value-right/,
    ]);
    await picture(page, 'web-ui-finished');
    await page.getByText('User Metadata').first().click();
    await expectText(page, ['Make the value right', 'Last decision', 'complete', 'checksFailed', /attempt 2 of 5/]);
    await picture(page, 'web-ui-details');
  }, 120_000);

  it('shows a task between two attempts: what failed, and when it is tried again', async () => {
    const running = world.run(task('Never right', 'retrying'));
    await until(() => world.requestsFor('Never right') >= 3, 'the third attempt has asked', 60_000);
    const page = await open(browser, finished.webUrl ?? '', 'job/retrying/t/0');
    await expectText(page, ['Never right', /attempt 4 of 5: checksFailed/]);
    await picture(page, 'web-ui-retrying');
    await page.getByText('User Metadata').first().click();
    await expectText(page, ['Last decision', 'retry', 'checksFailed']);
    await world.cli(['cancel', 'job/retrying', '--reason', 'seen enough']);
    expect(await running).toMatchObject({ state: 'cancelled', exitCode: 10 });
  }, 120_000);
});

/** The page of a workflow on the server whose Web UI another link names. */
async function open(browser: Browser, link: string, workflowId: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1_400, height: 1_500 } });
  await page.goto(`${new URL(link).origin}/namespaces/default/workflows/${encodeURIComponent(workflowId)}`);
  return page;
}

/** In whichever frame: the Web UI shows Markdown in frames of their own. */
async function expectText(page: Page, texts: readonly (string | RegExp)[]): Promise<void> {
  const isShown = async (text: string | RegExp) =>
    (await Promise.allSettled(page.frames().map((frame) => frame.getByText(text).first().isVisible()))).some(
      // A frame that is replaced meanwhile does not show it.
      (shown) => shown.status === 'fulfilled' && shown.value,
    );
  for (const text of texts) await until(() => isShown(text), `the page shows ${text}`, 20_000);
}

async function picture(page: Page, name: string): Promise<void> {
  if (process.env['WEAVER_SCREENSHOTS'] !== '1') return;
  await page.screenshot({ path: resolve(__dirname, '../../docs/pictures', `${name}.png`) });
}
