/** How often a second the embedded server looks for new work (docs/decisions/0005), and whose turn it is (docs/decisions/0013). */
export const DYNAMIC_CONFIG: readonly string[] = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'history.visibilityProcessorMaxPollRPS=2000',
  'matching.enableFairness=true',
  'matching.numTaskqueueWritePartitions=1',
];
